// What travels beside floats: histograms become samples of component columns here, on the caller's
// thread; exemplars are checked, kept and found again.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/histogram.h"
#include "bytes.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

// Exemplars in one value of the index: about 300 KB.
constexpr size_t kExemplarsPerValue = 4'096;

}  // namespace

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
  uint64_t exemplars_refused = 0;
  bool submitted = false;
  absl::Status status = CheckExemplars(&batch, &exemplars_refused);
  if (status.ok()) {
    // One at a time: a later batch must not get ahead of an earlier one after its conversion.
    base::MutexLock lock(&beside_mutex_);
    status = histogram_columns_.Convert(&batch, &refusals);
    if (status.ok()) {
      done = WithRefusals(refusals, exemplars_refused, std::move(done));
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

AppendDone StoreImpl::WithRefusals(const HistogramRefusals& refusals, uint64_t exemplars_refused,
                                   AppendDone done) {
  totals_.nan_replaced.fetch_add(refusals.nan_replaced, std::memory_order_relaxed);
  const uint64_t refused = refusals.invalid + refusals.over_limit;
  if (refused + exemplars_refused == 0) return done;
  totals_.histograms_invalid.fetch_add(refusals.invalid, std::memory_order_relaxed);
  totals_.histograms_over_limit.fetch_add(refusals.over_limit, std::memory_order_relaxed);
  totals_.exemplars_refused.fetch_add(exemplars_refused, std::memory_order_relaxed);
  return [refused, exemplars_refused, why = std::string(refusals.first.message()),
          done = std::move(done)](const AppendResult& result) {
    AppendResult told = result;
    told.histograms_refused = refused;
    told.histogram_refusal = why;
    told.exemplars_refused = exemplars_refused;
    done(told);
  };
}

// Takes out what is not to be stored.
absl::Status StoreImpl::CheckExemplars(SampleBatch* batch, uint64_t* refused) const {
  for (const ExemplarSample& sample : batch->exemplars) {
    if (dictionary_->HasSeries(sample.series) && !IsComponent(sample.series.column)) continue;
    return absl::InvalidArgumentError(base::StrCat("cannot append exemplars: unknown series ",
                                                   sample.series.target, "/",
                                                   sample.series.column));
  }
  const int64_t latest_ms = LatestMs();
  const int64_t oldest_ms = ingest_->OldestMs();
  *refused = std::erase_if(batch->exemplars, [&](const ExemplarSample& sample) {
    const int64_t time_ms = sample.exemplar.time_ms;
    return time_ms < oldest_ms || time_ms > latest_ms || !CheckExemplar(sample.exemplar).ok();
  });
  return absl::OkStatus();
}

void StoreImpl::ApplyExemplars(const std::vector<ExemplarSample>& exemplars, AppendResult* result) {
  for (const ExemplarSample& sample : exemplars) {
    const ExemplarStore::Verdict verdict = exemplars_.Add(sample);
    result->exemplars_stored += verdict == ExemplarStore::Verdict::kStored ? 1 : 0;
    result->exemplars_duplicate += verdict == ExemplarStore::Verdict::kDuplicate ? 1 : 0;
    result->exemplars_out_of_order += verdict == ExemplarStore::Verdict::kOutOfOrder ? 1 : 0;
  }
  totals_.exemplars_stored.fetch_add(result->exemplars_stored, std::memory_order_relaxed);
  totals_.exemplars_duplicate.fetch_add(result->exemplars_duplicate, std::memory_order_relaxed);
  totals_.exemplars_out_of_order.fetch_add(result->exemplars_out_of_order,
                                           std::memory_order_relaxed);
}

StoreImpl::IndexPuts StoreImpl::SaveExemplars() {
  IndexPuts puts;
  const uint64_t version = exemplars_.version();
  if (version == exemplar_version_) return puts;
  const int64_t oldest_ms = ingest_->OldestMs();
  const std::vector<ExemplarSample> all = exemplars_.All(oldest_ms);
  std::span<const ExemplarSample> rest = all;
  while (!rest.empty()) {
    const size_t count = std::min(rest.size(), kExemplarsPerValue);
    std::string bytes;
    PutExemplars(rest.first(count), &bytes);
    puts.emplace_back(IdKey(kExemplarKey, static_cast<uint32_t>(puts.size())), std::move(bytes));
    rest = rest.subspan(count);
  }
  const size_t values = puts.size();
  while (puts.size() < exemplar_values_) {
    puts.emplace_back(IdKey(kExemplarKey, static_cast<uint32_t>(puts.size())), std::string());
  }
  exemplar_values_ = std::max(values, exemplar_values_);
  exemplar_version_ = version;
  return puts;
}

absl::Status StoreImpl::LoadExemplars() {
  base::MutexLock lock(&maintain_mutex_);
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), database_->index()));
  const std::string prefix(1, kExemplarKey);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    ++exemplar_values_;
    std::string_view bytes = FromSlice(it->value());
    std::vector<ExemplarSample> exemplars;
    if (bytes.empty()) continue;
    // They are a sample of samples: what is damaged is no reason not to open.
    if (!TakeExemplars(&bytes, &exemplars)) damaged_total_->fetch_add(1, std::memory_order_relaxed);
    for (const ExemplarSample& sample : exemplars) {
      if (dictionary_->HasSeries(sample.series)) exemplars_.Restore(sample);
    }
  }
  exemplar_version_ = exemplars_.version();
  return ToStatus(it->status(), base::StrCat("read the index of ", options_.path));
}

absl::StatusOr<std::vector<model::ExemplarSeries>> StoreImpl::Exemplars(
    const model::LabelRequest& request) const {
  struct Halves {
    SeriesId id;
    model::Labels target;
    model::Labels column;
  };
  std::vector<Halves> series;
  const std::vector<SeriesId> ids = exemplars_.Series();
  dictionary_->With([&](const LabelTable& targets, const LabelTable& columns) {
    for (const SeriesId id : ids) {
      if (!targets.Has(id.target) || !columns.Has(id.column)) continue;  // expired meanwhile
      series.push_back({id, targets.Materialise(id.target), columns.Materialise(id.column)});
    }
  });
  std::map<model::Labels, std::vector<model::Exemplar>> found;
  for (const Halves& one : series) {
    const model::LabelsRef labels{&one.target, &one.column};
    const auto matches = [&labels](const std::vector<model::Matcher>& matchers) {
      return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
        return matcher.Matches(labels.Get(matcher.name()));
      });
    };
    if (!request.selectors.empty() &&
        std::none_of(request.selectors.begin(), request.selectors.end(), matches)) {
      continue;
    }
    auto exemplars = exemplars_.Find(one.id, request.start_ms, request.end_ms);
    if (exemplars.empty()) continue;
    // Another cut of the same labels may have some as well.
    auto& all = found[labels.Merge()];
    std::vector<model::Exemplar> merged;
    std::merge(all.begin(), all.end(), exemplars.begin(), exemplars.end(),
               std::back_inserter(merged),
               [](const auto& a, const auto& b) { return a.time_ms < b.time_ms; });
    all = std::move(merged);
  }
  std::vector<model::ExemplarSeries> result;
  for (auto& [labels, exemplars] : found) {
    if (request.limit != 0 && result.size() >= request.limit) break;
    result.push_back({labels, std::move(exemplars)});
  }
  return result;
}

}  // namespace baro::tsdb
