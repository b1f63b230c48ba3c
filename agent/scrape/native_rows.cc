#include "native_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::agent {
namespace {

// The finest schema whose buckets are at least `factor` apart, as Prometheus' scraper picks it.
// (Its clients round to the other side: their factor is the one not to be exceeded.)
int32_t SchemaOfFactor(double factor) {
  if (factor <= 1) return model::kExponentialSchemaMax;
  const double schema = std::floor(-std::log2(std::log2(factor)));
  return static_cast<int32_t>(
      std::clamp<double>(schema, model::kExponentialSchemaMin, model::kExponentialSchemaMax));
}

size_t BucketCount(const model::Histogram& histogram) {
  return histogram.positive.size() + histogram.negative.size();
}

}  // namespace

absl::Status NativeRows::Limit(model::Histogram* histogram) {
  const bool exponential = !histogram->has_custom_bounds();
  const double factor = job_.native_histogram_min_bucket_factor;
  if (exponential && factor > 0 && histogram->schema > SchemaOfFactor(factor)) {
    exposition::ReduceSchema(SchemaOfFactor(factor), histogram);
  }
  const uint64_t limit = job_.native_histogram_bucket_limit;
  if (limit == 0) return absl::OkStatus();
  while (BucketCount(*histogram) > limit) {
    if (!exponential || histogram->schema <= model::kExponentialSchemaMin) {
      last_failure_ = ScrapeFailure::kSampleLimit;
      return absl::ResourceExhaustedError(
          base::StrCat("cannot take histogram of ", BucketCount(*histogram),
                       " buckets: native_histogram_bucket_limit is ", limit));
    }
    exposition::ReduceSchema(histogram->schema - 1, histogram);
  }
  return absl::OkStatus();
}

absl::Status NativeRows::Plan(std::vector<exposition::NativeSample> samples, int64_t time_ms) {
  ++round_;
  added_ = 0;
  pending_.clear();
  for (exposition::NativeSample& sample : samples) {
    auto [it, is_new] = series_.try_emplace(sample.labels);
    Series& series = it->second;
    if (is_new) {
      auto mapped = mapping_->Map(sample.labels);
      if (!mapped.ok()) {
        last_failure_ = mapping_->last_failure();
        series_.erase(it);
        return mapped.status();
      }
      series.dropped = mapped->dropped;
      if (!series.dropped) series.labels = mapped->All(target_.labels);
      if (!series.dropped && !Oversize(series.labels).empty()) series.dropped = true;
    }
    if (series.dropped) {
      series.round = round_;
      continue;
    }
    const auto own_time = job_.honor_timestamps ? sample.time_ms : std::nullopt;
    if (series.round == round_ && !own_time) {
      counters_->Count(SampleDrop::kDuplicate, 1);
      continue;
    }
    BARO_TRY(Limit(&sample.histogram));
    if (!series.present) ++added_;
    series.round = round_;
    series.metadata = std::move(sample.metadata);
    series.tells_end = !own_time || job_.track_timestamps_staleness;
    const int64_t at_ms = own_time.value_or(time_ms);
    SeriesExtras& extras = pending_.emplace_back();
    extras.labels = series.labels;
    extras.metadata = series.metadata;
    // Told already, or older than that: counted among the samples, but not told again.
    if (!own_time || at_ms > series.last_time_ms) {
      extras.histograms.push_back({at_ms, std::move(sample.histogram)});
    } else if (at_ms < series.last_time_ms) {
      counters_->Count(SampleDrop::kOutOfOrder, 1);
    }
    series.last_time_ms = std::max(series.last_time_ms, at_ms);
    for (exposition::Exemplar& exemplar : sample.exemplars) {
      extras.exemplars.push_back(
          {std::move(exemplar.labels), exemplar.time_ms.value_or(at_ms), exemplar.value});
    }
  }
  return absl::OkStatus();
}

SeriesExtras NativeRows::End(const Series& series, int64_t time_ms) const {
  SeriesExtras extras;
  extras.labels = series.labels;
  extras.metadata = series.metadata;
  model::Histogram stale;
  stale.sum = model::kStaleNan;
  extras.histograms.push_back({time_ms, std::move(stale)});
  return extras;
}

std::vector<SeriesExtras> NativeRows::Commit(int64_t time_ms) {
  std::vector<SeriesExtras> told = std::move(pending_);
  pending_ = {};
  for (auto it = series_.begin(); it != series_.end();) {
    Series& series = it->second;
    if (series.round == round_) {
      series.present = true;
      ++it;
      continue;
    }
    if (series.present && !series.dropped && series.tells_end) told.push_back(End(series, time_ms));
    it = series_.erase(it);
  }
  return told;
}

std::vector<SeriesExtras> NativeRows::EndAll(int64_t time_ms) {
  std::vector<SeriesExtras> told;
  for (const auto& [scraped, series] : series_) {
    if (series.present && !series.dropped && series.tells_end) told.push_back(End(series, time_ms));
  }
  series_.clear();
  return told;
}

}  // namespace baro::agent
