#include "cached_range.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::promql {
namespace {

// Steps kept before the window's first: dashboards of several people do not move at once.
constexpr int64_t kStepsBefore = 16;

using SeriesList = std::vector<ResultSeries>;

std::string KeyOf(const CachedQuery& query) {
  const int64_t step_ms = query.times.step_ms;
  const int64_t phase_ms = (query.times.start_ms % step_ms + step_ms) % step_ms;
  return base::StrCat(step_ms, " ", phase_ms, " ", query.lookback_ms, " ", query.expression);
}

uint64_t BytesOf(const ResultSeries& series) {
  uint64_t bytes = sizeof(ResultSeries) + series.samples.size() * sizeof(model::Sample);
  for (const model::Label& label : series.labels) {
    bytes += sizeof(model::Label) + label.name.size() + label.value.size();
  }
  return bytes;
}

bool IsEarlier(const model::Sample& sample, int64_t time_ms) { return sample.time_ms < time_ms; }

// Samples at [start_ms, end_ms).
void AddWithin(const ResultSeries& series, int64_t start_ms, int64_t end_ms,
               std::vector<model::Sample>* samples) {
  const auto& all = series.samples;
  const auto from = std::lower_bound(all.begin(), all.end(), start_ms, IsEarlier);
  const auto to = std::lower_bound(from, all.end(), end_ms, IsEarlier);
  samples->insert(samples->end(), from, to);
}

SeriesList Within(const SeriesList& list, int64_t start_ms, int64_t end_ms) {
  SeriesList within;
  for (const ResultSeries& series : list) {
    std::vector<model::Sample> samples;
    AddWithin(series, start_ms, end_ms, &samples);
    if (!samples.empty()) within.push_back({series.labels, std::move(samples), {}});
  }
  return within;
}

// Whether both have the same value at a time, or none.
bool AgreeAt(int64_t time_ms, const ResultSeries* a, const ResultSeries* b) {
  const auto find = [time_ms](const ResultSeries* series) -> const model::Sample* {
    if (series == nullptr) return nullptr;
    const auto& all = series->samples;
    const auto it = std::lower_bound(all.begin(), all.end(), time_ms, IsEarlier);
    return it != all.end() && it->time_ms == time_ms ? &*it : nullptr;
  };
  const model::Sample* const left = find(a);
  const model::Sample* const right = find(b);
  if (left == nullptr || right == nullptr) return left == right;
  return std::bit_cast<uint64_t>(left->value) == std::bit_cast<uint64_t>(right->value);
}

// `kept` at [start_ms, seam_ms) and `fresh`, which begins at the seam, as one list by labels. False
// when the two differ at the seam, where both have been evaluated.
bool Join(const SeriesList& kept, SeriesList fresh, int64_t start_ms, int64_t seam_ms,
          SeriesList* joined) {
  joined->reserve(std::max(kept.size(), fresh.size()));
  auto old = kept.begin();
  auto next = fresh.begin();
  while (old != kept.end() || next != fresh.end()) {
    const bool use_old =
        old != kept.end() && (next == fresh.end() || !(next->labels < old->labels));
    const bool use_next =
        next != fresh.end() && (old == kept.end() || !(old->labels < next->labels));
    const ResultSeries* const left = use_old ? &*old : nullptr;
    if (!AgreeAt(seam_ms, left, use_next ? &*next : nullptr)) return false;
    ResultSeries series;
    if (use_old) AddWithin(*old, start_ms, seam_ms, &series.samples);
    if (use_next) {
      series.samples.insert(series.samples.end(), next->samples.begin(), next->samples.end());
    }
    if (!series.samples.empty()) {
      series.labels = use_next ? std::move(next->labels) : old->labels;
      joined->push_back(std::move(series));
    }
    if (use_old) ++old;
    if (use_next) ++next;
  }
  return true;
}

class Lookup {
 public:
  Lookup(ResultCache* cache, const CachedQuery& query, EvaluateRange evaluate)
      : cache_(cache), query_(query), times_(query.times), evaluate_(evaluate) {
    times_.end_ms = times_.start_ms + (times_.end_ms - times_.start_ms) / step() * step();
  }

  absl::StatusOr<QueryResult> Run();

 private:
  int64_t step() const { return query_.times.step_ms; }
  int64_t Steps(int64_t span_ms) const { return span_ms / step() + 1; }

  int64_t FirstKept(const CachedRange& kept) const;
  int64_t LastProven(const CachedRange& kept) const;
  absl::StatusOr<QueryResult> EvaluateAll();
  absl::StatusOr<bool> GoOn(const CachedRange& kept, int64_t seam_ms, QueryResult* result);
  static bool MayKeep(const QueryResult& result, const Provenance& provenance);
  void Keep(const Provenance& provenance, int64_t start_ms, const SeriesList& series);
  absl::Status HoldResult(QueryResult* result) const;

  ResultCache* const cache_;
  const CachedQuery& query_;
  QueryTimes times_;  // the last step instead of the end
  EvaluateRange evaluate_;
  std::string key_;
  uint64_t version_ = 0;
};

absl::StatusOr<QueryResult> Lookup::Run() {
  version_ = query_.source->ChangeVersion();
  // A single step is evaluated as an instant query is, which orders rows differently.
  if (version_ == 0 || times_.end_ms == times_.start_ms) {
    Provenance ignored;
    return evaluate_(query_.times, &ignored);
  }
  key_ = KeyOf(query_);
  const auto kept = cache_->Find(key_);
  if (kept == nullptr) return EvaluateAll();
  const int64_t seam_ms = LastProven(*kept);
  if (seam_ms <= times_.start_ms) return EvaluateAll();
  QueryResult result;
  if (seam_ms >= times_.end_ms) {
    result.value = Matrix{Within(kept->series, times_.start_ms, times_.end_ms + 1)};
    result.stats.steps_reused = Steps(times_.end_ms - times_.start_ms);
    cache_->hits.fetch_add(1, std::memory_order_relaxed);
  } else {
    BARO_TRY_ASSIGN(const bool joined, GoOn(*kept, seam_ms, &result));
    if (!joined) return EvaluateAll();
  }
  cache_->steps_reused.fetch_add(static_cast<uint64_t>(result.stats.steps_reused),
                                 std::memory_order_relaxed);
  BARO_TRY(HoldResult(&result));
  return result;
}

absl::Status Lookup::HoldResult(QueryResult* result) const {
  uint64_t bytes = 0;
  for (const ResultSeries& one : std::get<Matrix>(result->value).series) bytes += BytesOf(one);
  result->memory = std::make_shared<base::MemoryShare>(query_.memory);
  if (result->memory->Grow(bytes)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("the result needs more memory than is free: ", bytes >> 20, " MiB"));
}

int64_t Lookup::FirstKept(const CachedRange& kept) const {
  return std::max(kept.times.start_ms, times_.start_ms - kStepsBefore * step());
}

// The last step that is kept and cannot have changed; before the query's first when there is none.
int64_t Lookup::LastProven(const CachedRange& kept) const {
  const int64_t none_ms = times_.start_ms - 1;
  if (kept.times.start_ms > times_.start_ms) return none_ms;
  const Reach& reach = kept.reach;
  int64_t from_ms = 0;
  if (__builtin_add_overflow(FirstKept(kept), reach.first_ms, &from_ms)) from_ms = INT64_MIN;
  from_ms = std::min(from_ms, reach.fixed_first_ms);
  const int64_t oldest_ms = query_.source->OldestChangeSince(kept.version, from_ms);
  if (oldest_ms <= reach.fixed_last_ms) return none_ms;
  int64_t last_ms = kept.times.end_ms;
  if (oldest_ms != model::kTimeMsMax) {
    int64_t before_ms = 0;
    if (__builtin_sub_overflow(oldest_ms, reach.last_ms, &before_ms) || before_ms == INT64_MIN) {
      return none_ms;
    }
    last_ms = std::min(last_ms, before_ms - 1);
  }
  if (last_ms < times_.start_ms) return none_ms;
  return times_.start_ms + (last_ms - times_.start_ms) / step() * step();
}

// A warning, an info or an error may come from any step: only what has none is put together.
bool Lookup::MayKeep(const QueryResult& result, const Provenance& provenance) {
  return provenance.reach.provable() && provenance.reach.reads && !provenance.histograms &&
         !provenance.order_varies && result.warnings.empty() && result.infos.empty();
}

absl::StatusOr<QueryResult> Lookup::EvaluateAll() {
  Provenance provenance;
  cache_->misses.fetch_add(1, std::memory_order_relaxed);
  auto result = evaluate_(query_.times, &provenance);
  if (!result.ok()) return result;
  if (MayKeep(*result, provenance)) {
    Keep(provenance, times_.start_ms, std::get<Matrix>(result->value).series);
  } else {
    cache_->uncacheable.fetch_add(1, std::memory_order_relaxed);
  }
  cache_->steps_evaluated.fetch_add(static_cast<uint64_t>(Steps(times_.end_ms - times_.start_ms)),
                                    std::memory_order_relaxed);
  return result;
}

// Evaluates from the seam on. False when the two do not make one result for certain: it is then
// evaluated whole, and any error is that of the whole. But who has no time left gets none again.
absl::StatusOr<bool> Lookup::GoOn(const CachedRange& kept, int64_t seam_ms, QueryResult* result) {
  Provenance provenance;
  auto fresh = evaluate_({seam_ms, query_.times.end_ms, step()}, &provenance);
  if (absl::IsDeadlineExceeded(fresh.status()) || absl::IsCancelled(fresh.status())) {
    return fresh.status();
  }
  if (!fresh.ok() || !MayKeep(*fresh, provenance)) return false;
  if (kept.reach.order_matters && kept.fingerprint != provenance.fingerprint) {
    cache_->reordered.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const int64_t first_ms = FirstKept(kept);
  SeriesList joined;
  if (!Join(kept.series, std::move(std::get<Matrix>(fresh->value).series), first_ms, seam_ms,
            &joined)) {
    cache_->mismatches.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  Keep(provenance, first_ms, joined);
  cache_->partial_hits.fetch_add(1, std::memory_order_relaxed);
  cache_->steps_evaluated.fetch_add(static_cast<uint64_t>(Steps(times_.end_ms - seam_ms)),
                                    std::memory_order_relaxed);
  result->stats = fresh->stats;
  result->stats.steps_reused = (seam_ms - times_.start_ms) / step();
  if (first_ms < times_.start_ms) joined = Within(joined, times_.start_ms, times_.end_ms + 1);
  result->value = Matrix{std::move(joined)};
  return true;
}

void Lookup::Keep(const Provenance& provenance, int64_t start_ms, const SeriesList& series) {
  uint64_t bytes = sizeof(CachedRange) + key_.size();
  for (const ResultSeries& one : series) bytes += BytesOf(one);
  if (!cache_->MayKeep(bytes)) return;
  auto kept = std::make_shared<CachedRange>();
  kept->version = version_;
  kept->reach = provenance.reach;
  kept->times = {start_ms, times_.end_ms, step()};
  kept->fingerprint = provenance.fingerprint;
  kept->series = series;
  kept->bytes = bytes;
  cache_->Put(key_, std::move(kept));
}

}  // namespace

absl::StatusOr<QueryResult> RangeThroughCache(ResultCache* cache, const CachedQuery& query,
                                              EvaluateRange evaluate) {
  return Lookup(cache, query, evaluate).Run();
}

}  // namespace baro::promql
