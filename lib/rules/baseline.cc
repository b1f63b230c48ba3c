#include "baseline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

constexpr int64_t kHourMs = 3'600'000;
// Twelve values an hour and season: what changes faster belongs into the expression (rate[5m]).
constexpr int64_t kStepMs = 300'000;
// A standard deviation of what is normally distributed, in MADs.
constexpr double kDeviationOfMad = 1.4826;

// Between the two nearest values, as PromQL's quantile().
double QuantileOf(const std::vector<double>& sorted, double quantile) {
  const double rank = quantile * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = rank - static_cast<double>(below);
  return sorted[below] * (1 - weight) + sorted[above] * weight;
}

absl::StatusOr<promql::Matrix> HourOf(const RuleQueries& queries, const std::string& query,
                                      int64_t hour_ms) {
  promql::QueryOptions options;
  options.cancelled = queries.cancelled;
  BARO_TRY_ASSIGN(promql::QueryResult result,
                  queries.engine->Range(*queries.source, query, hour_ms,
                                        hour_ms + kHourMs - kStepMs, kStepMs, options));
  if (auto* matrix = std::get_if<promql::Matrix>(&result.value)) return std::move(*matrix);
  return absl::FailedPreconditionError("rule result is not a vector or scalar");
}

// "q95", "q99_9": a colon or a point would not be a part of a metric's name that people can write.
std::string QuantileName(double quantile) {
  std::string digits = GoFloat(std::round(quantile * 1e6) / 1e4, 'f', -1);
  std::replace(digits.begin(), digits.end(), '.', '_');
  return base::StrCat("q", digits);
}

}  // namespace

UsualValues Summarize(std::vector<double>* values, const std::vector<double>& quantiles) {
  UsualValues usual;
  std::sort(values->begin(), values->end());
  usual.median = QuantileOf(*values, 0.5);
  for (const double quantile : quantiles) usual.quantiles.push_back(QuantileOf(*values, quantile));
  for (double& value : *values) value = std::abs(value - usual.median);
  std::sort(values->begin(), values->end());
  usual.mad = QuantileOf(*values, 0.5);
  return usual;
}

std::vector<std::string> RecordedNames(const RuleSpec& rule) {
  if (rule.alerting) return {};
  if (!rule.baseline) return {rule.name};
  std::vector<std::string> names;
  for (const char* what : {"median", "mad", "low", "high", "samples"}) {
    names.push_back(base::StrCat(rule.name, ":", what));
  }
  for (const double quantile : rule.baseline->quantiles) {
    names.push_back(base::StrCat(rule.name, ":", QuantileName(quantile)));
  }
  return names;
}

absl::Status Baseline::Learn(const RuleQueries& queries, const RuleSpec& rule, int64_t hour_ms) {
  const BaselineSpec& spec = *rule.baseline;
  std::map<model::Labels, std::vector<double>> values;
  for (int season = 1; season <= spec.seasons; ++season) {
    const int64_t past_ms = hour_ms - season * spec.season_ms;
    std::set<int64_t> excluded;
    if (!spec.exclude_query.empty()) {
      BARO_TRY_ASSIGN(const promql::Matrix incidents, HourOf(queries, spec.exclude_query, past_ms));
      for (const promql::ResultSeries& series : incidents.series) {
        for (const model::Sample& sample : series.samples) excluded.insert(sample.time_ms);
      }
    }
    BARO_TRY_ASSIGN(const promql::Matrix hour, HourOf(queries, rule.query, past_ms));
    for (const promql::ResultSeries& series : hour.series) {
      std::vector<double>& all = values[series.labels];
      for (const model::Sample& sample : series.samples) {
        if (std::isfinite(sample.value) && !excluded.contains(sample.time_ms)) {
          all.push_back(sample.value);
        }
      }
    }
  }
  samples_.clear();
  for (auto& [labels, all] : values) {
    if (all.size() < static_cast<size_t>(spec.samples_min)) continue;
    const auto count = static_cast<double>(all.size());
    const UsualValues usual = Summarize(&all, spec.quantiles);
    const double reach = std::max(spec.band * kDeviationOfMad * usual.mad, spec.floor);
    const auto add = [&](const std::string& what, double value) {
      RuleSample& sample = samples_.emplace_back();
      sample.labels = labels;
      sample.labels.Set(model::kMetricName, base::StrCat(rule.name, ":", what));
      sample.value = value;
    };
    add("median", usual.median);
    add("mad", usual.mad);
    add("low", usual.median - reach);
    add("high", usual.median + reach);
    add("samples", count);
    for (size_t i = 0; i < spec.quantiles.size(); ++i) {
      add(QuantileName(spec.quantiles[i]), usual.quantiles[i]);
    }
  }
  hour_ms_ = hour_ms;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RuleSample>> Baseline::At(const RuleQueries& queries,
                                                     const RuleSpec& rule, int64_t time_ms) {
  const int64_t hour_ms = time_ms - time_ms % kHourMs;
  if (hour_ms != hour_ms_) BARO_TRY(Learn(queries, rule, hour_ms));
  std::vector<RuleSample> samples = samples_;
  for (RuleSample& sample : samples) sample.time_ms = time_ms;
  return samples;
}

}  // namespace baro::rules
