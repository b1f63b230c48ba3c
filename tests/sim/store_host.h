// StoreHost: a real tsdb::Store that can be killed, lose power and come back.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/tsdb/store.h"
#include "baro/tsdb/testing/fault_file_system.h"

namespace baro::sim {

// Thread-compatible. Owns the store and its disk.
class StoreHost {
 public:
  StoreHost(const base::Clock* clock, uint64_t seed);
  ~StoreHost();

  // Errors: those of Store::Open(); the power may go meanwhile.
  absl::Status Start();
  tsdb::testing::FaultFileSystem* disk() { return disk_.get(); }
  // kill -9: what was written is there. Power cut: what was not synced may be gone.
  void Kill(bool power_cut);
  // Null while it is down.
  tsdb::Store* store() { return store_.get(); }

  // Appends and waits for the outcome, so that a run is the same every time.
  tsdb::AppendResult Append(tsdb::FrameBatch batch);

 private:
  std::string Folder() const;

  const base::Clock* const clock_;
  const uint64_t seed_;
  const std::string folder_;
  uint64_t lives_ = 0;
  std::shared_ptr<tsdb::testing::FaultFileSystem> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<tsdb::Store> store_;
};

}  // namespace baro::sim
