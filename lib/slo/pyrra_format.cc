// Pyrra's resource ServiceLevelObjective.
#include <cmath>
#include <cstdlib>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "format.h"
#include "latency.h"
#include "term_reader.h"

namespace baro::slo {
namespace {

using base::YamlMap;
using base::YamlNode;

// Labels of the resource with this prefix go to its series.
constexpr std::string_view kPropagated = "pyrra.dev/";

absl::StatusOr<Addend> ReadMetric(const YamlNode& node) {
  YamlMap map(node);
  std::string text;
  map.Required("metric", &text);
  const YamlNode* metric = map.Take("metric");
  BARO_TRY(map.Finish());
  auto addend = ReadSelector(text);
  if (!addend.ok()) return PromqlError(*metric, "the metric", addend.status());
  return addend;
}

void Add(const Addend& addend, double to_total, double to_bad, SliSpec* sli) {
  Sum sum;
  sum.addends = {addend};
  AddTerms(sum, to_total, to_bad, &sli->terms);
}

struct Parts {
  const YamlNode* total = nullptr;
  const YamlNode* part = nullptr;
  const YamlNode* grouping = nullptr;
};

absl::StatusOr<Parts> ReadParts(const YamlNode& node, const char* part, SloSpec* spec) {
  Parts parts;
  YamlMap map(node);
  parts.total = map.Take("total");
  parts.part = map.Take(part);
  map.Optional("grouping", &spec->group_by);
  parts.grouping = map.Take("grouping");
  BARO_TRY(map.Finish());
  if (parts.total == nullptr) return node.ErrorAt("missing key \"total\"");
  if (parts.part == nullptr) return node.ErrorAt(base::StrCat("missing key \"", part, "\""));
  if (parts.grouping != nullptr) BARO_TRY(CheckGroupBy(*parts.grouping, spec->group_by));
  return parts;
}

absl::Status ReadRatio(const YamlNode& node, SloSpec* spec) {
  BARO_TRY_ASSIGN(const Parts parts, ReadParts(node, "errors", spec));
  BARO_TRY_ASSIGN(const Addend total, ReadMetric(*parts.total));
  BARO_TRY_ASSIGN(const Addend errors, ReadMetric(*parts.part));
  Add(total, 1, 0, &spec->sli);
  Add(errors, 0, 1, &spec->sli);
  spec->sli.texts.total = {total.text};
  spec->sli.texts.bad = {errors.text};
  return absl::OkStatus();
}

absl::Status ReadLatency(const YamlNode& node, SloSpec* spec) {
  BARO_TRY_ASSIGN(const Parts parts, ReadParts(node, "success", spec));
  BARO_TRY_ASSIGN(const Addend total, ReadMetric(*parts.total));
  BARO_TRY_ASSIGN(const Addend success, ReadMetric(*parts.part));
  spec->sli.kind = SliKind::kLatency;
  Add(total, 1, 1, &spec->sli);
  Add(success, 0, -1, &spec->sli);
  spec->sli.texts.total = {total.text};
  spec->sli.texts.good = {success.text};
  return absl::OkStatus();
}

absl::Status ReadNative(const YamlNode& node, SloSpec* spec) {
  BARO_TRY_ASSIGN(const Parts parts, ReadParts(node, "latency", spec));
  BARO_TRY_ASSIGN(const Addend total, ReadMetric(*parts.total));
  std::chrono::milliseconds latency{0};
  BARO_TRY(ReadYaml(*parts.part, &latency));
  if (latency.count() <= 0) return parts.part->ErrorAt("must be longer than 0");
  spec->sli.kind = SliKind::kLatency;
  TermSpec term;
  term.kind = TermKind::kHistogram;
  term.matchers = total.matchers;
  term.text = total.text;
  term.to_total = term.to_bad = 1;
  term.bound = static_cast<double>(latency.count()) / 1000;
  spec->sli.terms.push_back(std::move(term));
  spec->sli.texts.total = {total.text};
  spec->sli.texts.good = {base::StrCat(total.text, " <= ", term.bound)};
  return absl::OkStatus();
}

absl::Status ReadBool(const YamlNode& node, SloSpec* spec) {
  std::string text;
  YamlMap map(node);
  map.Required("metric", &text);
  map.Optional("grouping", &spec->group_by);
  const YamlNode* metric = map.Take("metric");
  const YamlNode* grouping = map.Take("grouping");
  BARO_TRY(map.Finish());
  if (grouping != nullptr) BARO_TRY(CheckGroupBy(*grouping, spec->group_by));
  Addend addend;
  auto read = ReadSelector(text);
  if (!read.ok()) return PromqlError(*metric, "the metric", read.status());
  addend = *std::move(read);
  spec->sli.kind = SliKind::kGauge;
  // (count - sum) / count
  addend.kind = TermKind::kSampleCount;
  Add(addend, 1, 1, &spec->sli);
  addend.kind = TermKind::kSampleSum;
  Add(addend, 0, -1, &spec->sli);
  spec->sli.texts.total = {addend.text};
  return absl::OkStatus();
}

absl::Status ReadIndicator(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* ratio = map.Take("ratio");
  const YamlNode* latency = map.Take("latency");
  const YamlNode* native = map.Take("latencyNative");
  const YamlNode* gauge = map.Take("bool_gauge");
  BARO_TRY(map.Finish());
  const int given =
      (ratio != nullptr) + (latency != nullptr) + (native != nullptr) + (gauge != nullptr);
  if (given != 1) {
    return node.ErrorAt("expected one of ratio, latency, latencyNative and bool_gauge");
  }
  if (ratio != nullptr) return ReadRatio(*ratio, spec);
  if (latency != nullptr) return ReadLatency(*latency, spec);
  if (native != nullptr) return ReadNative(*native, spec);
  return ReadBool(*gauge, spec);
}

// Pyrra's windows are those of 28 days, longer or shorter with the objective's.
std::vector<PolicySpec> Policies(int64_t window_ms) {
  const double scale = static_cast<double>(window_ms) / static_cast<double>(28 * kDayMs);
  const auto scaled = [scale](int64_t duration_ms) {
    const double minutes = static_cast<double>(duration_ms) / kMinuteMs * scale;
    return std::max<int64_t>(1, std::llround(minutes)) * kMinuteMs;
  };
  return {{"critical", 14, scaled(kHourMs), scaled(5 * kMinuteMs), scaled(2 * kMinuteMs)},
          {"critical", 7, scaled(6 * kHourMs), scaled(30 * kMinuteMs), scaled(15 * kMinuteMs)},
          {"warning", 2, scaled(kDayMs), scaled(2 * kHourMs), scaled(kHourMs)},
          {"warning", 1, scaled(4 * kDayMs), scaled(6 * kHourMs), scaled(3 * kHourMs)}};
}

absl::Status ReadAlerting(const YamlNode* node, SloSpec* spec) {
  AlertingSpec& alerting = spec->alerting;
  alerting.name = "ErrorBudgetBurn";
  alerting.policies = Policies(spec->window.length_ms);
  bool disabled = false;
  bool burn_rates = true;
  bool absent = true;
  if (node != nullptr) {
    YamlMap map(*node);
    map.Optional("disabled", &disabled);
    map.Optional("burnrates", &burn_rates);
    map.Optional("absent", &absent);
    map.Optional("name", &alerting.name);
    map.Ignore("absentName");
    BARO_TRY(map.Finish());
  }
  if (disabled || !burn_rates) alerting.policies.clear();
  if (absent && !disabled) alerting.no_data_severity = "critical";
  return absl::OkStatus();
}

absl::Status ReadMetadata(const YamlNode& node, SloSpec* spec) {
  for (const YamlNode::Entry& entry : node.entries()) {
    const std::string& key = entry.key.scalar();
    if (key == "name") spec->name = entry.value.scalar();
    if (key == "namespace") spec->labels["namespace"] = entry.value.scalar();
    if (key != "labels") continue;
    for (const YamlNode::Entry& label : entry.value.entries()) {
      const std::string_view name = label.key.scalar();
      if (!name.starts_with(kPropagated)) continue;
      std::string own(name.substr(kPropagated.size()));
      if (!model::IsClassicLabelName(own)) continue;
      if (own == "team" || own == "owner") spec->owner = label.value.scalar();
      if (own == "service") {
        spec->service = label.value.scalar();
      } else {
        spec->labels[own] = label.value.scalar();
      }
    }
  }
  if (spec->service.empty()) spec->service = spec->name;
  return CheckLabels(node, spec->labels, true);
}

absl::Status ReadSpec(const YamlNode& node, SloSpec* spec) {
  std::string target;
  std::chrono::milliseconds window{0};
  YamlMap map(node);
  map.Optional("description", &spec->description);
  map.Required("target", &target);
  map.Required("window", &window);
  const YamlNode* target_node = map.Take("target");
  const YamlNode* indicator = map.Take("indicator");
  const YamlNode* alerting = map.Take("alerting");
  for (const char* key : {"partial_response_strategy", "performanceOverAccuracy"}) map.Ignore(key);
  BARO_TRY(map.Finish());
  char* end = nullptr;
  const double percent = std::strtod(target.c_str(), &end);
  if (target.empty() || *end != '\0') return target_node->ErrorAt("expected a number of percent");
  BARO_TRY(CheckPercent(*target_node, percent));
  if (indicator == nullptr) return node.ErrorAt("missing key \"indicator\"");
  spec->objective = RatioOf(percent);
  spec->window.length_ms = window.count();
  BARO_TRY(ReadIndicator(*indicator, spec));
  // What groups are told apart by is no label of all of them.
  for (const std::string& label : spec->group_by) spec->labels.erase(label);
  return ReadAlerting(alerting, spec);
}

absl::Status ReadResource(const YamlNode& root, SloSpec* spec) {
  std::string kind;
  YamlMap map(root);
  map.Required("kind", &kind);
  map.Ignore("apiVersion");
  map.Ignore("status");
  const YamlNode* metadata = map.Take("metadata");
  const YamlNode* inner = map.Take("spec");
  if (map.ok() && kind != "ServiceLevelObjective") {
    map.Fail("kind", "expected ServiceLevelObjective");
  }
  BARO_TRY(map.Finish());
  if (metadata == nullptr) return root.ErrorAt("missing key \"metadata\"");
  if (inner == nullptr) return root.ErrorAt("missing key \"spec\"");
  BARO_TRY(ReadMetadata(*metadata, spec));
  BARO_TRY(ReadSpec(*inner, spec));
  spec->export_pyrra = true;
  return FinishSpec(root, spec);
}

}  // namespace

void ReadPyrra(const YamlNode& root, Specs* specs, Problems* problems) {
  SloSpec spec;
  const absl::Status status = ReadResource(root, &spec);
  problems->Add(status);
  if (status.ok()) specs->push_back(std::move(spec));
}

}  // namespace baro::slo
