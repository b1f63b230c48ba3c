// PartWriter: one part's sorted files, keys in order; a new file where one has grown large.
#pragma once

#include <rocksdb/sst_file_writer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "database.h"
#include "keys.h"

namespace baro::tsdb {

// A file of a part grows to about this much: what a rewrite or a backup moves at a time.
inline constexpr uint64_t kPartFileBytesMax = uint64_t{256} << 20;

// Thread-compatible.
class PartWriter {
 public:
  // Files are named `stem`.0.sst and so on. `merged`: for long life, so packed harder.
  PartWriter(const Database& database, std::string stem, bool merged,
             uint64_t file_bytes_max = kPartFileBytesMax);

  // Keys ascend.
  absl::Status Put(const SlotKey& key, std::string_view value);
  // Syncs. Without any Put() there is no file.
  absl::Status Finish();

  // Files begun so far, finished or not.
  const std::vector<std::string>& files() const { return files_; }
  uint64_t bytes() const { return bytes_; }  // of the finished ones

 private:
  absl::Status FinishFile();

  const std::string stem_;
  const rocksdb::Options options_;
  const uint64_t file_bytes_max_;
  std::unique_ptr<rocksdb::SstFileWriter> writer_;
  std::vector<std::string> files_;
  uint64_t bytes_ = 0;
};

}  // namespace baro::tsdb
