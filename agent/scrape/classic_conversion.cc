#include "classic_conversion.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "baro/model/sample.h"

namespace baro::agent {
namespace {

using exposition::kNoTime;
using model::MetricType;

std::optional<double> ReadBound(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double bound = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
  if (error != std::errc() || end != text.data() + text.size() || std::isnan(bound)) {
    return std::nullopt;
  }
  return bound;
}

bool IsWhole(double value) { return value == std::round(value) && std::abs(value) < 9.2e18; }

}  // namespace

void ClassicConversion::Build(std::span<const model::Column> columns) {
  groups_.clear();
  is_part_.assign(columns.size(), false);
  std::map<model::Labels, size_t> index;
  for (uint32_t i = 0; i < columns.size(); ++i) {
    const auto& [labels, metadata] = columns[i];
    if (metadata.type != MetricType::kHistogram && metadata.type != MetricType::kGaugeHistogram) {
      continue;
    }
    const std::string_view name = labels.Get(model::kMetricName);
    const std::string_view suffix = name.substr(std::min(name.size(), metadata.family.size()));
    const auto bound = suffix == "_bucket" ? ReadBound(labels.Get("le")) : std::nullopt;
    if (!bound && suffix != "_count" && suffix != "_sum") continue;
    model::Labels base = labels;
    base.Set(model::kMetricName, metadata.family);
    base.Remove("le");
    const auto [it, is_new] = index.try_emplace(base, groups_.size());
    if (is_new) groups_.push_back({std::move(base), metadata, {}, kNone, kNone});
    Group& group = groups_[it->second];
    is_part_[i] = true;
    if (bound) {
      group.buckets.push_back({*bound, i});
    } else {
      (suffix == "_count" ? group.count : group.sum) = i;
    }
  }
  for (Group& group : groups_) {
    std::stable_sort(
        group.buckets.begin(), group.buckets.end(),
        [](const Bucket& a, const Bucket& b) { return a.upper_bound < b.upper_bound; });
  }
}

// False when there is nothing to convert, or no histogram in it.
bool ClassicConversion::Convert(const Group& group, std::span<const double> values,
                                exposition::NativeSample* sample) const {
  model::Histogram& histogram = sample->histogram;
  histogram.schema = model::kCustomBoundsSchema;
  if (group.metadata.type == MetricType::kGaugeHistogram) {
    histogram.reset_hint = model::ResetHint::kGauge;
  }
  double below = 0;
  int32_t next = 0;
  bool whole = true;
  bool ended = false;
  const auto add = [&](double cumulative) {
    if (cumulative != below) histogram.positive.push_back({next, cumulative - below});
    whole = whole && IsWhole(cumulative);
    below = cumulative;
    ++next;
  };
  for (const Bucket& bucket : group.buckets) {
    const double cumulative = values[bucket.column];
    if (model::IsStaleNan(cumulative)) continue;
    if (!(cumulative >= below)) return false;  // not cumulative, negative or NaN
    ended = std::isinf(bucket.upper_bound);
    if (!ended) histogram.custom_bounds.push_back(bucket.upper_bound);
    add(cumulative);
  }
  const bool counted = group.count != kNone && !model::IsStaleNan(values[group.count]);
  if (next == 0 && !counted) return false;
  histogram.count = counted ? values[group.count] : below;
  if (!(histogram.count >= 0)) return false;
  if (!ended) {
    if (histogram.count < below) return false;
    add(histogram.count);
  }
  if (histogram.count != below) return false;
  const bool summed = group.sum != kNone && !model::IsStaleNan(values[group.sum]);
  histogram.sum = summed ? values[group.sum] : 0;
  histogram.float_counts = !whole;
  return true;
}

ClassicConversion::Gathered ClassicConversion::Gather(const exposition::LayoutCache& cache) const {
  Gathered gathered;
  const auto values = cache.values();
  const auto times_ms = cache.times_ms();
  for (const Group& group : groups_) {
    uint64_t parts = 0;
    int64_t time_ms = kNoTime;
    const auto look = [&](uint32_t column) {
      if (column == kNone || model::IsStaleNan(values[column])) return;
      ++parts;
      if (!times_ms.empty()) time_ms = times_ms[column];
    };
    for (const Bucket& bucket : group.buckets) look(bucket.column);
    look(group.count);
    look(group.sum);
    gathered.parts += parts;
    if (parts == 0) continue;
    exposition::NativeSample sample;
    if (!Convert(group, values, &sample)) continue;
    sample.labels = group.labels;
    sample.metadata = group.metadata;
    if (time_ms != kNoTime) sample.time_ms = time_ms;
    for (const exposition::ColumnExemplar& exemplar : cache.exemplars()) {
      const bool ours = std::any_of(group.buckets.begin(), group.buckets.end(),
                                    [&](const Bucket& b) { return b.column == exemplar.column; });
      if (ours && exemplar.exemplar.time_ms) sample.exemplars.push_back(exemplar.exemplar);
    }
    gathered.histograms.push_back(std::move(sample));
  }
  return gathered;
}

}  // namespace baro::agent
