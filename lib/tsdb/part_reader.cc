#include "part_reader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "slot_value.h"

namespace baro::tsdb {
namespace {

// Neighbours are reached by stepping; a seek costs about as much as this many steps.
constexpr int kStepsMax = 4;

}  // namespace

PartReader::PartReader(const Database& database, std::atomic<uint64_t>* damaged_total,
                       TimeRange range)
    : database_(database), damaged_total_(damaged_total), range_(range) {}

void PartReader::Want(const Part& part, LayoutId layout, TargetId target, PartFragment* fragment) {
  SlotKey key = part.Key();
  key.layout = layout;
  key.target = target;
  const auto& positions = fragment->positions;
  for (uint32_t first = 0; first < positions.size();) {
    key.block = part.BlockOf(positions[first]);
    uint32_t end = first;
    while (end < positions.size() && part.BlockOf(positions[end]) == key.block) ++end;
    wanted_.push_back({key, fragment, nullptr, first, end - first, &part});
    first = end;
  }
  key.block = kTimesBlock;
  wanted_.push_back({key, fragment, nullptr, 0, 0, &part});
}

void PartReader::WantValue(const SlotKey& key, std::string* value) {
  wanted_.push_back({key, nullptr, value, 0, 0, nullptr});
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

// The times say which chunks of the columns are wanted.
absl::Status PartReader::FetchAll(const std::vector<Wanted>& all) {
  std::string_view value;
  for (const Wanted& wanted : all) {
    if (wanted.key.block != kTimesBlock) continue;
    absl::Status status = Seek(wanted.key, &value);
    if (status.ok() && wanted.value != nullptr) {
      wanted.value->assign(value);
      continue;
    }
    if (status.ok()) status = FetchTimes(wanted, value);
    if (status.ok()) continue;
    if (!IsSetAside(wanted, status)) return status;
    wanted.fragment->times_ms.clear();
    wanted.fragment->values.clear();
  }
  for (const Wanted& wanted : all) {
    if (wanted.key.block == kTimesBlock) continue;
    if (wanted.value == nullptr && wanted.fragment->times_ms.empty()) continue;
    absl::Status status = Seek(wanted.key, &value);
    if (status.ok() && wanted.value != nullptr) {
      wanted.value->assign(value);
      continue;
    }
    if (status.ok()) status = FetchValues(wanted, value);
    if (status.ok()) continue;
    if (!IsSetAside(wanted, status)) return status;
    const size_t rows = wanted.fragment->times_ms.size();
    const auto first =
        wanted.fragment->values.begin() + static_cast<ptrdiff_t>(wanted.first * rows);
    std::fill(first, first + static_cast<ptrdiff_t>(wanted.count * rows), model::kNoSample);
  }
  return absl::OkStatus();
}

bool PartReader::IsSetAside(const Wanted& wanted, const absl::Status& status) const {
  if (quarantine_ == nullptr || wanted.fragment == nullptr || !absl::IsDataLoss(status)) {
    return false;
  }
  quarantine_->Add(*wanted.part, base::FromAbsl(status.message()));
  return true;
}

absl::Status PartReader::FetchTimes(const Wanted& wanted, std::string_view value) {
  const auto parsed = SlotTimes::Parse(value);
  if (!parsed.ok()) return Damaged(wanted.key, parsed.status());
  PartFragment& fragment = *wanted.fragment;
  std::tie(fragment.chunk_begin, fragment.chunk_end) =
      parsed->ChunksWithin(range_.start_ms, range_.end_ms);
  auto times = parsed->Decode(fragment.chunk_begin, fragment.chunk_end);
  if (!times.ok()) return Damaged(wanted.key, times.status());
  fragment.times_ms = *std::move(times);
  fragment.values.resize(fragment.times_ms.size() * fragment.positions.size());
  return absl::OkStatus();
}

absl::Status PartReader::Seek(const SlotKey& key, std::string_view* value) {
  const std::string bytes = EncodeSlotKey(key);
  const rocksdb::Slice slice(bytes);
  if (iterator_ == nullptr) {
    iterator_.reset(database_.db()->NewIterator(read_options_, database_.slots()));
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
  const size_t rows = fragment.times_ms.size();
  const bool fits = fragment.chunk_end <= parsed->chunk_rows().size() &&
                    parsed->row_count(fragment.chunk_begin, fragment.chunk_end) == rows;
  if (!fits) return Damaged(wanted.key, absl::DataLossError("more times than values or fewer"));
  SlotValues::Referred referred;
  for (uint32_t i = wanted.first; i < wanted.first + wanted.count; ++i) {
    const size_t column = fragment.positions[i] % kBlockColumns;
    if (column >= parsed->column_count()) {
      return Damaged(wanted.key, absl::DataLossError("it has too few columns"));
    }
    const std::span<double> values(&fragment.values[i * rows], rows);
    const absl::Status status =
        parsed->Decode(column, fragment.chunk_begin, fragment.chunk_end, values, &referred);
    if (!status.ok()) return Damaged(wanted.key, status);
    referred.Know(column, values);
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
