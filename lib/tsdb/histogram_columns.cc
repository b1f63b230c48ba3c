#include "histogram_columns.h"

#include <algorithm>
#include <bit>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

// 24 MB. Beyond it all are forgotten, and each series' next histogram costs a little more.
constexpr size_t kSeriesRememberedMax = 1'000'000;

void Append(SeriesId series, int64_t time_ms, double value, SampleBatch* batch) {
  batch->series.push_back(series);
  batch->times_ms.push_back(time_ms);
  batch->values.push_back(value);
}

}  // namespace

absl::Status HistogramColumns::Convert(SampleBatch* batch, HistogramRefusals* refusals) {
  for (const HistogramSample& sample : batch->histograms) {
    if (dictionary_->HasSeries(sample.series) && !IsComponent(sample.series.column)) continue;
    return absl::InvalidArgumentError(base::StrCat("cannot append histograms: unknown series ",
                                                   sample.series.target, "/",
                                                   sample.series.column));
  }
  for (const HistogramSample& sample : batch->histograms) {
    const absl::Status status = ConvertOne(sample, batch, refusals);
    if (!status.ok() && refusals->first.ok()) refusals->first = status;
  }
  batch->histograms.clear();
  return absl::OkStatus();
}

absl::Status HistogramColumns::ConvertOne(const HistogramSample& sample, SampleBatch* batch,
                                          HistogramRefusals* refusals) {
  if (sample.histogram.is_stale()) {
    Append(sample.series, sample.time_ms, model::kStaleNan, batch);
    return absl::OkStatus();
  }
  if (absl::Status status = Check(sample.histogram); !status.ok()) {
    const bool invalid = status.code() == absl::StatusCode::kInvalidArgument;
    ++(invalid ? refusals->invalid : refusals->over_limit);
    return status;
  }
  absl::Status status = TakeApart(sample.histogram);
  auto components = dictionary_->DeclareComponents(sample.series.column, codes_);
  if (status.ok()) status = components.status();
  if (!status.ok()) {
    ++refusals->over_limit;
    return status;
  }
  Append(sample.series, sample.time_ms, model::kHistogramMark, batch);
  // Where another histogram of this time may lie below, the buckets that this one lacks have to
  // cover it.
  const bool covers = MayBeStored(sample.series, sample.time_ms);
  size_t next = 0;
  for (const Component& component : **components) {
    double value = 0;
    if (next < codes_.size() && codes_[next] == component.code) {
      value = values_[next++];
    } else if (!covers) {
      continue;
    }
    if (model::IsNoSample(value)) {
      value = model::kNormalNan;
      ++refusals->nan_replaced;
    }
    Append({sample.series.target, component.column}, sample.time_ms, value, batch);
  }
  return absl::OkStatus();
}

absl::Status HistogramColumns::Check(const model::Histogram& histogram) const {
  BARO_TRY(model::CheckHistogram(histogram));
  const size_t buckets = std::max(histogram.positive.size() + histogram.negative.size(),
                                  histogram.custom_bounds.size());
  if (buckets <= buckets_max_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("cannot store histogram: over limit histogram_buckets_max, ", buckets,
                   " buckets of ", buckets_max_));
}

absl::Status HistogramColumns::TakeApart(const model::Histogram& histogram) {
  codes_.clear();
  values_.clear();
  HistogramForm form{histogram.schema, histogram.reset_hint, histogram.float_counts, 0};
  if (histogram.has_custom_bounds()) {
    BARO_TRY_ASSIGN(form.bounds, dictionary_->DeclareBounds(histogram.custom_bounds));
  }
  Put({ComponentKind::kForm, 0}, EncodeForm(form));
  Put({ComponentKind::kCount, 0}, histogram.count);
  Put({ComponentKind::kSum, 0}, histogram.sum);
  const auto put_unless_zero = [&](ComponentKind kind, double value) {
    if (std::bit_cast<uint64_t>(value) != 0) Put({kind, 0}, value);
  };
  put_unless_zero(ComponentKind::kZeroThreshold, histogram.zero_threshold);
  put_unless_zero(ComponentKind::kZeroCount, histogram.zero_count);
  TakeApart(ComponentKind::kPositive, histogram.positive);
  TakeApart(ComponentKind::kNegative, histogram.negative);
  return absl::OkStatus();
}

void HistogramColumns::TakeApart(ComponentKind kind,
                                 std::span<const model::Histogram::Bucket> buckets) {
  for (const model::Histogram::Bucket& bucket : buckets) {
    if (bucket.count != 0) Put({kind, bucket.index}, bucket.count);
  }
}

void HistogramColumns::Put(ComponentCode code, double value) {
  codes_.push_back(code);
  values_.push_back(value);
}

bool HistogramColumns::MayBeStored(SeriesId series, int64_t time_ms) {
  if (newest_ms_.size() >= kSeriesRememberedMax) {
    for (const auto& [key, newest_ms] : newest_ms_) {
      stored_until_ms_ = std::max(stored_until_ms_, newest_ms);
    }
    newest_ms_.clear();
  }
  const uint64_t key = uint64_t{series.target} << 32 | series.column;
  const auto [it, inserted] = newest_ms_.try_emplace(key, time_ms);
  if (inserted) return time_ms <= stored_until_ms_;
  const bool may = time_ms <= it->second || time_ms <= stored_until_ms_;
  it->second = std::max(it->second, time_ms);
  return may;
}

}  // namespace baro::tsdb
