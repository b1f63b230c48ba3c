// Sloth's files: prometheus/v1, and the Kubernetes resource PrometheusServiceLevel, which spells
// its keys in camel case.
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "format.h"

namespace baro::slo {
namespace {

using base::YamlMap;
using base::YamlNode;
using Texts = std::map<std::string, std::string>;

struct Keys {
  const char* error_query;
  const char* total_query;
  const char* error_ratio_query;
  const char* page_alert;
  const char* ticket_alert;
};
constexpr Keys kFileKeys = {"error_query", "total_query", "error_ratio_query", "page_alert",
                            "ticket_alert"};
constexpr Keys kResourceKeys = {"errorQuery", "totalQuery", "errorRatioQuery", "pageAlert",
                                "ticketAlert"};

// What all objectives of a document share.
struct Service {
  std::string name;
  Texts labels;
  Keys keys = kFileKeys;
};

absl::Status ReadSli(const YamlNode& node, const Keys& keys, SloSpec* spec) {
  YamlMap map(node);
  const YamlNode* raw = map.Take("raw");
  const YamlNode* events = map.Take("events");
  const YamlNode* plugin = map.Take("plugin");
  BARO_TRY(map.Finish());
  if (plugin != nullptr) {
    return plugin->ErrorAt("Sloth's plugins are Go code: write the SLI as events or raw");
  }
  if ((raw == nullptr) == (events == nullptr)) {
    return node.ErrorAt("expected either events or raw");
  }
  if (raw != nullptr) {
    YamlMap one(*raw);
    const YamlNode* query = one.Take(keys.error_ratio_query);
    BARO_TRY(one.Finish());
    if (query == nullptr) {
      return raw->ErrorAt(base::StrCat("missing key \"", keys.error_ratio_query, "\""));
    }
    return ReadErrorRatio({query->scalar(), query}, spec);
  }
  YamlMap two(*events);
  const YamlNode* error = two.Take(keys.error_query);
  const YamlNode* total = two.Take(keys.total_query);
  BARO_TRY(two.Finish());
  if (error == nullptr || total == nullptr) {
    return events->ErrorAt(base::StrCat(
        "missing key \"", error == nullptr ? keys.error_query : keys.total_query, "\""));
  }
  return ReadRatio({}, {error->scalar(), error}, {total->scalar(), total}, false, spec);
}

// Takes the severity's policies away when the alert is disabled.
absl::Status ReadAlert(const YamlNode& node, const std::string& severity, AlertingSpec* alerting) {
  bool disabled = false;
  YamlMap map(node);
  map.Optional("disable", &disabled);
  map.Optional("labels", &alerting->severity_labels[severity]);
  map.Optional("annotations", &alerting->severity_annotations[severity]);
  const YamlNode* labels = map.Take("labels");
  BARO_TRY(map.Finish());
  if (labels != nullptr) {
    BARO_TRY(CheckLabels(*labels, alerting->severity_labels[severity], true));
  }
  if (disabled) {
    std::erase_if(alerting->policies, [&](const auto& one) { return one.severity == severity; });
  }
  return absl::OkStatus();
}

absl::Status ReadAlerting(const YamlNode& node, const Keys& keys, AlertingSpec* alerting) {
  YamlMap map(node);
  map.Optional("name", &alerting->name);
  map.Optional("labels", &alerting->labels);
  map.Optional("annotations", &alerting->annotations);
  const YamlNode* labels = map.Take("labels");
  const YamlNode* page = map.Take(keys.page_alert);
  const YamlNode* ticket = map.Take(keys.ticket_alert);
  BARO_TRY(map.Finish());
  if (labels != nullptr) BARO_TRY(CheckLabels(*labels, alerting->labels, true));
  for (const char* severity : {"page", "ticket"}) {
    alerting->severity_labels[severity]["sloth_severity"] = severity;
  }
  if (page != nullptr) BARO_TRY(ReadAlert(*page, "page", alerting));
  if (ticket != nullptr) BARO_TRY(ReadAlert(*ticket, "ticket", alerting));
  return absl::OkStatus();
}

absl::Status ReadSlo(const YamlNode& node, const Service& service, SloSpec* spec) {
  double percent = 0;
  Texts labels;
  YamlMap map(node);
  map.Required("name", &spec->sloth_name);
  map.Required("objective", &percent);
  map.Optional("description", &spec->description);
  map.Optional("labels", &labels);
  const YamlNode* objective = map.Take("objective");
  const YamlNode* label_node = map.Take("labels");
  const YamlNode* sli = map.Take("sli");
  const YamlNode* alerting = map.Take("alerting");
  map.Ignore("plugins");  // of the code that would generate rules
  BARO_TRY(map.Finish());
  BARO_TRY(CheckPercent(*objective, percent));
  if (sli == nullptr) return node.ErrorAt("missing key \"sli\"");
  spec->objective = RatioOf(percent);
  spec->service = service.name;
  // What Sloth calls its id.
  spec->name = base::StrCat(service.name, "-", spec->sloth_name);
  spec->labels = service.labels;
  for (const auto& [name, value] : labels) spec->labels[name] = value;
  if (label_node != nullptr) BARO_TRY(CheckLabels(*label_node, spec->labels, true));
  const auto owner = spec->labels.find("owner");
  if (owner != spec->labels.end()) spec->owner = owner->second;
  BARO_TRY(ReadSli(*sli, service.keys, spec));
  // What groups are told apart by is no label of all of them.
  for (const std::string& label : spec->group_by) spec->labels.erase(label);
  if (alerting != nullptr) BARO_TRY(ReadAlerting(*alerting, service.keys, &spec->alerting));
  spec->export_sloth = true;
  return FinishSpec(node, spec);
}

void ReadService(const YamlNode& root, YamlMap* map, Keys keys, Specs* specs, Problems* problems) {
  Service service;
  service.keys = keys;
  map->Required("service", &service.name);
  map->Optional("labels", &service.labels);
  const YamlNode* labels = map->Take("labels");
  const YamlNode* slos = map->Take("slos");
  map->Ignore("slo_plugins");
  map->Ignore("sloPlugins");
  absl::Status status = map->Finish();
  if (status.ok() && labels != nullptr) status = CheckLabels(*labels, service.labels, true);
  if (status.ok()) status = CheckName(root, service.name);
  if (!status.ok()) return problems->Add(status);
  if (slos == nullptr || slos->elements().empty()) {
    return problems->Add(root.ErrorAt("expected a list of slos"));
  }
  for (const YamlNode& node : slos->elements()) {
    SloSpec spec;
    status = ReadSlo(node, service, &spec);
    problems->Add(status);
    if (status.ok()) specs->push_back(std::move(spec));
  }
}

}  // namespace

void ReadSloth(const YamlNode& root, Specs* specs, Problems* problems) {
  YamlMap map(root);
  const YamlNode* version = map.Take("version");
  if (version == nullptr || version->scalar() != "prometheus/v1") {
    return problems->Add((version == nullptr ? root : *version).ErrorAt("expected prometheus/v1"));
  }
  ReadService(root, &map, kFileKeys, specs, problems);
}

void ReadSlothResource(const YamlNode& root, Specs* specs, Problems* problems) {
  std::string kind;
  YamlMap map(root);
  map.Required("kind", &kind);
  map.Ignore("apiVersion");
  map.Ignore("metadata");
  map.Ignore("status");
  const YamlNode* spec = map.Take("spec");
  if (map.ok() && kind != "PrometheusServiceLevel") {
    map.Fail("kind", "expected PrometheusServiceLevel");
  }
  const absl::Status status = map.Finish();
  if (!status.ok()) return problems->Add(status);
  if (spec == nullptr) return problems->Add(root.ErrorAt("missing key \"spec\""));
  YamlMap inner(*spec);
  ReadService(*spec, &inner, kResourceKeys, specs, problems);
}

}  // namespace baro::slo
