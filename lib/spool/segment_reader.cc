#include "baro/spool/segment_reader.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::spool {

absl::Status SegmentReader::Fill(base::Disk* disk, uint64_t limit, size_t bytes) {
  buffer_offset_ += used_;
  used_ = 0;
  const uint64_t size = std::min<uint64_t>(bytes, limit - buffer_offset_);
  BARO_TRY_ASSIGN(buffer_, disk->Read(path_, buffer_offset_, size));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Record>> SegmentReader::Next(base::Disk* disk, uint64_t limit) {
  size_t wanted = kReadAheadBytes;
  while (true) {
    const uint64_t available = limit - std::min(limit, offset());
    if (available == 0) return std::optional<Record>();
    const uint64_t usable = std::min<uint64_t>(buffer_.size() - used_, available);
    std::string_view rest = std::string_view(buffer_).substr(used_, usable);
    auto record = DecodeRecord(&rest);
    if (record.ok()) {
      used_ += usable - rest.size();
      return std::optional<Record>(*record);
    }
    const bool may_go_on = absl::IsOutOfRange(record.status()) && usable < available &&
                           wanted <= 2 * (kRecordBytesMax + kRecordHeaderBytes);
    if (!may_go_on) {
      return absl::DataLossError(base::StrCat(base::FromAbsl(record.status().message()), " (",
                                              path_, " at byte ", offset(), ")"));
    }
    BARO_TRY(Fill(disk, limit, wanted));
    wanted *= 2;
  }
}

}  // namespace baro::spool
