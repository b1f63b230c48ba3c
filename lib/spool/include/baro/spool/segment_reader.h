// SegmentReader: a place in a segment, with the bytes around it read ahead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "baro/spool/segment.h"

namespace baro::spool {

// Thread-compatible. Holds at most one record and kReadAheadBytes.
class SegmentReader {
 public:
  static constexpr size_t kReadAheadBytes = 256 << 10;

  SegmentReader(uint64_t number, std::string path) : number_(number), path_(std::move(path)) {}

  uint64_t number() const { return number_; }
  // Of the next record.
  uint64_t offset() const { return buffer_offset_ + used_; }

  // The record at offset(), which lies below `limit`; nothing when the limit is reached. Errors:
  // DataLoss (with path and offset), and those of the disk.
  absl::StatusOr<std::optional<Record>> Next(base::Disk* disk, uint64_t limit);

 private:
  absl::Status Fill(base::Disk* disk, uint64_t limit, size_t bytes);

  uint64_t number_;
  std::string path_;
  std::string buffer_;
  uint64_t buffer_offset_ = kSegmentHeaderBytes;
  size_t used_ = 0;
};

}  // namespace baro::spool
