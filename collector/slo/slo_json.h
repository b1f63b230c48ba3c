// Objectives as JSON, as docs/slo.md shows it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "baro/slo/slo_engine.h"
#include "http_api/json_object.h"

namespace baro::collector {

using SloTrend = std::vector<std::vector<slo::TrendPoint>>;

// The members of an objective; `with_details`: also policies, guards, SLI and exclusions.
void WriteSlo(const slo::SloStatus& status, const SloTrend& trend,
              std::span<const slo::Exclusion> exclusions, bool with_details, JsonWriter* writer);
void WriteExclusion(const slo::Exclusion& exclusion, JsonWriter* writer);
void WriteExplanation(const slo::Explanation& explanation, JsonWriter* writer);
void WriteForecast(const slo::GroupForecast& forecast, JsonWriter* writer);
void WriteBacktest(const slo::Backtest& backtest, JsonWriter* writer);

// "region=eu,zone=a"; empty for the group of everything.
std::string GroupText(const model::Labels& labels);

}  // namespace baro::collector
