// Writing what travels beside floats: histograms become samples of component columns here, on the
// caller's thread.
#include <algorithm>
#include <utility>

#include "baro/model/histogram.h"
#include "store_impl.h"

namespace baro::tsdb {

void StoreImpl::KnowNewestTime() {
  int64_t newest_ms = model::kTimeMsMin;
  const auto view = CurrentView();
  for (const auto& part : view->parts) newest_ms = std::max(newest_ms, part->time_ms_max);
  for (const auto& head : view->heads) newest_ms = std::max(newest_ms, head->time_ms_max());
  base::MutexLock lock(&beside_mutex_);
  histogram_columns_.SetStoredUntil(newest_ms);
}

// Behind this point a mark is the store's own.
void StoreImpl::ReplaceReserved(SampleBatch* batch) {
  uint64_t replaced = 0;
  for (double& value : batch->values) {
    if (!model::IsReserved(value)) [[likely]]
      continue;
    value = model::kNormalNan;
    ++replaced;
  }
  if (replaced > 0) totals_.nan_replaced.fetch_add(replaced, std::memory_order_relaxed);
}

void StoreImpl::AppendBeside(SampleBatch batch, AppendDone done) {
  HistogramRefusals refusals;
  bool submitted = false;
  absl::Status status;
  {
    // One at a time: a later batch must not get ahead of an earlier one after its conversion.
    base::MutexLock lock(&beside_mutex_);
    status = histogram_columns_.Convert(&batch, &refusals);
    if (status.ok()) {
      done = WithRefusals(refusals, std::move(done));
      const size_t bytes = BytesOf(batch);
      Committer::Item item{std::move(batch), done, bytes};
      submitted = committer_->Submit(std::move(item));
    }
  }
  if (!status.ok()) {
    AppendResult result;
    result.status = status;
    done(result);
  } else if (!submitted) {
    Refuse(done);
  }
}

AppendDone StoreImpl::WithRefusals(const HistogramRefusals& refusals, AppendDone done) {
  totals_.nan_replaced.fetch_add(refusals.nan_replaced, std::memory_order_relaxed);
  const uint64_t refused = refusals.invalid + refusals.over_limit;
  if (refused == 0) return done;
  totals_.histograms_invalid.fetch_add(refusals.invalid, std::memory_order_relaxed);
  totals_.histograms_over_limit.fetch_add(refusals.over_limit, std::memory_order_relaxed);
  return [refused, why = std::string(refusals.first.message()),
          done = std::move(done)](const AppendResult& result) {
    AppendResult told = result;
    told.histograms_refused = refused;
    told.histogram_refusal = why;
    done(told);
  };
}

}  // namespace baro::tsdb
