#include "head.h"

#include "baro/base/check.h"
#include "histogram_tally.h"

namespace baro::tsdb {
namespace {

// Up to here a tail may hold a whole slot, at most 100 MB of them; beyond, 128 MB per million
// series.
constexpr uint64_t kRoomySeriesMax = 200'000;
constexpr size_t kTightTailBytes = 128;

}  // namespace

template <typename Write>
void Head::WriteTo(TargetId id, TargetHead* target, Write write) {
  target->Lock();
  BARO_CHECK(!target->frozen());
  const size_t bytes_before = target->bytes();
  const size_t series_before = target->series_count();
  const uint64_t shape_before = target->shape();
  write();
  const size_t bytes_after = target->bytes();
  const size_t series_after = target->series_count();
  const bool changed = target->shape() != shape_before;
  target->Unlock();
  if (changed) {
    base::MutexLock lock(&mutex_);
    changes_.push_back(id);
    change_count_.store(changes_.size(), std::memory_order_release);
  }
  bytes_.fetch_add(bytes_after - bytes_before, std::memory_order_relaxed);  // may wrap: a decrease
  series_count_.fetch_add(series_after - series_before, std::memory_order_relaxed);
  if (series_count() > kRoomySeriesMax) rule_.tail_bytes_per_column_max = kTightTailBytes;
}

Applied Head::AppendRow(TargetId target, const StoredLayout& layout, const codec::Row& row,
                        std::span<const uint64_t> changed, RowHint* hint) {
  Applied applied;
  if (hint->epoch != epoch_) *hint = {.epoch = epoch_};
  TargetHead* head = FindOrAdd(target);
  WriteTo(target, head, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    head->AppendRow(layout, row, changed, hint, &applied);
  });
  Widen(row.time_ms);
  return applied;
}

Applied Head::AppendSamples(const SampleBatch& batch, std::span<const uint32_t> chosen) {
  Applied applied;
  for (size_t begin = 0; begin < chosen.size();) {
    const TargetId target = batch.series[chosen[begin]].target;
    size_t end = begin;
    while (end < chosen.size() && batch.series[chosen[end]].target == target) ++end;
    TargetHead* head = FindOrAdd(target);
    WriteTo(target, head, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      SeriesHint hint;
      HistogramTally tally;
      for (size_t i = begin; i < end; ++i) {
        const uint32_t at = chosen[i];
        const ColumnId column = batch.series[at].column;
        const auto append = [&](Applied* counts) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          head->AppendSample(column, batch.times_ms[at], batch.values[at], &hint, counts);
        };
        if (HistogramTally::Counts(column, batch.values[at])) [[unlikely]] {
          tally.Apply(column, batch.values[at], &applied, append);
        } else {
          append(&applied);
        }
      }
    });
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;
    for (size_t i = begin; i < end; ++i) {
      low = std::min(low, batch.times_ms[chosen[i]]);
      high = std::max(high, batch.times_ms[chosen[i]]);
    }
    Widen(low);
    Widen(high);
    begin = end;
  }
  return applied;
}

void Head::Freeze() {
  for (const TargetId id : Targets()) {
    TargetHead* const target = FindOrAdd(id);
    target->Lock();
    const size_t bytes_before = target->bytes();
    target->Freeze();
    bytes_.fetch_add(target->bytes() - bytes_before, std::memory_order_relaxed);  // may wrap
    target->Unlock();
  }
}

const TargetHead* Head::Find(TargetId target) const {
  base::MutexLock lock(&mutex_);
  return target < targets_.size() ? targets_[target].get() : nullptr;
}

std::vector<TargetId> Head::ChangedSince(size_t changes) const {
  base::MutexLock lock(&mutex_);
  return {changes_.begin() + static_cast<ptrdiff_t>(changes), changes_.end()};
}

Roaring Head::Targets() const {
  base::MutexLock lock(&mutex_);
  return present_;
}

TargetHead* Head::FindOrAdd(TargetId target) {
  base::MutexLock lock(&mutex_);
  if (target >= targets_.size()) targets_.resize(std::max<size_t>(target + 1, targets_.size() * 2));
  if (targets_[target] == nullptr) {
    targets_[target] = std::make_unique<TargetHead>(&rule_);
    present_.add(target);
  }
  return targets_[target].get();
}

// Only the writer changes the bounds, so a load and a store are enough.
void Head::Widen(int64_t time_ms) {
  if (time_ms < time_ms_min()) time_ms_min_.store(time_ms, std::memory_order_release);
  if (time_ms > time_ms_max()) time_ms_max_.store(time_ms, std::memory_order_release);
  changed_ = {std::min(changed_.first, time_ms), std::max(changed_.second, time_ms)};
}

}  // namespace baro::tsdb
