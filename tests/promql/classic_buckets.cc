#include "classic_buckets.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "number_text.h"

namespace baro::promql_script {
namespace {

struct Classic {
  std::map<double, double> buckets;  // cumulative, by upper bound
  std::optional<double> count;
  double sum = 0;
};

absl::StatusOr<model::Histogram> Convert(Classic classic) {
  if (!classic.count) {
    classic.count = classic.buckets.empty() ? 0 : classic.buckets.rbegin()->second;
  }
  classic.buckets.try_emplace(std::numeric_limits<double>::infinity(), *classic.count);
  model::Histogram histogram;
  histogram.schema = model::kCustomBoundsSchema;
  histogram.float_counts = true;
  histogram.count = *classic.count;
  histogram.sum = classic.sum;
  double before = 0;
  int32_t index = 0;
  for (const auto& [bound, count] : classic.buckets) {
    if (count < before) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot convert buckets: ", count, " after ", before));
    }
    if (std::isfinite(bound)) histogram.custom_bounds.push_back(bound);
    if (count != before) histogram.positive.push_back({index, count - before});
    before = count;
    ++index;
  }
  return histogram;
}

// Cuts a suffix off a name; false when it has none of them.
bool CutSuffix(std::string_view name, std::string_view* base, std::string_view* suffix) {
  for (const std::string_view candidate : {"_bucket", "_count", "_sum"}) {
    if (!name.ends_with(candidate)) continue;
    *base = name.substr(0, name.size() - candidate.size());
    *suffix = candidate;
    return true;
  }
  return false;
}

}  // namespace

absl::Status AddCustomHistograms(std::map<model::Labels, LoadedSeries>* series) {
  std::map<model::Labels, std::map<int64_t, Classic>> classics;
  for (const auto& [labels, samples] : *series) {
    std::string_view name;
    std::string_view suffix;
    if (!CutSuffix(labels.Get(model::kMetricName), &name, &suffix)) continue;
    double bound = 0;
    const bool bucket = suffix == "_bucket";
    if (bucket && (!promql::ParseFloat(labels.Get("le"), &bound) || std::isnan(bound))) continue;
    model::Labels of_histogram = labels;
    of_histogram.Set(model::kMetricName, name);
    of_histogram.Set("le", "");
    for (const auto& [time_ms, sample] : samples) {
      if (sample.histogram != nullptr) continue;
      Classic& classic = classics[of_histogram][time_ms];
      if (bucket) classic.buckets.try_emplace(bound, sample.value);
      if (suffix == "_count") classic.count = sample.value;
      if (suffix == "_sum") classic.sum = sample.value;
    }
  }
  for (auto& [labels, by_time] : classics) {
    for (auto& [time_ms, classic] : by_time) {
      BARO_TRY_ASSIGN(model::Histogram histogram, Convert(std::move(classic)));
      (*series)[labels][time_ms] = {
          0, std::make_shared<const model::Histogram>(std::move(histogram)), 0};
    }
  }
  return absl::OkStatus();
}

}  // namespace baro::promql_script
