// StoreHost: a real tsdb::Store that can be killed, lose power and come back.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/tsdb/store.h"

namespace baro::sim {

// Thread-compatible. Owns the store and its disk.
class StoreHost {
 public:
  StoreHost(const base::Clock* clock, uint64_t seed);
  ~StoreHost();

  // Errors: those of Store::Open().
  absl::Status Start();
  // kill -9: what was written is there. Power cut: what was not synced may be gone.
  void Kill(bool power_cut);
  // Null while it is down.
  tsdb::Store* store() { return store_.get(); }

  // Appends and waits for the outcome, so that a run is the same every time.
  tsdb::AppendResult Append(tsdb::FrameBatch batch);

 private:
  const base::Clock* const clock_;
  const std::string folder_;
  int lives_ = 0;
  std::unique_ptr<tsdb::Store> store_;
};

}  // namespace baro::sim
