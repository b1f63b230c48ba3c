#include "format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "term_reader.h"

namespace baro::slo {
namespace {

using base::YamlNode;

constexpr size_t kNameBytesMax = 200;
constexpr size_t kGroupByMax = 10;
constexpr size_t kPoliciesMax = 20;
constexpr size_t kTermsMax = 50;

// What expressions are asked with, once a minute: long enough for scrapes a minute apart.
constexpr std::string_view kQueryWindow = "5m";
constexpr double kMinutesOfQueryWindow = 5;

}  // namespace

void Problems::Add(const absl::Status& status) {
  if (status.ok()) return;
  if (first_.ok()) first_ = status;
  if (all_ != nullptr) all_->emplace_back(status.message().data(), status.message().size());
}

double RatioOf(double percent) { return std::round(percent * 1e10) / 1e12; }

absl::Status CheckPercent(const YamlNode& node, double percent) {
  if (percent > 0 && percent < 100) return absl::OkStatus();
  return node.ErrorAt(
      base::StrCat("an objective is above 0 and below 100 percent, not ", percent,
                   percent == 100 ? ": without an error budget there is nothing to burn" : ""));
}

absl::Status CheckName(const YamlNode& node, std::string_view name) {
  if (name.empty()) return node.ErrorAt("a name must not be empty");
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  if (!std::all_of(name.begin(), name.end(), fits) || name.size() > kNameBytesMax) {
    return node.ErrorAt(base::StrCat("cannot use \"", name.substr(0, kNameBytesMax),
                                     "\" as a name: letters, digits, -, _ and . only, at most ",
                                     kNameBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const YamlNode& node, const std::map<std::string, std::string>& labels,
                         bool names_of_rules) {
  for (const auto& [name, value] : labels) {
    const bool reserved = name == model::kMetricName || name == "alertname" ||
                          (!names_of_rules && (name == "slo" || name == "service" ||
                                               name == "window" || name == "kind"));
    if (model::IsClassicLabelName(name) && !reserved) continue;
    for (const YamlNode::Entry& entry : node.entries()) {
      if (entry.key.scalar() != name) continue;
      return entry.key.ErrorAt(base::StrCat("cannot use \"", name, "\" as a label's name here"));
    }
    return node.ErrorAt(base::StrCat("cannot use \"", name, "\" as a label's name here"));
  }
  return absl::OkStatus();
}

absl::Status CheckGroupBy(const YamlNode& node, const std::vector<std::string>& names) {
  if (names.size() > kGroupByMax) {
    return node.ErrorAt(base::StrCat("at most ", kGroupByMax, " labels are possible"));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const YamlNode& place = i < node.elements().size() ? node.elements()[i] : node;
    const std::string& name = names[i];
    if (!model::IsClassicLabelName(name) || name == model::kMetricName || name == "slo" ||
        name == "service" || name == "window" || name == "kind" || name == "state" ||
        name == "severity" || name == "alertname") {
      return place.ErrorAt(base::StrCat("cannot group by \"", name, "\""));
    }
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), name) !=
        names.begin() + static_cast<ptrdiff_t>(i)) {
      return place.ErrorAt(base::StrCat("\"", name, "\" is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status PromqlError(const YamlNode& node, std::string_view what, const absl::Status& status) {
  return node.ErrorAt(base::StrCat("cannot read ", what, ": ", base::FromAbsl(status.message())));
}

namespace {

absl::Status ReadQueries(const Expression& good, const Expression& bad, const Expression& total,
                         SloSpec* spec) {
  QuerySpec& query = spec->sli.query;
  bool is_rate = false;
  for (const Expression* one : {&good, &bad, &total}) {
    if (one->node == nullptr) continue;
    const std::string text = WithWindow(one->text, kQueryWindow);
    const absl::Status status = CheckQuery(text);
    if (!status.ok()) return PromqlError(*one->node, "the expression", status);
    is_rate = is_rate || text.find("rate(") != std::string::npos;
  }
  query.total = WithWindow(total.text, kQueryWindow);
  if (bad.node != nullptr) {
    query.bad = WithWindow(bad.text, kQueryWindow);
  } else {
    query.bad = base::StrCat("(", query.total, ") - (", WithWindow(good.text, kQueryWindow), ")");
  }
  query.factor = is_rate ? 60 : 1 / kMinutesOfQueryWindow;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadRatio(const Expression& good, const Expression& bad, const Expression& total,
                       bool bare_counts, SloSpec* spec) {
  const Expression& part = bad.node != nullptr ? bad : good;
  spec->sli.texts = {};
  if (good.node != nullptr) spec->sli.texts.good = {good.text};
  if (bad.node != nullptr) spec->sli.texts.bad = {bad.text};
  spec->sli.texts.total = {total.text};
  const auto total_sum = ReadSum(WithWindow(total.text, kQueryWindow), bare_counts);
  const auto part_sum = ReadSum(WithWindow(part.text, kQueryWindow), bare_counts);
  for (const auto& [sum, expression] :
       {std::pair(&total_sum, &total), std::pair(&part_sum, &part)}) {
    if (!sum->ok() && !absl::IsUnimplemented(sum->status())) {
      return PromqlError(*expression->node, "the expression", sum->status());
    }
  }
  if (total_sum.ok() && part_sum.ok() && total_sum->is_rate == part_sum->is_rate) {
    const bool is_good = bad.node == nullptr;
    AddTerms(*total_sum, 1, is_good ? 1 : 0, &spec->sli.terms);
    AddTerms(*part_sum, 0, is_good ? -1 : 1, &spec->sli.terms);
    if (spec->group_by.empty() && total_sum->labels == part_sum->labels) {
      spec->group_by.assign(total_sum->labels.begin(), total_sum->labels.end());
    }
    return absl::OkStatus();
  }
  return ReadQueries(good, bad, total, spec);
}

absl::Status ReadErrorRatio(const Expression& ratio, SloSpec* spec) {
  const std::string text = WithWindow(ratio.text, kQueryWindow);
  const absl::Status status = CheckQuery(text);
  if (!status.ok()) return PromqlError(*ratio.node, "the expression", status);
  spec->sli.kind = SliKind::kRaw;
  spec->sli.texts.bad = {ratio.text};
  spec->sli.query.error_ratio = text;
  spec->sli.query.factor = 1;
  return absl::OkStatus();
}

namespace {

absl::Status CheckPolicies(const YamlNode& node, SloSpec* spec) {
  if (spec->alerting.policies.size() > kPoliciesMax) {
    return node.ErrorAt(base::StrCat("at most ", kPoliciesMax, " policies are possible"));
  }
  for (const PolicySpec& policy : spec->alerting.policies) {
    if (policy.burn_rate * (1 - spec->objective) < 1) continue;
    spec->warnings.push_back(
        base::StrCat("the policy of ", policy.burn_rate, "x over ", DurationText(policy.long_ms),
                     " can never fire: with an objective of ", spec->objective * 100,
                     "% nothing burns faster than ", 1 / (1 - spec->objective), "x"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FinishSpec(const YamlNode& node, SloSpec* spec) {
  SetPlace(node, spec);
  BARO_TRY(CheckName(node, spec->name));
  if (spec->window.length_ms < kHourMs || spec->window.length_ms > kWindowMaxMs) {
    return node.ErrorAt(base::StrCat("a window is between 1h and 400d, not ",
                                     DurationText(spec->window.length_ms)));
  }
  if (spec->sli.terms.size() > kTermsMax) {
    return node.ErrorAt(base::StrCat("at most ", kTermsMax, " selectors are possible"));
  }
  for (const std::string& label : spec->group_by) {
    if (spec->labels.contains(label)) {
      return node.ErrorAt(base::StrCat("\"", label, "\" is in group_by and in labels"));
    }
  }
  if (!spec->group_by.empty()) BARO_TRY(CheckGroupBy(node, spec->group_by));
  return CheckPolicies(node, spec);
}

absl::StatusOr<int64_t> ReadLongDuration(const YamlNode& node) {
  const std::string& text = node.scalar();
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(parsed.ptr,
                              text.size() - static_cast<size_t>(parsed.ptr - text.data()));
  if (parsed.ec == std::errc() && number > 0 && number <= 400) {
    if (unit == "M") return number * 30 * kDayMs;
    if (unit == "Q") return number * 90 * kDayMs;
    if (unit == "Y") return number * 365 * kDayMs;
  }
  std::chrono::milliseconds duration{0};
  BARO_TRY(base::ReadYaml(node, &duration));
  return duration.count();
}

void SetPlace(const YamlNode& node, SloSpec* spec) {
  const std::string where = node.where();
  const size_t column = where.rfind(':');
  const size_t line = column == std::string::npos ? column : where.rfind(':', column - 1);
  if (line == std::string::npos) return;
  spec->file = where.substr(0, line);
  std::from_chars(where.data() + line + 1, where.data() + column, spec->line);
}

}  // namespace baro::slo
