// Our own format, as docs/slo.md shows it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "format.h"
#include "latency.h"
#include "term_reader.h"

namespace baro::slo {
namespace {

using base::YamlMap;
using base::YamlNode;
using Texts = std::map<std::string, std::string>;

// A list, or one alone.
absl::Status ReadTexts(const YamlNode& node, std::vector<const YamlNode*>* nodes) {
  if (node.kind() == YamlNode::Kind::kScalar) {
    nodes->push_back(&node);
    return absl::OkStatus();
  }
  if (node.kind() != YamlNode::Kind::kList || node.elements().empty()) {
    return node.ErrorAt("expected a selector or a list of selectors");
  }
  for (const YamlNode& element : node.elements()) nodes->push_back(&element);
  return absl::OkStatus();
}

absl::Status ReadSelectors(const YamlNode& node, double to_total, double to_bad, SliSpec* sli,
                           std::vector<std::string>* texts) {
  std::vector<const YamlNode*> nodes;
  BARO_TRY(ReadTexts(node, &nodes));
  for (const YamlNode* one : nodes) {
    const auto addend = ReadSelector(one->scalar());
    if (!addend.ok()) return PromqlError(*one, "the selector", addend.status());
    Sum sum;
    sum.addends = {*addend};
    AddTerms(sum, to_total, to_bad, &sli->terms);
    texts->push_back(addend->text);
  }
  return absl::OkStatus();
}

absl::Status ReadRatioSli(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* good = map.Take("good");
  const YamlNode* bad = map.Take("bad");
  const YamlNode* total = map.Take("total");
  BARO_TRY(map.Finish());
  if ((good == nullptr) == (bad == nullptr) && total != nullptr) {
    return node.ErrorAt("expected either good or bad");
  }
  SliSpec& sli = spec->sli;
  sli.kind = SliKind::kRatio;
  if (total == nullptr) {
    if (good == nullptr || bad == nullptr) {
      return node.ErrorAt("expected total with good or bad, or good with bad");
    }
    BARO_TRY(ReadSelectors(*good, 1, 0, &sli, &sli.texts.good));
    return ReadSelectors(*bad, 1, 1, &sli, &sli.texts.bad);
  }
  BARO_TRY(ReadSelectors(*total, 1, good != nullptr ? 1 : 0, &sli, &sli.texts.total));
  if (good != nullptr) return ReadSelectors(*good, 0, -1, &sli, &sli.texts.good);
  return ReadSelectors(*bad, 0, 1, &sli, &sli.texts.bad);
}

absl::Status ReadLatencySli(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* histogram = map.Take("histogram");
  const YamlNode* total = map.Take("total");
  std::chrono::milliseconds threshold{0};
  std::optional<double> value;
  map.Optional("threshold", &threshold);
  map.Optional("threshold_value", &value);
  BARO_TRY(map.Finish());
  if (histogram == nullptr) return node.ErrorAt("missing key \"histogram\"");
  if ((threshold.count() > 0) == value.has_value()) {
    return node.ErrorAt("expected either threshold (such as 300ms) or threshold_value");
  }
  const auto addend = ReadSelector(histogram->scalar());
  if (!addend.ok()) return PromqlError(*histogram, "the selector", addend.status());
  const double bound = value.value_or(static_cast<double>(threshold.count()) / 1000);
  if (!std::isfinite(bound)) return node.ErrorAt("threshold_value must be a finite number");
  SliSpec& sli = spec->sli;
  sli.kind = SliKind::kLatency;
  const bool with_total = total != nullptr;
  absl::Status status = AddLatency(addend->matchers, bound, !with_total, &sli);
  if (!status.ok()) return histogram->ErrorAt(base::FromAbsl(status.message()));
  if (with_total) BARO_TRY(ReadSelectors(*total, 1, 1, &sli, &sli.texts.total));
  return absl::OkStatus();
}

struct Condition {
  Compare compare = Compare::kGreaterEqual;
  double bound = 1;
};

absl::StatusOr<Condition> ReadCondition(const YamlNode& node) {
  const std::string& text = node.scalar();
  constexpr Compare kAll[] = {Compare::kLessEqual, Compare::kGreaterEqual, Compare::kEqual,
                              Compare::kNotEqual,  Compare::kLess,         Compare::kGreater};
  for (const Compare compare : kAll) {
    const std::string_view sign = CompareText(compare);
    if (!std::string_view(text).starts_with(sign)) continue;
    const size_t begin = text.find_first_not_of(' ', sign.size());
    char* end = nullptr;
    const char* number = begin == std::string::npos ? "" : text.c_str() + begin;
    const double bound = std::strtod(number, &end);
    if (end == number || *end != '\0' || !std::isfinite(bound)) break;
    return Condition{compare, bound};
  }
  return node.ErrorAt("expected a comparison such as \"<= 30\"");
}

absl::Status ReadGaugeSli(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* selector = map.Take("selector");
  const YamlNode* good_if = map.Take("good_if");
  BARO_TRY(map.Finish());
  if (selector == nullptr) return node.ErrorAt("missing key \"selector\"");
  SliSpec& sli = spec->sli;
  sli.kind = SliKind::kGauge;
  Condition condition;
  if (good_if != nullptr) {
    BARO_TRY_ASSIGN(condition, ReadCondition(*good_if));
  }
  BARO_TRY(ReadSelectors(*selector, 1, 1, &sli, &sli.texts.total));
  for (TermSpec& term : sli.terms) {
    term.kind = TermKind::kBadIfNot;
    term.compare = condition.compare;
    term.bound = condition.bound;
  }
  return absl::OkStatus();
}

absl::Status ReadRawSli(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* ratio = map.Take("error_ratio");
  const YamlNode* good = map.Take("good");
  const YamlNode* bad = map.Take("bad");
  const YamlNode* total = map.Take("total");
  BARO_TRY(map.Finish());
  if (ratio != nullptr) {
    if (good != nullptr || bad != nullptr || total != nullptr) {
      return node.ErrorAt("expected either error_ratio, or total with good or bad");
    }
    return ReadErrorRatio({ratio->scalar(), ratio}, spec);
  }
  if (total == nullptr || (good == nullptr) == (bad == nullptr)) {
    return node.ErrorAt("expected either error_ratio, or total with good or bad");
  }
  Expression good_text;
  Expression bad_text;
  if (good != nullptr) good_text = {good->scalar(), good};
  if (bad != nullptr) bad_text = {bad->scalar(), bad};
  spec->sli.kind = SliKind::kRaw;
  return ReadRatio(good_text, bad_text, {total->scalar(), total}, false, spec);
}

absl::Status ReadSli(const YamlNode& node, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* ratio = map.Take("ratio");
  const YamlNode* latency = map.Take("latency");
  const YamlNode* gauge = map.Take("gauge");
  const YamlNode* raw = map.Take("raw");
  BARO_TRY(map.Finish());
  const int given =
      (ratio != nullptr) + (latency != nullptr) + (gauge != nullptr) + (raw != nullptr);
  if (given != 1) return node.ErrorAt("expected one of ratio, latency, gauge and raw");
  if (ratio != nullptr) return ReadRatioSli(*ratio, spec);
  if (latency != nullptr) return ReadLatencySli(*latency, spec);
  if (gauge != nullptr) return ReadGaugeSli(*gauge, spec);
  return ReadRawSli(*raw, spec);
}

absl::Status ReadWindow(const YamlNode& node, SloWindow* window) {
  if (node.kind() != YamlNode::Kind::kMap) {
    std::chrono::milliseconds length{0};
    BARO_TRY(ReadYaml(node, &length));
    window->length_ms = length.count();
    return absl::OkStatus();
  }
  std::string calendar;
  YamlMap map(node);
  map.Required("calendar", &calendar);
  BARO_TRY(map.Finish());
  constexpr std::pair<WindowKind, int64_t> kKinds[] = {{WindowKind::kDay, 1},
                                                       {WindowKind::kWeek, 7},
                                                       {WindowKind::kMonth, 31},
                                                       {WindowKind::kQuarter, 92},
                                                       {WindowKind::kYear, 366}};
  for (const auto& [kind, days] : kKinds) {
    if (calendar != WindowKindName(kind)) continue;
    *window = {kind, days * kDayMs};
    return absl::OkStatus();
  }
  map.Fail("calendar", "expected day, week, month, quarter or year");
  return map.Finish();
}

absl::Status ReadPolicy(const YamlNode& node, PolicySpec* policy) {
  std::chrono::milliseconds long_window{0};
  std::chrono::milliseconds short_window{0};
  std::chrono::milliseconds hold{0};
  YamlMap map(node);
  map.Required("severity", &policy->severity);
  map.Required("burn_rate", &policy->burn_rate);
  map.Required("long", &long_window);
  map.Required("short", &short_window);
  map.Optional("for", &hold);
  if (map.ok() && policy->severity.empty()) map.Fail("severity", "must not be empty");
  if (map.ok() && !(policy->burn_rate > 0 && std::isfinite(policy->burn_rate))) {
    map.Fail("burn_rate", "must be above 0");
  }
  if (map.ok() && short_window.count() < kMinuteMs) map.Fail("short", "must be 1m or longer");
  if (map.ok() && long_window < short_window) map.Fail("long", "must not be shorter than short");
  if (map.ok() && long_window.count() > 92 * kDayMs) map.Fail("long", "must be 92d at most");
  BARO_TRY(map.Finish());
  policy->long_ms = long_window.count();
  policy->short_ms = short_window.count();
  policy->hold_ms = hold.count();
  return absl::OkStatus();
}

absl::Status ReadGuards(const YamlNode& node, GuardSpec* guards) {
  YamlMap map(node);
  map.Optional("min_bad", &guards->min_bad);
  map.Optional("min_events", &guards->min_events);
  map.Optional("confidence", &guards->confidence);
  if (map.ok() && !(guards->min_bad >= 0)) map.Fail("min_bad", "must not be negative");
  if (map.ok() && !(guards->min_events >= 0)) map.Fail("min_events", "must not be negative");
  if (map.ok() && !(guards->confidence >= 0 && guards->confidence < 1)) {
    map.Fail("confidence", "must be 0 (off) or more and below 1");
  }
  return map.Finish();
}

absl::Status ReadSeverity(const YamlNode& node, std::string* severity, int64_t* hold_ms) {
  std::chrono::milliseconds hold{hold_ms == nullptr ? 0 : *hold_ms};
  YamlMap map(node);
  map.Required("severity", severity);
  if (hold_ms != nullptr) map.Optional("for", &hold);
  if (map.ok() && severity->empty()) map.Fail("severity", "must not be empty");
  if (hold_ms != nullptr) *hold_ms = hold.count();
  return map.Finish();
}

absl::Status ReadPolicies(const YamlNode& node, AlertingSpec* alerting) {
  alerting->policies.clear();
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  for (const YamlNode& element : node.elements()) {
    PolicySpec policy;
    BARO_TRY(ReadPolicy(element, &policy));
    alerting->policies.push_back(std::move(policy));
  }
  return absl::OkStatus();
}

absl::Status ReadAlerting(const YamlNode& node, AlertingSpec* alerting) {
  YamlMap map(node);
  map.Optional("name", &alerting->name);
  map.Optional("labels", &alerting->labels);
  map.Optional("annotations", &alerting->annotations);
  const YamlNode* labels = map.Take("labels");
  const YamlNode* policies = map.Take("policies");
  const YamlNode* guards = map.Take("guards");
  const YamlNode* exhausted = map.Take("budget_exhausted");
  const YamlNode* no_data = map.Take("no_data");
  if (map.ok() && alerting->name.empty()) map.Fail("name", "must not be empty");
  BARO_TRY(map.Finish());
  if (labels != nullptr) BARO_TRY(CheckLabels(*labels, alerting->labels, true));
  if (policies != nullptr && !policies->IsNull()) BARO_TRY(ReadPolicies(*policies, alerting));
  if (guards != nullptr) BARO_TRY(ReadGuards(*guards, &alerting->guards));
  if (exhausted != nullptr) {
    BARO_TRY(ReadSeverity(*exhausted, &alerting->exhausted_severity, nullptr));
  }
  if (no_data == nullptr) return absl::OkStatus();
  return ReadSeverity(*no_data, &alerting->no_data_severity, &alerting->no_data_hold_ms);
}

absl::Status ReadSlices(const YamlNode& node, SliceSpec* slices) {
  std::chrono::milliseconds length{0};
  std::optional<double> target;
  std::string count = "slices";
  YamlMap map(node);
  map.Required("length", &length);
  map.Optional("target", &target);
  map.Optional("count", &count);
  const int64_t length_ms = length.count();
  const bool fits = length_ms == kMinuteMs ||
                    (length_ms > 0 && length_ms % (5 * kMinuteMs) == 0 && kHourMs % length_ms == 0);
  if (map.ok() && !fits) map.Fail("length", "must be one of 1m, 5m, 10m, 15m, 20m, 30m and 1h");
  if (map.ok() && count != "slices" && count != "ratios") {
    map.Fail("count", "expected slices or ratios");
  }
  if (map.ok() && count == "slices" && !target) map.Fail("target", "missing key \"target\"");
  if (map.ok() && target && !(*target > 0 && *target <= 100)) {
    map.Fail("target", "must be above 0 and at most 100 percent");
  }
  BARO_TRY(map.Finish());
  *slices = {length_ms, RatioOf(target.value_or(0)), count == "ratios"};
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadTime(const YamlNode& node) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, base::ToAbsl(node.scalar()), &time, &error)) {
    return node.ErrorAt("expected a time such as 2026-11-20T22:00:00Z");
  }
  return absl::ToUnixMillis(time);
}

absl::Status ReadExclusion(const YamlNode& node, const SloSpec& spec, Exclusion* exclusion) {
  Texts labels;
  YamlMap map(node);
  const YamlNode* from = map.Take("from");
  const YamlNode* to = map.Take("to");
  map.Required("author", &exclusion->author);
  map.Required("reason", &exclusion->reason);
  map.Optional("labels", &labels);
  BARO_TRY(map.Finish());
  if (from == nullptr || to == nullptr) return node.ErrorAt("expected from and to");
  BARO_TRY_ASSIGN(exclusion->from_ms, ReadTime(*from));
  BARO_TRY_ASSIGN(exclusion->to_ms, ReadTime(*to));
  if (exclusion->to_ms <= exclusion->from_ms) return to->ErrorAt("must be after from");
  for (const auto& [name, value] : labels) exclusion->labels.Set(name, value);
  exclusion->slo = spec.name;
  exclusion->from_file = true;
  return absl::OkStatus();
}

absl::Status ReadExclusions(const YamlNode& node, SloSpec* spec) {
  constexpr size_t kExclusionsMax = 1'000;
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  if (node.elements().size() > kExclusionsMax) {
    return node.ErrorAt(base::StrCat("at most ", kExclusionsMax, " exclusions are possible"));
  }
  for (const YamlNode& element : node.elements()) {
    Exclusion exclusion;
    BARO_TRY(ReadExclusion(element, *spec, &exclusion));
    exclusion.id = base::StrCat(spec->name, "-file-", spec->exclusions.size() + 1);
    spec->exclusions.push_back(std::move(exclusion));
  }
  return absl::OkStatus();
}

absl::Status ReadComposite(const YamlNode& node, CompositeSpec* composite) {
  constexpr size_t kPartsMax = 100;
  std::string method = "weighted";
  YamlMap map(node);
  map.Optional("method", &method);
  const YamlNode* of = map.Take("of");
  if (map.ok() && method != "weighted" && method != "minimum") {
    map.Fail("method", "expected weighted or minimum");
  }
  BARO_TRY(map.Finish());
  composite->minimum = method == "minimum";
  if (of == nullptr || of->elements().empty()) return node.ErrorAt("expected a list in of");
  if (of->elements().size() > kPartsMax) return of->ErrorAt("at most 100 parts are possible");
  for (const YamlNode& element : of->elements()) {
    CompositeSpec::Part part;
    YamlMap one(element);
    one.Required("slo", &part.slo);
    one.Optional("weight", &part.weight);
    if (one.ok() && !(part.weight > 0 && std::isfinite(part.weight))) {
      one.Fail("weight", "must be above 0");
    }
    BARO_TRY(one.Finish());
    composite->parts.push_back(std::move(part));
  }
  return absl::OkStatus();
}

absl::Status ReadGroupObjectives(const YamlNode& node, SloSpec* spec) {
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  for (const YamlNode& element : node.elements()) {
    Texts match;
    double percent = 0;
    YamlMap map(element);
    map.Required("match", &match);
    map.Required("objective", &percent);
    BARO_TRY(map.Finish());
    BARO_TRY(CheckPercent(element, percent));
    GroupObjective one;
    one.objective = RatioOf(percent);
    for (const auto& [name, value] : match) {
      if (std::find(spec->group_by.begin(), spec->group_by.end(), name) == spec->group_by.end()) {
        return element.ErrorAt(base::StrCat("\"", name, "\" is not in group_by"));
      }
      one.match.Set(name, value);
    }
    spec->group_objectives.push_back(std::move(one));
  }
  return absl::OkStatus();
}

absl::Status ReadExport(const YamlNode& node, SloSpec* spec) {
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  for (const YamlNode& element : node.elements()) {
    if (element.scalar() == "sloth") {
      spec->export_sloth = true;
    } else if (element.scalar() == "pyrra") {
      spec->export_pyrra = true;
    } else {
      return element.ErrorAt("expected sloth or pyrra");
    }
  }
  return absl::OkStatus();
}

// What has a shape of its own.
struct SloNodes {
  const YamlNode* objective = nullptr;
  const YamlNode* window = nullptr;
  const YamlNode* sli = nullptr;
  const YamlNode* group_by = nullptr;
  const YamlNode* group_objectives = nullptr;
  const YamlNode* labels = nullptr;
  const YamlNode* alerting = nullptr;
  const YamlNode* slices = nullptr;
  const YamlNode* exclusions = nullptr;
  const YamlNode* composite = nullptr;
  const YamlNode* exports = nullptr;
};

absl::Status ReadIndicator(const YamlNode& node, const SloNodes& nodes, SloSpec* spec) {
  if ((nodes.sli == nullptr) == (nodes.composite == nullptr)) {
    return node.ErrorAt("expected either sli or composite");
  }
  if (nodes.sli != nullptr) return ReadSli(*nodes.sli, spec);
  for (const YamlNode* other : {nodes.group_by, nodes.slices}) {
    if (other != nullptr) return other->ErrorAt("a composite has neither group_by nor time_slices");
  }
  spec->sli.kind = SliKind::kComposite;
  return ReadComposite(*nodes.composite, &spec->composite);
}

absl::Status ReadNodes(const YamlNode& node, const SloNodes& nodes, SloSpec* spec) {
  if (nodes.window != nullptr) BARO_TRY(ReadWindow(*nodes.window, &spec->window));
  BARO_TRY(ReadIndicator(node, nodes, spec));
  if (nodes.group_by != nullptr) BARO_TRY(CheckGroupBy(*nodes.group_by, spec->group_by));
  if (nodes.group_objectives != nullptr) {
    BARO_TRY(ReadGroupObjectives(*nodes.group_objectives, spec));
  }
  if (nodes.labels != nullptr) BARO_TRY(CheckLabels(*nodes.labels, spec->labels, false));
  if (nodes.alerting != nullptr) BARO_TRY(ReadAlerting(*nodes.alerting, &spec->alerting));
  if (nodes.slices != nullptr) BARO_TRY(ReadSlices(*nodes.slices, &spec->slices));
  if (nodes.exclusions != nullptr) BARO_TRY(ReadExclusions(*nodes.exclusions, spec));
  if (nodes.exports != nullptr) BARO_TRY(ReadExport(*nodes.exports, spec));
  return absl::OkStatus();
}

absl::Status ReadSlo(const YamlNode& node, SloSpec* spec) {
  constexpr size_t kGroupsMax = 100'000;
  double percent = 0;
  YamlMap map(node);
  map.Required("name", &spec->name);
  map.Required("service", &spec->service);
  map.Optional("owner", &spec->owner);
  map.Optional("description", &spec->description);
  map.Required("objective", &percent);
  map.Optional("group_by", &spec->group_by);
  map.Optional("groups_max", &spec->groups_max);
  map.Optional("labels", &spec->labels);
  const SloNodes nodes{map.Take("objective"),
                       map.Take("window"),
                       map.Take("sli"),
                       map.Take("group_by"),
                       map.Take("group_objectives"),
                       map.Take("labels"),
                       map.Take("alerting"),
                       map.Take("time_slices"),
                       map.Take("exclusions"),
                       map.Take("composite"),
                       map.Take("export")};
  if (map.ok() && (spec->groups_max < 1 || spec->groups_max > kGroupsMax)) {
    map.Fail("groups_max", base::StrCat("must be 1 to ", kGroupsMax));
  }
  BARO_TRY(map.Finish());
  BARO_TRY(CheckPercent(*nodes.objective, percent));
  spec->objective = RatioOf(percent);
  BARO_TRY(ReadNodes(node, nodes, spec));
  return FinishSpec(node, spec);
}

}  // namespace

void ReadOwnFormat(const YamlNode& root, Specs* specs, Problems* problems) {
  YamlMap map(root);
  const YamlNode* slos = map.Take("slos");
  problems->Add(map.Finish());
  if (slos == nullptr || slos->IsNull()) return;
  if (slos->kind() != YamlNode::Kind::kList) return problems->Add(slos->ErrorAt("expected a list"));
  for (const YamlNode& node : slos->elements()) {
    SloSpec spec;
    const absl::Status status = ReadSlo(node, &spec);
    problems->Add(status);
    if (status.ok()) specs->push_back(std::move(spec));
  }
}

}  // namespace baro::slo
