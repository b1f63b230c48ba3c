// Segment: the bytes of one file of the spool. docs/formats/spool.md draws them.
//
//   segment = header, record, record, …
//   record  = size u32 | crc32c u32 | kind u8 | payload        (little-endian; crc of kind +
//   payload)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::spool {

// What a damaged size can make a reader allocate. A batch travels as one gRPC message (16 MiB at
// most), so no record is larger.
inline constexpr size_t kRecordBytesMax = 16 << 20;
inline constexpr size_t kSegmentHeaderBytes = 44;
inline constexpr size_t kRecordHeaderBytes = 8;

enum class RecordKind : uint8_t { kDeclaration = 1, kBatch = 2 };

// What a declaration or a batch is to the spool; `bytes` is the caller's business.
struct Record {
  RecordKind kind = RecordKind::kBatch;
  // Declaration: the caller's number for it. The spool never forgets the largest it has seen.
  uint64_t declaration_id = 0;
  // Batch: frames first_sequence … first_sequence + frame_count - 1.
  uint64_t first_sequence = 0;
  uint32_t frame_count = 0;
  uint32_t sample_count = 0;
  uint8_t priority = 0;  // larger is shed later
  std::string_view bytes{};

  uint64_t last_sequence() const { return first_sequence + frame_count - 1; }
};

struct SegmentHeader {
  uint64_t number = 0;
  int64_t created_ms = 0;
  // The first frame written to this segment; frames from here on in an older segment are void.
  uint64_t first_sequence = 0;
  // Larger than every declaration id of the segments before.
  uint64_t next_declaration_id = 0;
};

void AppendSegmentHeader(const SegmentHeader& header, std::string* bytes);
// Errors: DataLoss.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

// Requires record.bytes to leave room below kRecordBytesMax.
void AppendRecord(const Record& record, std::string* bytes);

// Reads the record at the front of `bytes` and drops it. `bytes` may come from a damaged disk.
// Errors: OutOfRange (`bytes` ends inside the record), DataLoss (damaged, and how).
absl::StatusOr<Record> DecodeRecord(std::string_view* bytes);

}  // namespace baro::spool
