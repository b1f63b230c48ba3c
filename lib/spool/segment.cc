#include "baro/spool/segment.h"

#include <bit>
#include <concepts>
#include <cstring>

#include "baro/base/check.h"
#include "baro/base/crc32c.h"
#include "baro/base/strings.h"

namespace baro::spool {
namespace {

constexpr std::string_view kMagic = "BAROSPL1";
// kind, then for a batch: first sequence, frames, samples, priority; for a declaration: its id.
constexpr size_t kBatchFieldBytes = 1 + 8 + 4 + 4 + 1;
constexpr size_t kDeclarationFieldBytes = 1 + 8;

template <std::integral T>
void PutLittle(T value, std::string* bytes) {
  for (size_t i = 0; i < sizeof(T); ++i)
    bytes->push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}

template <std::integral T>
T TakeLittle(std::string_view* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value |= uint64_t{static_cast<uint8_t>((*bytes)[i])} << (8 * i);
  bytes->remove_prefix(sizeof(T));
  return static_cast<T>(value);
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot read spool record: ", what));
}

absl::StatusOr<Record> DecodeBatch(std::string_view payload) {
  if (payload.size() < kBatchFieldBytes - 1) return Damaged("batch fields are cut off");
  Record record{.kind = RecordKind::kBatch};
  record.first_sequence = TakeLittle<uint64_t>(&payload);
  record.frame_count = TakeLittle<uint32_t>(&payload);
  record.sample_count = TakeLittle<uint32_t>(&payload);
  record.priority = TakeLittle<uint8_t>(&payload);
  record.bytes = payload;
  if (record.first_sequence == 0 || record.frame_count == 0 ||
      record.first_sequence > UINT64_MAX - record.frame_count) {
    return Damaged(base::StrCat("batch of ", record.frame_count, " frames from sequence ",
                                record.first_sequence));
  }
  return record;
}

}  // namespace

void AppendSegmentHeader(const SegmentHeader& header, std::string* bytes) {
  const size_t start = bytes->size();
  bytes->append(kMagic);
  PutLittle(header.number, bytes);
  PutLittle(header.created_ms, bytes);
  PutLittle(header.first_sequence, bytes);
  PutLittle(header.next_declaration_id, bytes);
  PutLittle(base::Crc32c(std::string_view(*bytes).substr(start)), bytes);
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes)
    return absl::DataLossError("cannot read spool segment header: it is cut off");
  const uint32_t checksum = base::Crc32c(bytes.substr(0, kSegmentHeaderBytes - 4));
  if (!bytes.starts_with(kMagic))
    return absl::DataLossError("cannot read spool segment header: no magic at byte 0");
  bytes.remove_prefix(kMagic.size());
  SegmentHeader header;
  header.number = TakeLittle<uint64_t>(&bytes);
  header.created_ms = TakeLittle<int64_t>(&bytes);
  header.first_sequence = TakeLittle<uint64_t>(&bytes);
  header.next_declaration_id = TakeLittle<uint64_t>(&bytes);
  if (TakeLittle<uint32_t>(&bytes) != checksum)
    return absl::DataLossError("cannot read spool segment header: wrong checksum");
  return header;
}

void AppendRecord(const Record& record, std::string* bytes) {
  const size_t fields =
      record.kind == RecordKind::kBatch ? kBatchFieldBytes : kDeclarationFieldBytes;
  const size_t size = fields + record.bytes.size();
  BARO_CHECK_LE(size, kRecordBytesMax);
  PutLittle(static_cast<uint32_t>(size), bytes);
  const size_t checksum_at = bytes->size();
  PutLittle(uint32_t{0}, bytes);
  const size_t payload_at = bytes->size();
  PutLittle(static_cast<uint8_t>(record.kind), bytes);
  if (record.kind == RecordKind::kBatch) {
    PutLittle(record.first_sequence, bytes);
    PutLittle(record.frame_count, bytes);
    PutLittle(record.sample_count, bytes);
    PutLittle(record.priority, bytes);
  } else {
    PutLittle(record.declaration_id, bytes);
  }
  bytes->append(record.bytes);
  std::string checksum;
  PutLittle(base::Crc32c(std::string_view(*bytes).substr(payload_at)), &checksum);
  bytes->replace(checksum_at, checksum.size(), checksum);
}

absl::StatusOr<Record> DecodeRecord(std::string_view* bytes) {
  const absl::Status cut_off = absl::OutOfRangeError("cannot read spool record: it is cut off");
  if (bytes->size() < kRecordHeaderBytes) return cut_off;
  std::string_view rest = *bytes;
  const auto size = TakeLittle<uint32_t>(&rest);
  const auto checksum = TakeLittle<uint32_t>(&rest);
  if (size < kDeclarationFieldBytes || size > kRecordBytesMax)
    return Damaged(base::StrCat("size ", size));
  if (rest.size() < size) return cut_off;
  std::string_view payload = rest.substr(0, size);
  rest.remove_prefix(size);
  if (base::Crc32c(payload) != checksum) return Damaged("wrong checksum");
  const auto kind = static_cast<RecordKind>(TakeLittle<uint8_t>(&payload));
  Record record{.kind = kind};
  if (kind == RecordKind::kBatch) {
    auto batch = DecodeBatch(payload);
    if (!batch.ok()) return batch;
    record = *batch;
  } else if (kind == RecordKind::kDeclaration) {
    record.declaration_id = TakeLittle<uint64_t>(&payload);
    record.bytes = payload;
  } else {
    return Damaged(base::StrCat("unknown kind ", static_cast<int>(kind)));
  }
  *bytes = rest;
  return record;
}

}  // namespace baro::spool
