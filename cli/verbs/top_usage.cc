// baro top pods|nodes|targets|series|rules: who uses most.

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "api/document.h"
#include "api/json_walk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "verbs/rule_list.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// One column of a table of things: what is asked, and how it is shown. The first expression that
// gives anything counts: clusters differ in who exposes what.
struct Measure {
  const char* title;
  const char* name;  // in exact output
  Unit unit;
  std::vector<std::string> expressions;
};

// Things of one kind: by which labels they are told apart.
struct Kind {
  std::vector<std::string> labels;
  std::vector<Measure> measures;
  std::map<std::string, std::string> by;  // order to the name of a measure
  const char* nothing;                    // what is missing when nothing is found
};

const Kind& Pods() {
  static const Kind kind = {
      {"namespace", "pod"},
      {{"CPU (CORES)",
        "cpu_cores",
        Unit::kNone,
        {"sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{pod!=\"\","
         "container!=\"\",container!=\"POD\"}[5m]))",
         "sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{pod!=\"\"}[5m]))",
         "sum by (namespace, pod) (rate(pod_cpu_usage_seconds_total[5m]))"}},
       {"MEMORY",
        "memory_bytes",
        Unit::kBytes,
        {"sum by (namespace, pod) (container_memory_working_set_bytes{pod!=\"\",container!=\"\","
         "container!=\"POD\"})",
         "sum by (namespace, pod) (container_memory_working_set_bytes{pod!=\"\"})",
         "sum by (namespace, pod) (pod_memory_working_set_bytes)"}},
       {"OF LIMIT",
        "memory_of_limit",
        Unit::kRatio,
        {"sum by (namespace, pod) (container_memory_working_set_bytes{container!=\"\"}) / "
         "sum by (namespace, pod) (container_spec_memory_limit_bytes{container!=\"\"} > 0)",
         "sum by (namespace, pod) (container_memory_working_set_bytes{container!=\"\"}) / "
         "sum by (namespace, pod) (kube_pod_container_resource_limits{resource=\"memory\"})"}},
       {"RESTARTS 1H",
        "restarts",
        Unit::kNone,
        {"sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[1h]))"}}},
      {{"cpu", "cpu_cores"}, {"memory", "memory_bytes"}, {"restarts", "restarts"}},
      "no series of pods (container_cpu_usage_seconds_total); agents read them on Kubernetes "
      "nodes"};
  return kind;
}

const Kind& Nodes() {
  static const Kind kind = {
      {"instance"},
      {{"CPU",
        "cpu_ratio",
        Unit::kRatio,
        {"1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))"}},
       {"LOAD/CORE",
        "load_per_core",
        Unit::kNone,
        {"max by (instance) (node_load5) / count by (instance) "
         "(node_cpu_seconds_total{mode=\"idle\"})"}},
       {"MEMORY",
        "memory_ratio",
        Unit::kRatio,
        {"1 - max by (instance) (node_memory_MemAvailable_bytes) / max by (instance) "
         "(node_memory_MemTotal_bytes)"}},
       {"FULLEST DISK",
        "disk_ratio",
        Unit::kRatio,
        {"max by (instance) (1 - node_filesystem_avail_bytes{fstype!~\"tmpfs|ramfs|squashfs\"} / "
         "(node_filesystem_size_bytes > 0))"}},
       {"CPU STALL",
        "pressure_ratio",
        Unit::kRatio,
        {"max by (instance) (rate(node_pressure_cpu_waiting_seconds_total[5m]))"}}},
      {{"cpu", "cpu_ratio"},
       {"memory", "memory_ratio"},
       {"disk", "disk_ratio"},
       {"pressure", "pressure_ratio"}},
      "no series of nodes (node_cpu_seconds_total)"};
  return kind;
}

const Kind& Targets() {
  static const Kind kind = {{"job", "instance"},
                            {{"UP", "up", Unit::kNone, {"max by (job, instance) (up)"}},
                             {"SAMPLES",
                              "samples",
                              Unit::kNone,
                              {"max by (job, instance) (scrape_samples_post_metric_relabeling)",
                               "max by (job, instance) (scrape_samples_scraped)",
                               "count by (job, instance) ({__name__!=\"\"})"}},
                             {"TOOK",
                              "duration_seconds",
                              Unit::kSeconds,
                              {"max by (job, instance) (scrape_duration_seconds)"}},
                             {"NEW SERIES 1H",
                              "series_added",
                              Unit::kNone,
                              {"sum by (job, instance) (sum_over_time(scrape_series_added[1h]))"}}},
                            {{"samples", "samples"}, {"duration", "duration_seconds"}},
                            "no targets (up)"};
  return kind;
}

using Key = std::vector<std::string>;
using Values = std::map<Key, std::map<std::string, double>>;  // thing to measure to value

absl::Status Ask(const Kind& kind, const Measure& measure, Session* session, Values* table) {
  for (const std::string& expression : measure.expressions) {
    BARO_TRY_ASSIGN(const QueryAnswer answer,
                    session->client->Query(expression, session->clock->NowMs()));
    if (answer.series.empty()) continue;
    for (const Series& series : answer.series) {
      Key key;
      for (const std::string& label : kind.labels)
        key.emplace_back(LabelValue(series.labels, label));
      if (!series.points.empty()) (*table)[key][measure.name] = series.points.back().number;
    }
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// One unit for all rows of a column: "900 KiB" above "1.2 MiB" is misread.
std::vector<std::string> ColumnTexts(const Measure& measure,
                                     const std::vector<std::pair<double, Key>>& order,
                                     const Values& table) {
  std::vector<double> values;
  for (const auto& [rank, key] : order) {
    const auto& row = table.at(key);
    const auto found = row.find(measure.name);
    if (found != row.end() && std::isfinite(found->second)) values.push_back(found->second);
  }
  const CommonScale scale = ChooseScale(measure.unit, values);
  std::vector<std::string> texts;
  for (const auto& [rank, key] : order) {
    const auto& row = table.at(key);
    const auto found = row.find(measure.name);
    if (found == row.end() || std::isnan(found->second)) {
      texts.emplace_back();
    } else {
      texts.push_back(scale.common ? FormatScaled(found->second, scale.scale)
                                   : FormatOne(found->second, measure.unit));
    }
  }
  return texts;
}

std::string Digits(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.17g", value);
  return buffer;
}

absl::Status RunKind(const Kind& kind, const TopArguments& arguments, Session* session) {
  Values table;
  for (const Measure& measure : kind.measures) BARO_TRY(Ask(kind, measure, session, &table));
  const std::string& by = kind.by.at(arguments.by);
  std::vector<std::pair<double, Key>> order;
  for (const auto& [key, row] : table) {
    const auto found = row.find(by);
    order.emplace_back(found == row.end() || std::isnan(found->second) ? -INFINITY : found->second,
                       key);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const size_t all = order.size();
  if (arguments.limit > 0 && all > static_cast<size_t>(arguments.limit)) {
    order.resize(static_cast<size_t>(arguments.limit));
  }
  session->is_empty = order.empty();
  List list;
  for (const std::string& label : kind.labels) list.table.columns.push_back({UpperCase(label)});
  std::vector<std::vector<std::string>> columns;
  for (const Measure& measure : kind.measures) {
    list.table.columns.push_back({measure.title, Align::kPoint});
    columns.push_back(ColumnTexts(measure, order, table));
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const Key& key = order[i].second;
    Record& record = list.records.emplace_back();
    auto& row = list.table.rows.emplace_back();
    for (size_t label = 0; label < key.size(); ++label) {
      record.push_back({kind.labels[label], key[label]});
      row.push_back({Harmless(key[label]), Style::kBold});
    }
    for (size_t column = 0; column < columns.size(); ++column) {
      const auto found = table.at(key).find(kind.measures[column].name);
      const bool there = found != table.at(key).end() && std::isfinite(found->second);
      record.push_back({kind.measures[column].name, there ? Digits(found->second) : "null", false});
      const bool down = column == 0 && columns[0][i] == "0" && arguments.kind == "targets";
      row.push_back({columns[column][i], down ? Style::kBad : Style::kPlain});
    }
  }
  list.total = base::StrCat(order.size(), " of ", all, ", most ", arguments.by, " first");
  if (order.empty()) {
    base::StrAppend(&session->notes, "baro: ", kind.nothing, "\n");
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status RunSeries(const TopArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const Client::IndexSize size,
                  session->client->Cardinality(std::max(arguments.limit, 1)));
  List list;
  for (const Client::NamedList& one : size.lists) {
    // The first list is that of the metrics, at a collector and at a Prometheus.
    if (one.name.find("etric") == std::string::npos) continue;
    list.records = one.entries;
    break;
  }
  session->is_empty = list.records.empty();
  double all = 0;
  for (const Field& field : size.figures) {
    if (field.name == "series" || field.name == "numSeries" ||
        field.name == "headStats.numSeries") {
      all = std::strtod(field.text.c_str(), nullptr);
    }
  }
  list.table.columns = {
      {"SERIES", Align::kPoint}, {"SHARE", Align::kPoint}, {"METRIC", Align::kLeft, Cut::kMiddle}};
  for (const Record& record : list.records) {
    std::string digits(Member(record, "series"));
    if (digits.empty()) digits = Member(record, "value");
    const double count = std::strtod(digits.c_str(), nullptr);
    list.table.rows.push_back({{FormatOne(count, Unit::kNone)},
                               {all > 0 ? FormatOne(count / all, Unit::kRatio) : ""},
                               {Harmless(Member(record, "name")), Style::kBold}});
  }
  list.total = all > 0 ? base::StrCat("of ", FormatOne(all, Unit::kNone), " series") : "";
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status RunRules(const TopArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(std::vector<LiveRule> rules, FetchRules(session));
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) {
    return a.evaluation_seconds > b.evaluation_seconds;
  });
  double share = 0;
  for (const LiveRule& rule : rules) {
    if (rule.interval_seconds > 0) share += rule.evaluation_seconds / rule.interval_seconds;
  }
  const size_t all = rules.size();
  if (arguments.limit > 0 && all > static_cast<size_t>(arguments.limit)) {
    rules.resize(static_cast<size_t>(arguments.limit));
  }
  session->is_empty = rules.empty();
  List list;
  list.table.columns = {{"TOOK", Align::kPoint},
                        {"EVERY", Align::kPoint},
                        {"CORE", Align::kPoint},
                        {"RULE", Align::kLeft, Cut::kLast},
                        {"GROUP"},
                        {"EXPRESSION", Align::kLeft, Cut::kEnd}};
  for (const LiveRule& rule : rules) {
    const double core =
        rule.interval_seconds > 0 ? rule.evaluation_seconds / rule.interval_seconds : 0;
    list.records.push_back({{"name", rule.name},
                            {"group", rule.group},
                            {"evaluation_seconds", Digits(rule.evaluation_seconds), false},
                            {"interval_seconds", Digits(rule.interval_seconds), false},
                            {"query", rule.query}});
    list.table.rows.push_back({{FormatOne(rule.evaluation_seconds, Unit::kSeconds)},
                               {FormatDuration(rule.interval_seconds)},
                               {FormatOne(core, Unit::kRatio)},
                               {Harmless(rule.name), Style::kBold},
                               {Harmless(rule.group)},
                               {Harmless(rule.query), Style::kDim}});
  }
  list.total = base::StrCat(rules.size(), " of ", all, " rules; all of them take ",
                            FormatOne(share, Unit::kRatio), " of a core");
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace

absl::Status Run(const TopArguments& arguments, Session* session) {
  if (arguments.kind == "pods") return RunKind(Pods(), arguments, session);
  if (arguments.kind == "nodes") return RunKind(Nodes(), arguments, session);
  if (arguments.kind == "targets") return RunKind(Targets(), arguments, session);
  if (arguments.kind == "series") return RunSeries(arguments, session);
  return RunRules(arguments, session);
}

}  // namespace baro::cli
