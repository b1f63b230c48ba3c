// What the slo verbs show alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/client.h"
#include "render/screen.h"
#include "simdjson.h"

namespace baro::cli {

// 0.99871 as "99.871 %": as many digits as the objective needs, so that 99.95 and 99.9 differ.
std::string PercentText(double ratio);
// -0.29 as "-29 %"; empty for null.
std::string BudgetText(std::optional<double> remaining);
Style BudgetStyle(std::optional<double> remaining);
// 14.4 as "14x".
std::string BurnText(double burn_rate);
// region=eu tier=1; "(all)" for a budget that is not grouped.
std::string GroupText(const LabelSet& labels);
// ▇▆▅▁ of values between 0 (or the lowest) and 1; a blank where nothing is known.
std::string TrendText(simdjson::dom::element group);
// "in 3h 5m", "12m ago", "" when it is not in sight.
std::string ExhaustionText(simdjson::dom::element group, double now_seconds);

// Path of an objective: its name may hold anything that a URL must not.
std::string SloPath(const std::string& name, const std::string& part);
void AddLabelParameters(const std::vector<std::string>& labels, Parameters* parameters);

}  // namespace baro::cli
