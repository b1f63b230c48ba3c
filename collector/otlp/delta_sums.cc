#include "otlp/delta_sums.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "otlp/exponential.h"
#include "spdlog/spdlog.h"

namespace baro::collector {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kEvictEveryMs = 60'000;
// Looking through all series for idle ones takes a while.
constexpr int64_t kMakeRoomEveryMs = 10'000;
// When there is no room, what has been idle for this long goes; senders export once a minute.
constexpr int64_t kIdleWhenFullMs = 5 * 60'000;
// Most series are found close by; only what is not there is looked for further back.
constexpr int64_t kNearMs = 30 * 60'000;
// Samples may be a day ahead of the clock.
constexpr int64_t kAheadMs = int64_t{48} * 3'600 * 1'000;
constexpr size_t kGroupsMax = 500'000;

size_t WeightOf(const model::Histogram& histogram) {
  return 4 + histogram.positive.size() + histogram.negative.size() + histogram.custom_bounds.size();
}

// Takes out what is marked, in place and in order.
template <typename T>
void RemoveMarked(const std::vector<bool>& marked, std::vector<T>* list) {
  size_t kept = 0;
  for (size_t i = 0; i < list->size(); ++i) {
    if (i < marked.size() && marked[i]) continue;
    if (kept != i) (*list)[kept] = std::move((*list)[i]);
    ++kept;
  }
  list->resize(kept);
}

struct Removed {
  std::vector<bool> samples;
  std::vector<bool> histograms;
  bool any = false;

  void Mark(const DeltaSample& delta) {
    std::vector<bool>& marks = delta.histogram ? histograms : samples;
    if (marks.size() <= delta.sample) marks.resize(delta.sample + 1);
    marks[delta.sample] = true;
    any = true;
  }
};

}  // namespace

absl::Status DeltaSums::Apply(OtlpBatch* batch) {
  base::MutexLock lock(&mutex_);
  if (failed_) {
    if (under_way_ > 0) {
      return absl::UnavailableError("cannot add deltas: the store has failed, totals are settling");
    }
    Forget();
  }
  const int64_t now_ms = options_.clock->MonotonicNs() / kNsPerMs;
  if (now_ms - evicted_at_ms_ >= kEvictEveryMs) {
    EvictIdle(options_.idle_ms);
    evicted_at_ms_ = now_ms;
  }
  BARO_TRY(ReadBackUnknown(*batch));
  Removed removed;
  size_t refused_point = 0;  // counted already; points are numbered from 1
  for (const DeltaSample& delta : batch->deltas) {
    const Verdict verdict =
        delta.histogram ? AddHistogramTo(delta, &batch->samples) : AddFloat(delta, &batch->samples);
    if (verdict == Verdict::kAdd || verdict == Verdict::kNew) continue;
    removed.Mark(delta);
    if (refused_point == delta.point) continue;
    refused_point = delta.point;
    const std::string& metric = batch->delta_groups[delta.group].metric_names.back();
    if (verdict == Verdict::kDuplicate) {
      ++stats_.duplicates_total;
    } else if (verdict == Verdict::kOutOfOrder) {
      batch->Refuse(OtlpRefusal::kDeltaOutOfOrder, 1,
                    base::StrCat("a delta of ", metric, " ends at ", delta.time_ns,
                                 " ns, where its series has been already"));
    } else if (verdict == Verdict::kNotFinite) {
      batch->Refuse(OtlpRefusal::kBadValue, 1,
                    base::StrCat("a delta of ", metric, " is not a finite number"));
    } else {
      batch->Refuse(OtlpRefusal::kDeltaLimit, 1,
                    base::StrCat("running totals of ", options_.series_max,
                                 " series are kept, there is no room for ", metric));
    }
  }
  if (removed.any) {
    RemoveMarked(removed.samples, &batch->samples.series);
    RemoveMarked(removed.samples, &batch->samples.times_ms);
    RemoveMarked(removed.samples, &batch->samples.values);
    RemoveMarked(removed.histograms, &batch->samples.histograms);
  }
  ++under_way_;
  return absl::OkStatus();
}

void DeltaSums::Finished(bool stored) {
  base::MutexLock lock(&mutex_);
  --under_way_;
  if (!stored) failed_ = true;
  if (failed_ && under_way_ == 0) Forget();
}

void DeltaSums::Forget() {
  totals_.clear();
  histograms_.clear();
  histogram_weight_ = 0;
  read_back_.clear();
  failed_ = false;
  ++stats_.recoveries_total;
}

DeltaStats DeltaSums::GetStats() const {
  base::MutexLock lock(&mutex_);
  DeltaStats stats = stats_;
  stats.series = totals_.size() + histograms_.size();
  return stats;
}

bool DeltaSums::Knows(const OtlpBatch& batch, const DeltaSample& delta) const {
  if (delta.histogram) {
    return histograms_.contains(KeyOf(batch.samples.histograms[delta.sample].series));
  }
  return totals_.contains(KeyOf(batch.samples.series[delta.sample]));
}

// A metric of a resource is read back when the first of its series is met that is not in memory;
// whatever the store has of it is then known, and further unknown series are new.
absl::Status DeltaSums::ReadBackUnknown(const OtlpBatch& batch) {
  if (read_back_.size() > kGroupsMax) read_back_.clear();
  for (const int64_t window_ms : {std::min(kNearMs, options_.lookback_ms), options_.lookback_ms}) {
    std::vector<uint32_t> groups;
    int64_t first_ms = INT64_MAX;
    for (const DeltaSample& delta : batch.deltas) {
      if (read_back_.contains(batch.delta_groups[delta.group].key) || Knows(batch, delta)) continue;
      if (groups.empty() || groups.back() != delta.group) groups.push_back(delta.group);
      first_ms = std::min(first_ms, static_cast<int64_t>(delta.time_ns) / kNsPerMs);
    }
    if (!groups.empty() && options_.store_is_complete && !options_.store_is_complete()) {
      return absl::UnavailableError("cannot add deltas: the store is still reading its journals");
    }
    for (const uint32_t group : groups) {
      BARO_TRY(ReadBack(batch.delta_groups[group], first_ms - window_ms));
    }
  }
  for (const DeltaGroup& group : batch.delta_groups) read_back_.insert(group.key);
  return absl::OkStatus();
}

absl::Status DeltaSums::ReadBack(const DeltaGroup& group, int64_t start_ms) {
  for (const std::string& metric : group.metric_names) {
    model::SelectRequest request;
    request.start_ms = start_ms;
    request.end_ms = options_.clock->NowMs() + kAheadMs;
    request.histograms = true;
    const std::pair<std::string_view, std::string_view> wanted[] = {
        {model::kMetricName, metric}, {"job", group.job}, {"instance", group.instance}};
    for (const auto& [name, value] : wanted) {
      // A point may bring what its resource does not tell.
      if (value.empty()) continue;
      BARO_TRY_ASSIGN(
          model::Matcher matcher,
          model::Matcher::Create(model::MatchType::kEqual, std::string(name), std::string(value)));
      request.matchers.push_back(std::move(matcher));
    }
    const auto found = store_->Select(request);
    absl::Status status = found.status();
    if (status.ok()) status = TakeNewest(**found);
    if (!status.ok()) {
      return absl::UnavailableError(base::StrCat("cannot read the last totals of ", metric, ": ",
                                                 base::FromAbsl(status.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status DeltaSums::TakeNewest(const model::SeriesSet& found) {
  const std::unique_ptr<model::SeriesReader> reader = found.Read(0, found.size());
  model::SeriesView view;
  while (true) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return absl::OkStatus();
    const auto id = store_->DeclareSeries(found.labels(view.index).Merge());
    if (id.ok()) TakeNewest(*id, view);
  }
}

// The end of a series (a stale marker) ends no total.
void DeltaSums::TakeNewest(tsdb::SeriesId id, const model::SeriesView& view) {
  for (size_t i = view.values.size(); i-- > 0;) {
    if (model::IsStaleNan(view.values[i])) continue;
    Total total;
    // Times are stored in milliseconds: whatever ended within this one has been counted.
    total.time_ns = static_cast<uint64_t>(view.times_ms[i]) * kNsPerMs + (kNsPerMs - 1);
    total.value = view.values[i];
    total.seen_ms = options_.clock->MonotonicNs() / kNsPerMs;
    if (model::IsHistogramMark(view.values[i])) {
      if (view.histograms.empty() || view.histograms[i] == nullptr) return;
      const auto [entry, inserted] = histograms_.try_emplace(KeyOf(id));
      if (!inserted) return;
      entry->second = std::make_unique<HistogramTotal>(HistogramTotal{total, *view.histograms[i]});
      histogram_weight_ += WeightOf(entry->second->histogram);
    } else if (!totals_.try_emplace(KeyOf(id), total).second) {
      return;
    }
    ++stats_.read_back_total;
    return;
  }
}

DeltaSums::Verdict DeltaSums::Judge(const DeltaSample& delta, const Total* known) {
  if (known == nullptr) return Verdict::kNew;
  if (delta.time_ns <= known->time_ns) {
    const bool same =
        delta.start_ns != 0 && delta.start_ns == known->start_ns && delta.time_ns == known->time_ns;
    return same ? Verdict::kDuplicate : Verdict::kOutOfOrder;
  }
  if (delta.start_ns != 0 && delta.start_ns / kNsPerMs < known->time_ns / kNsPerMs) {
    ++stats_.overlaps_total;
  }
  return Verdict::kAdd;
}

bool DeltaSums::MakeRoom(size_t weight) {
  if (size() + weight <= options_.series_max) return true;
  const int64_t now_ms = options_.clock->MonotonicNs() / kNsPerMs;
  if (now_ms < made_room_at_ms_ + kMakeRoomEveryMs) return false;
  made_room_at_ms_ = now_ms;
  EvictIdle(std::min(kIdleWhenFullMs, options_.idle_ms));
  return size() + weight <= options_.series_max;
}

DeltaSums::Verdict DeltaSums::AddFloat(const DeltaSample& delta, tsdb::SampleBatch* samples) {
  double& value = samples->values[delta.sample];
  if (!std::isfinite(value)) return Verdict::kNotFinite;
  const uint64_t key = KeyOf(samples->series[delta.sample]);
  const auto known = totals_.find(key);
  const Verdict verdict = Judge(delta, known == totals_.end() ? nullptr : &known->second);
  if (verdict == Verdict::kNew && !MakeRoom(1)) return Verdict::kFull;
  if (verdict != Verdict::kNew && verdict != Verdict::kAdd) return verdict;
  Total& total = totals_[key];
  total.value += value;
  total.start_ns = delta.start_ns;
  total.time_ns = delta.time_ns;
  total.seen_ms = options_.clock->MonotonicNs() / kNsPerMs;
  value = total.value;
  return verdict;
}

DeltaSums::Verdict DeltaSums::AddHistogramTo(const DeltaSample& delta, tsdb::SampleBatch* samples) {
  tsdb::HistogramSample& sample = samples->histograms[delta.sample];
  const uint64_t key = KeyOf(sample.series);
  const auto known = histograms_.find(key);
  const Verdict verdict = Judge(delta, known == histograms_.end() ? nullptr : &known->second->last);
  if (verdict == Verdict::kNew && !MakeRoom(WeightOf(sample.histogram))) return Verdict::kFull;
  if (verdict != Verdict::kNew && verdict != Verdict::kAdd) return verdict;
  std::unique_ptr<HistogramTotal>& total = histograms_[key];
  if (total == nullptr) {
    total = std::make_unique<HistogramTotal>();
    total->histogram = sample.histogram;
  } else {
    histogram_weight_ -= WeightOf(total->histogram);
    // Other bounds: a reset, as a histogram with new bounds is to every reader.
    if (!AddHistogram(sample.histogram, &total->histogram)) total->histogram = sample.histogram;
  }
  histogram_weight_ += WeightOf(total->histogram);
  total->last.start_ns = delta.start_ns;
  total->last.time_ns = delta.time_ns;
  total->last.seen_ms = options_.clock->MonotonicNs() / kNsPerMs;
  sample.histogram = total->histogram;
  return verdict;
}

void DeltaSums::EvictIdle(int64_t idle_ms) {
  const int64_t before_ms = options_.clock->MonotonicNs() / kNsPerMs - idle_ms;
  size_t evicted = absl::erase_if(
      totals_, [before_ms](const auto& entry) { return entry.second.seen_ms < before_ms; });
  evicted += absl::erase_if(histograms_, [this, before_ms](const auto& entry) {
    mutex_.AssertHeld();
    if (entry.second->last.seen_ms >= before_ms) return false;
    histogram_weight_ -= WeightOf(entry.second->histogram);
    return true;
  });
  if (evicted == 0) return;
  stats_.evicted_total += evicted;
  read_back_.clear();
}

}  // namespace baro::collector
