#include "part_reader.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

// Neighbours are reached by stepping; a seek costs about as much as this many steps.
constexpr int kStepsMax = 4;

}  // namespace

PartReader::PartReader(const Database& database, std::atomic<uint64_t>* damaged_total)
    : database_(database), damaged_total_(damaged_total) {}

void PartReader::Want(SlotKey key, PartFragment* fragment) {
  const auto& positions = fragment->positions;
  for (uint32_t first = 0; first < positions.size();) {
    key.block = static_cast<uint16_t>(positions[first] / kBlockColumns);
    uint32_t end = first;
    while (end < positions.size() && positions[end] / kBlockColumns == key.block) ++end;
    wanted_.push_back({key, fragment, first, end - first});
    first = end;
  }
  key.block = kTimesBlock;
  wanted_.push_back({key, fragment, 0, 0});
}

absl::Status PartReader::Fetch() {
  std::sort(wanted_.begin(), wanted_.end(),
            [](const Wanted& a, const Wanted& b) { return a.key < b.key; });
  const std::vector<Wanted> all = std::exchange(wanted_, {});
  if (all.empty()) return absl::OkStatus();
  const Database::Using use(database_);
  if (database_.db() == nullptr) {
    return absl::UnavailableError(base::StrCat("cannot read ", database_.path(), ": not open"));
  }
  const absl::Status status = FetchAll(all);
  iterator_.reset();  // it must not outlive `use`
  return status;
}

absl::Status PartReader::FetchAll(const std::vector<Wanted>& all) {
  for (const Wanted& wanted : all) {
    std::string_view value;
    BARO_TRY(Seek(wanted.key, &value));
    if (wanted.key.block != kTimesBlock) {
      BARO_TRY(FetchValues(wanted, value));
      continue;
    }
    auto times = DecodeSlotTimes(value);
    if (!times.ok()) return Damaged(wanted.key, times.status());
    wanted.fragment->times_ms = *std::move(times);
    const PartFragment& fragment = *wanted.fragment;
    if (fragment.values.size() != fragment.times_ms.size() * fragment.positions.size()) {
      return Damaged(wanted.key, absl::DataLossError("more times than values or fewer"));
    }
  }
  return absl::OkStatus();
}

absl::Status PartReader::Seek(const SlotKey& key, std::string_view* value) {
  const std::string bytes = EncodeSlotKey(key);
  const rocksdb::Slice slice(bytes);
  if (iterator_ == nullptr) {
    iterator_.reset(database_.db()->NewIterator(rocksdb::ReadOptions(), database_.slots()));
  }
  int steps = 0;
  while (iterator_->Valid() && steps < kStepsMax && iterator_->key().compare(slice) < 0) {
    iterator_->Next();
    ++steps;
  }
  if (!iterator_->Valid() || iterator_->key() != slice) iterator_->Seek(slice);
  if (!iterator_->status().ok()) {
    const absl::Status cause = ToStatus(iterator_->status(), "read");
    return cause.code() == absl::StatusCode::kDataLoss ? Damaged(key, cause) : cause;
  }
  if (!iterator_->Valid() || iterator_->key() != slice) {
    return Damaged(key, absl::DataLossError("it is missing"));
  }
  *value = FromSlice(iterator_->value());
  return absl::OkStatus();
}

absl::Status PartReader::FetchValues(const Wanted& wanted, std::string_view value) {
  auto parsed = SlotValues::Parse(value);
  if (!parsed.ok()) return Damaged(wanted.key, parsed.status());
  PartFragment& fragment = *wanted.fragment;
  const size_t rows = parsed->row_count();
  if (fragment.values.empty()) fragment.values.resize(rows * fragment.positions.size());
  if (fragment.values.size() != rows * fragment.positions.size()) {
    return Damaged(wanted.key, absl::DataLossError("its blocks differ in rows"));
  }
  for (uint32_t i = wanted.first; i < wanted.first + wanted.count; ++i) {
    const size_t column = fragment.positions[i] % kBlockColumns;
    if (column >= parsed->column_count()) {
      return Damaged(wanted.key, absl::DataLossError("it has too few columns"));
    }
    const absl::Status status = parsed->Decode(column, {&fragment.values[i * rows], rows});
    if (!status.ok()) return Damaged(wanted.key, status);
  }
  return absl::OkStatus();
}

absl::Status PartReader::Damaged(const SlotKey& key, const absl::Status& cause) {
  damaged_total_->fetch_add(1, std::memory_order_relaxed);
  return absl::DataLossError(base::StrCat(
      "cannot read part ", key.part, " in ", database_.path(), ": key slot ", key.slot, " layout ",
      key.layout, " block ", key.block, " target ", key.target, ": ", cause.message()));
}

}  // namespace baro::tsdb
