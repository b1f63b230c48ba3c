// OpenSLO v1: documents of several kinds, of which SLO, SLI, AlertPolicy and AlertCondition are
// read.
#include <algorithm>
#include <cmath>
#include <optional>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "format.h"
#include "term_reader.h"

namespace baro::slo {
namespace {

using base::YamlMap;
using base::YamlNode;

constexpr const char* kKinds[] = {"SLO",
                                  "SLI",
                                  "AlertPolicy",
                                  "AlertCondition",
                                  "Service",
                                  "DataSource",
                                  "AlertNotificationTarget"};

struct Object {
  std::string name;
  std::string display_name;
  const YamlNode* spec = nullptr;
  const YamlNode* root = nullptr;
};
// By kind and name.
using Objects = std::map<std::pair<std::string, std::string>, Object>;

absl::StatusOr<Object> ReadObject(const YamlNode& root, std::string* kind) {
  Object object;
  object.root = &root;
  YamlMap map(root);
  map.Optional("kind", kind);
  map.Ignore("apiVersion");
  const YamlNode* metadata = map.Take("metadata");
  object.spec = map.Take("spec");
  BARO_TRY(map.Finish());
  if (object.spec == nullptr) return root.ErrorAt("missing key \"spec\"");
  if (metadata == nullptr) return object;
  for (const YamlNode::Entry& entry : metadata->entries()) {
    if (entry.key.scalar() == "name") object.name = entry.value.scalar();
    if (entry.key.scalar() == "displayName") object.display_name = entry.value.scalar();
  }
  return object;
}

// An object that stands inside another, or is named there.
absl::StatusOr<const Object*> Resolve(const Objects& objects, const char* kind,
                                      const YamlNode& reference) {
  const auto it = objects.find({kind, reference.scalar()});
  if (it != objects.end()) return &it->second;
  return reference.ErrorAt(
      base::StrCat("there is no ", kind, " \"", reference.scalar(), "\" in this file"));
}

// metricSource: {type, spec: {query}}.
absl::Status ReadSource(const YamlNode& node, const YamlNode** query) {
  YamlMap map(node);
  const YamlNode* source = map.Take("metricSource");
  BARO_TRY(map.Finish());
  if (source == nullptr) return node.ErrorAt("missing key \"metricSource\"");
  std::string type;
  YamlMap inner(*source);
  inner.Optional("type", &type);
  inner.Ignore("metricSourceRef");
  const YamlNode* spec = inner.Take("spec");
  BARO_TRY(inner.Finish());
  if (!type.empty() && type != "Prometheus" && type != "prometheus" && type != "PromQL") {
    return source->ErrorAt(base::StrCat("cannot read metrics of ", type, ": only Prometheus'"));
  }
  if (spec == nullptr) return source->ErrorAt("missing key \"spec\"");
  for (const char* key : {"query", "promql", "promQL"}) {
    for (const YamlNode::Entry& entry : spec->entries()) {
      if (entry.key.scalar() == key) *query = &entry.value;
    }
  }
  if (*query == nullptr || (*query)->scalar().empty()) {
    return spec->ErrorAt("missing key \"query\"");
  }
  return absl::OkStatus();
}

absl::Status ReadRatioMetric(const YamlNode& node, SloSpec* spec) {
  bool counter = true;
  std::string raw_type;
  YamlMap map(node);
  map.Optional("counter", &counter);
  map.Optional("rawType", &raw_type);
  const YamlNode* parts[] = {map.Take("good"), map.Take("bad"), map.Take("total"), map.Take("raw")};
  if (map.ok() && !raw_type.empty() && raw_type != "success" && raw_type != "failure") {
    map.Fail("rawType", "expected success or failure");
  }
  BARO_TRY(map.Finish());
  const YamlNode* queries[4] = {};
  for (size_t i = 0; i < 4; ++i) {
    if (parts[i] != nullptr) BARO_TRY(ReadSource(*parts[i], &queries[i]));
  }
  const auto expression = [&](size_t i) {
    return queries[i] == nullptr ? Expression() : Expression{queries[i]->scalar(), queries[i]};
  };
  if (queries[3] != nullptr) {
    if (raw_type.empty()) return node.ErrorAt("missing key \"rawType\"");
    Expression ratio = expression(3);
    if (raw_type == "success") ratio.text = base::StrCat("1 - (", ratio.text, ")");
    return ReadErrorRatio(ratio, spec);
  }
  if (queries[2] == nullptr || (queries[0] == nullptr) == (queries[1] == nullptr)) {
    return node.ErrorAt("expected total with either good or bad, or raw");
  }
  return ReadRatio(expression(0), expression(1), expression(2), counter, spec);
}

struct Threshold {
  std::string op;
  std::optional<double> value;
};

absl::Status ReadThresholdMetric(const YamlNode& node, const Threshold& threshold, SloSpec* spec) {
  const YamlNode* query = nullptr;
  BARO_TRY(ReadSource(node, &query));
  if (threshold.op.empty() || !threshold.value) {
    return node.ErrorAt("a thresholdMetric needs op and value in objectives");
  }
  constexpr std::pair<const char*, Compare> kOps[] = {{"lt", Compare::kLess},
                                                      {"lte", Compare::kLessEqual},
                                                      {"gt", Compare::kGreater},
                                                      {"gte", Compare::kGreaterEqual}};
  std::optional<Compare> compare;
  for (const auto& [op, one] : kOps) {
    if (threshold.op == op) compare = one;
  }
  if (!compare) return node.ErrorAt("expected lte, gte, lt or gt as op");
  const auto selector = ReadSelector(query->scalar());
  if (selector.ok()) {
    TermSpec term;
    term.kind = TermKind::kBadIfNot;
    term.matchers = selector->matchers;
    term.text = selector->text;
    term.to_total = term.to_bad = 1;
    term.compare = *compare;
    term.bound = *threshold.value;
    spec->sli.kind = SliKind::kGauge;
    spec->sli.texts.total = {selector->text};
    spec->sli.terms = {std::move(term)};
    return absl::OkStatus();
  }
  return ReadErrorRatio({base::StrCat("1 - avg((", query->scalar(), ") ", CompareText(*compare),
                                      " bool ", *threshold.value, ")"),
                         query},
                        spec);
}

absl::Status ReadIndicator(const YamlNode& node, const Threshold& threshold, SloSpec* spec) {
  YamlMap map(node);
  map.Ignore("description");
  const YamlNode* ratio = map.Take("ratioMetric");
  const YamlNode* value = map.Take("thresholdMetric");
  BARO_TRY(map.Finish());
  if ((ratio == nullptr) == (value == nullptr)) {
    return node.ErrorAt("expected either ratioMetric or thresholdMetric");
  }
  return ratio != nullptr ? ReadRatioMetric(*ratio, spec)
                          : ReadThresholdMetric(*value, threshold, spec);
}

absl::Status ReadCalendar(const YamlNode& node, const std::string& text, SloSpec* spec) {
  std::string zone;
  YamlMap map(node);
  map.Ignore("startTime");
  map.Optional("timeZone", &zone);
  BARO_TRY(map.Finish());
  if (!zone.empty() && zone != "UTC" && zone != "Etc/UTC") {
    spec->warnings.push_back(base::StrCat("calendar windows begin at midnight UTC, not in ", zone));
  }
  constexpr std::tuple<const char*, WindowKind, int64_t> kPeriods[] = {
      {"1d", WindowKind::kDay, 1},      {"1w", WindowKind::kWeek, 7},
      {"7d", WindowKind::kWeek, 7},     {"1M", WindowKind::kMonth, 31},
      {"1Q", WindowKind::kQuarter, 92}, {"1Y", WindowKind::kYear, 366}};
  for (const auto& [name, kind, days] : kPeriods) {
    if (text != name) continue;
    spec->window = {kind, days * kDayMs};
    return absl::OkStatus();
  }
  return node.ErrorAt(
      base::StrCat("cannot align ", text, " with the calendar: expected 1d, 1w, 1M, 1Q or 1Y"));
}

absl::Status ReadTimeWindow(const YamlNode& node, SloSpec* spec) {
  if (node.elements().size() != 1) return node.ErrorAt("expected a list of one window");
  bool rolling = false;
  YamlMap map(node.elements()[0]);
  map.Optional("isRolling", &rolling);
  const YamlNode* duration = map.Take("duration");
  const YamlNode* calendar = map.Take("calendar");
  BARO_TRY(map.Finish());
  if (duration == nullptr) return node.elements()[0].ErrorAt("missing key \"duration\"");
  if (calendar != nullptr && !rolling) return ReadCalendar(*calendar, duration->scalar(), spec);
  BARO_TRY_ASSIGN(spec->window.length_ms, ReadLongDuration(*duration));
  return absl::OkStatus();
}

absl::Status ReadCondition(const YamlNode& node, bool no_data, AlertingSpec* alerting) {
  std::string kind = "burnrate";
  PolicySpec policy;
  std::chrono::milliseconds hold{0};
  std::chrono::milliseconds lookback{0};
  YamlMap map(node);
  map.Ignore("description");
  map.Required("severity", &policy.severity);
  const YamlNode* condition = map.Take("condition");
  BARO_TRY(map.Finish());
  if (condition == nullptr) return node.ErrorAt("missing key \"condition\"");
  YamlMap inner(*condition);
  inner.Optional("kind", &kind);
  inner.Ignore("op");
  inner.Required("threshold", &policy.burn_rate);
  inner.Required("lookbackWindow", &lookback);
  inner.Optional("alertAfter", &hold);
  if (inner.ok() && kind != "burnrate") inner.Fail("kind", "expected burnrate");
  if (inner.ok() && !(policy.burn_rate > 0)) inner.Fail("threshold", "must be above 0");
  if (inner.ok() && (lookback.count() < kMinuteMs || lookback.count() > 92 * kDayMs)) {
    inner.Fail("lookbackWindow", "must be 1m to 92d");
  }
  BARO_TRY(inner.Finish());
  policy.long_ms = lookback.count();
  // As in Google's workbook: a twelfth of the window tells that it still burns.
  policy.short_ms = std::max<int64_t>(kMinuteMs, policy.long_ms / 12 / kMinuteMs * kMinuteMs);
  policy.hold_ms = hold.count();
  if (no_data) alerting->no_data_severity = policy.severity;
  alerting->policies.push_back(std::move(policy));
  return absl::OkStatus();
}

class OpenSloReader {
 public:
  OpenSloReader(const Objects& objects, Specs* specs) : objects_(objects), specs_(specs) {}

  absl::Status Read(const Object& slo);

 private:
  absl::Status ReadPolicies(const YamlNode& node, AlertingSpec* alerting) const;
  absl::Status ReadPolicy(const YamlNode& node, AlertingSpec* alerting) const;
  absl::Status ReadObjective(const YamlNode& node, const YamlNode& indicator,
                             const std::string& method, SloSpec* spec) const;

  const Objects& objects_;
  Specs* const specs_;
};

absl::Status OpenSloReader::ReadPolicy(const YamlNode& node, AlertingSpec* alerting) const {
  bool breaching = true;
  bool no_data = false;
  YamlMap map(node);
  map.Ignore("description");
  map.Ignore("notificationTargets");
  map.Ignore("alertWhenResolved");
  map.Optional("alertWhenBreaching", &breaching);
  map.Optional("alertWhenNoData", &no_data);
  const YamlNode* conditions = map.Take("conditions");
  BARO_TRY(map.Finish());
  if (conditions == nullptr) return node.ErrorAt("missing key \"conditions\"");
  for (const YamlNode& one : conditions->elements()) {
    const YamlNode* reference = nullptr;
    for (const YamlNode::Entry& entry : one.entries()) {
      if (entry.key.scalar() == "conditionRef") reference = &entry.value;
    }
    AlertingSpec read;
    read.policies.clear();
    std::string kind;
    Object object;
    if (reference != nullptr) {
      BARO_TRY_ASSIGN(const Object* found, Resolve(objects_, "AlertCondition", *reference));
      object = *found;
    } else {
      BARO_TRY_ASSIGN(object, ReadObject(one, &kind));
    }
    BARO_TRY(ReadCondition(*object.spec, no_data, &read));
    if (breaching) alerting->policies.push_back(read.policies[0]);
    if (no_data) alerting->no_data_severity = read.no_data_severity;
  }
  return absl::OkStatus();
}

absl::Status OpenSloReader::ReadPolicies(const YamlNode& node, AlertingSpec* alerting) const {
  if (node.kind() != YamlNode::Kind::kList) return node.ErrorAt("expected a list");
  if (node.elements().empty()) return absl::OkStatus();
  alerting->policies.clear();
  for (const YamlNode& one : node.elements()) {
    const YamlNode* reference = one.kind() == YamlNode::Kind::kScalar ? &one : nullptr;
    for (const YamlNode::Entry& entry : one.entries()) {
      if (entry.key.scalar() == "alertPolicyRef") reference = &entry.value;
    }
    Object object;
    std::string kind;
    if (reference != nullptr) {
      BARO_TRY_ASSIGN(const Object* found, Resolve(objects_, "AlertPolicy", *reference));
      object = *found;
    } else {
      BARO_TRY_ASSIGN(object, ReadObject(one, &kind));
    }
    BARO_TRY(ReadPolicy(*object.spec, alerting));
  }
  return absl::OkStatus();
}

// 5 is five minutes.
absl::StatusOr<int64_t> ReadSliceLength(const YamlNode& node) {
  const std::string& text = node.scalar();
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return ReadLongDuration(node);
  int64_t minutes = 0;
  BARO_TRY(base::ReadYaml(node, &minutes));
  return minutes > 1'000 ? 0 : minutes * kMinuteMs;
}

absl::Status OpenSloReader::ReadObjective(const YamlNode& node, const YamlNode& indicator,
                                          const std::string& method, SloSpec* spec) const {
  std::optional<double> target;
  std::optional<double> percent;
  std::optional<double> slice_target;
  Threshold threshold;
  YamlMap map(node);
  map.Ignore("displayName");
  map.Optional("op", &threshold.op);
  map.Optional("value", &threshold.value);
  map.Optional("target", &target);
  map.Optional("targetPercent", &percent);
  map.Optional("timeSliceTarget", &slice_target);
  const YamlNode* length = map.Take("timeSliceWindow");
  BARO_TRY(map.Finish());
  if (target.has_value() == percent.has_value()) {
    return node.ErrorAt("expected either target or targetPercent");
  }
  if (target) percent = *target * 100;
  BARO_TRY(CheckPercent(node, *percent));
  spec->objective = RatioOf(*percent);
  BARO_TRY(ReadIndicator(indicator, threshold, spec));
  if (method == "Occurrences" || method.empty()) return absl::OkStatus();
  if (length == nullptr) return node.ErrorAt("missing key \"timeSliceWindow\"");
  BARO_TRY_ASSIGN(spec->slices.length_ms, ReadSliceLength(*length));
  const int64_t length_ms = spec->slices.length_ms;
  if (length_ms != kMinuteMs &&
      (length_ms <= 0 || length_ms % (5 * kMinuteMs) != 0 || kHourMs % length_ms != 0)) {
    return length->ErrorAt("must be one of 1m, 5m, 10m, 15m, 20m, 30m and 1h");
  }
  spec->slices.ratios = method == "RatioTimeslices";
  if (spec->slices.ratios) return absl::OkStatus();
  if (!slice_target || !(*slice_target > 0 && *slice_target <= 1)) {
    return node.ErrorAt("expected a timeSliceTarget above 0 and at most 1");
  }
  spec->slices.target = *slice_target;
  return absl::OkStatus();
}

absl::Status OpenSloReader::Read(const Object& slo) {
  std::string method;
  SloSpec base_spec;
  base_spec.name = slo.name;
  base_spec.alerting.labels = {};
  YamlMap map(*slo.spec);
  map.Optional("description", &base_spec.description);
  map.Optional("service", &base_spec.service);
  map.Optional("budgetingMethod", &method);
  const YamlNode* indicator = map.Take("indicator");
  const YamlNode* reference = map.Take("indicatorRef");
  const YamlNode* window = map.Take("timeWindow");
  const YamlNode* objectives = map.Take("objectives");
  const YamlNode* policies = map.Take("alertPolicies");
  if (map.ok() && !method.empty() && method != "Occurrences" && method != "Timeslices" &&
      method != "RatioTimeslices") {
    map.Fail("budgetingMethod", "expected Occurrences, Timeslices or RatioTimeslices");
  }
  BARO_TRY(map.Finish());
  if (base_spec.description.empty()) base_spec.description = slo.display_name;
  if (base_spec.service.empty()) base_spec.service = slo.name;
  if ((indicator == nullptr) == (reference == nullptr)) {
    return slo.spec->ErrorAt("expected either indicator or indicatorRef");
  }
  Object sli;
  std::string kind;
  if (indicator != nullptr) {
    BARO_TRY_ASSIGN(sli, ReadObject(*indicator, &kind));
  } else {
    BARO_TRY_ASSIGN(const Object* found, Resolve(objects_, "SLI", *reference));
    sli = *found;
  }
  if (window != nullptr) BARO_TRY(ReadTimeWindow(*window, &base_spec));
  if (policies != nullptr) BARO_TRY(ReadPolicies(*policies, &base_spec.alerting));
  if (objectives == nullptr || objectives->elements().empty()) {
    return slo.spec->ErrorAt("expected a list of objectives");
  }
  for (size_t i = 0; i < objectives->elements().size(); ++i) {
    SloSpec spec = base_spec;
    if (i > 0) spec.name = base::StrCat(slo.name, "-", i + 1);
    BARO_TRY(ReadObjective(objectives->elements()[i], *sli.spec, method, &spec));
    BARO_TRY(FinishSpec(*slo.root, &spec));
    specs_->push_back(std::move(spec));
  }
  return absl::OkStatus();
}

}  // namespace

void ReadOpenSlo(const std::vector<YamlNode>& roots, Specs* specs, Problems* problems) {
  Objects objects;
  std::vector<Object> slos;
  for (const YamlNode& root : roots) {
    std::string kind;
    const auto object = ReadObject(root, &kind);
    problems->Add(object.status());
    if (!object.ok()) continue;
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds)) {
      problems->Add(root.ErrorAt(base::StrCat("cannot read a \"", kind, "\" of OpenSLO")));
      continue;
    }
    if (kind == "SLO") slos.push_back(*object);
    objects[{kind, object->name}] = *object;
  }
  OpenSloReader reader(objects, specs);
  for (const Object& slo : slos) problems->Add(reader.Read(slo));
}

}  // namespace baro::slo
