#include "verbs/slo_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "api/json_walk.h"
#include "baro/base/strings.h"
#include "baro/net/form.h"
#include "render/number.h"
#include "render/text.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

constexpr std::array kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇"};

std::string Printed(const char* format, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

}  // namespace

std::string PercentText(double ratio) {
  std::string text = Printed("%.4f", ratio * 100);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  // What is not all must not look like it.
  if (text == "100" && ratio < 1) text = "99.9999";
  return text;
}

std::string BudgetText(std::optional<double> remaining) {
  if (!remaining) return "";
  const double percent = *remaining * 100;
  return base::StrCat(Printed(std::abs(percent) < 10 ? "%.1f" : "%.0f", percent), " %");
}

Style BudgetStyle(std::optional<double> remaining) {
  if (!remaining) return Style::kDim;
  if (*remaining <= 0) return Style::kBad;
  return *remaining < 0.25 ? Style::kWarn : Style::kGood;
}

std::string BurnText(double burn_rate) {
  return base::StrCat(Printed(burn_rate < 10 ? "%.1f" : "%.0f", burn_rate), "x");
}

std::string GroupText(const LabelSet& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    base::StrAppend(&text, text.empty() ? "" : " ", name, "=", value);
  }
  return Harmless(text);
}

std::string TrendText(dom::element group) {
  std::vector<std::optional<double>> values;
  ForEachIn(group, "trend", [&](dom::element value) {
    double number = 0;
    const bool known = value.get(number) == simdjson::SUCCESS;
    values.push_back(known ? std::optional(number) : std::nullopt);
  });
  double low = 0;
  for (const auto& value : values) low = std::min(low, value.value_or(0));
  std::string text;
  for (const auto& value : values) {
    if (!value) {
      text += ' ';
      continue;
    }
    const double share = (std::clamp(*value, low, 1.0) - low) / (1 - low);
    text += kBars[static_cast<size_t>(std::lround(share * static_cast<double>(kBars.size() - 1)))];
  }
  return text;
}

std::string ExhaustionText(dom::element group, double now_seconds) {
  const auto exhaustion = ObjectMember(group, "exhaustion");
  if (!exhaustion) return "";
  const double at = NumberMember(*exhaustion, "at");
  if (BoolMember(*exhaustion, "passed")) {
    return at > 0 ? base::StrCat(FormatDuration(now_seconds - at), " ago") : "passed";
  }
  return base::StrCat("in ", FormatDuration(at - now_seconds));
}

std::string SloPath(const std::string& name, const std::string& part) {
  return base::StrCat("/api/v1/baro/slo/", net::EncodePercent(name), part.empty() ? "" : "/", part);
}

void AddLabelParameters(const std::vector<std::string>& labels, Parameters* parameters) {
  for (const std::string& label : labels) parameters->emplace_back("label", label);
}

}  // namespace baro::cli
