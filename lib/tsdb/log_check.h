// Looks through RocksDB's write-ahead logs before RocksDB does. A log may end in a torn write: that
// was never acknowledged, and is cut off. But every write is synced before the next one begins, so
// damage that a later write lies behind was acknowledged once. RocksDB would cut there just the
// same and say nothing.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace baro::tsdb {

struct LogDamage {
  std::string file;     // its name in the folder
  uint64_t offset = 0;  // of the first block or record that is damaged
};

// The offset of damage with a whole record behind it, of a log's bytes told piece by piece.
// Thread-compatible.
class LogScanner {
 public:
  // Blocks of a log, as they follow one another; only the last may be shorter.
  static constexpr size_t kBlockBytes = size_t{32} << 10;
  void Block(std::string_view bytes);
  // Whether the log is damaged other than at its end.
  bool damaged() const { return damaged_; }
  uint64_t offset() const { return bad_offset_; }

 private:
  void Bad(uint64_t offset);

  uint64_t block_begin_ = 0;
  bool bad_seen_ = false;
  uint64_t bad_offset_ = 0;
  bool damaged_ = false;
};

// Of all logs of a folder, by name; they are linked or copied under quarantine/, for RocksDB will
// cut and remove them. Errors: Unavailable, ResourceExhausted. A folder that is not there has none.
absl::StatusOr<std::vector<LogDamage>> SetDamagedLogsAside(const std::string& path,
                                                           rocksdb::Env* env);

}  // namespace baro::tsdb
