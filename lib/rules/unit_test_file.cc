#include "unit_test_file.h"

#include <chrono>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "go_format.h"

namespace baro::rules {

using base::YamlMap;
using base::YamlNode;

namespace {

constexpr int64_t kNsPerMs = 1'000'000;

// An error of the text of `key`.
template <typename T>
void Take(absl::StatusOr<T> parsed, const char* key, YamlMap* map, T* value) {
  if (parsed.ok()) {
    *value = *std::move(parsed);
  } else if (map->ok()) {
    map->Fail(key, base::FromAbsl(parsed.status().message()));
  }
}

// Seconds since 1970, or RFC 3339.
absl::StatusOr<int64_t> ParseStart(const std::string& text) {
  if (const auto seconds = GoParseFloat(text)) return static_cast<int64_t>(*seconds * 1000);
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::ToUnixNanos(time) / kNsPerMs;
  }
  return absl::InvalidArgumentError(
      base::StrCat("cannot parse ", GoQuote(text), " to a valid timestamp"));
}

int64_t OptionalDuration(const char* key, int64_t fallback_ms, YamlMap* map) {
  std::chrono::milliseconds duration(fallback_ms);
  map->Optional(key, &duration);
  return duration.count();
}

}  // namespace

// Found by ADL, which does not look into unnamed namespaces.
static absl::Status ReadYaml(const YamlNode& node, InputSeries* series) {
  std::string name;
  std::string values;
  YamlMap map(node);
  map.Required("series", &name);
  map.Optional("values", &values);
  if (map.ok()) Take(ParseSeriesLabels(name), "series", &map, &series->labels);
  if (map.ok()) Take(ParseSeriesValues(values), "values", &map, &series->values);
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, ExpectedAlert* alert) {
  YamlMap map(node);
  map.Optional("exp_labels", &alert->labels);
  map.Optional("exp_annotations", &alert->annotations);
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, AlertCase* one) {
  YamlMap map(node);
  one->eval_time_ms = OptionalDuration("eval_time", 0, &map);
  map.Optional("alertname", &one->alertname);
  map.Optional("exp_alerts", &one->alerts);
  if (map.ok() && one->alertname.empty()) {
    map.Fail("alertname",
             base::StrCat("an item under alert_rule_test misses required attribute alertname at "
                          "eval_time ",
                          base::FormatDuration(std::chrono::milliseconds(one->eval_time_ms))));
  }
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, ExpectedSample* sample) {
  std::string labels;
  std::string histogram;
  YamlMap map(node);
  map.Optional("labels", &labels);
  map.Optional("value", &sample->value);
  map.Optional("histogram", &histogram);
  if (map.ok() && !labels.empty()) {
    Take(ParseSeriesLabels(labels), "labels", &map, &sample->labels);
  }
  if (map.ok() && !histogram.empty()) {
    std::vector<SeriesValue> values;
    Take(ParseSeriesValues(histogram), "histogram", &map, &values);
    if (map.ok() && (values.size() != 1 || !values[0].histogram)) {
      map.Fail("histogram", "expected one histogram");
    } else if (map.ok()) {
      sample->histogram = values[0].histogram;
    }
  }
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, ExpressionCase* one) {
  YamlMap map(node);
  map.Required("expr", &one->expression);
  one->eval_time_ms = OptionalDuration("eval_time", 0, &map);
  map.Optional("exp_samples", &one->samples);
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, UnitTest* test) {
  std::string start;
  YamlMap map(node);
  map.Optional("name", &test->name);
  test->interval_ms = OptionalDuration("interval", 0, &map);
  map.Optional("input_series", &test->series);
  map.Optional("alert_rule_test", &test->alert_cases);
  map.Optional("promql_expr_test", &test->expression_cases);
  map.Optional("external_labels", &test->external_labels);
  map.Optional("external_url", &test->external_url);
  map.Optional("start_timestamp", &start);
  if (map.ok() && !start.empty()) {
    Take(ParseStart(start), "start_timestamp", &map, &test->start_ms);
  }
  return map.Finish();
}

static absl::Status ReadYaml(const YamlNode& node, UnitTestSpec* spec) {
  YamlMap map(node);
  map.Optional("rule_files", &spec->rule_files);
  spec->evaluation_interval_ms = OptionalDuration("evaluation_interval", 0, &map);
  if (spec->evaluation_interval_ms == 0) spec->evaluation_interval_ms = 60'000;
  map.Optional("group_eval_order", &spec->group_order);
  map.Optional("fuzzy_compare", &spec->fuzzy_compare);
  map.Optional("tests", &spec->tests);
  for (UnitTest& test : spec->tests) {
    if (test.interval_ms == 0) test.interval_ms = spec->evaluation_interval_ms;
  }
  for (size_t i = 0; i < spec->group_order.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (spec->group_order[i] != spec->group_order[j]) continue;
      map.Fail("group_eval_order",
               base::StrCat("group name repeated in evaluation order: ", spec->group_order[i]));
    }
  }
  return map.Finish();
}

absl::StatusOr<UnitTestSpec> ReadUnitTestSpec(const std::string& path) {
  BARO_TRY_ASSIGN(const YamlNode node, base::ReadYamlFile(path));
  UnitTestSpec spec;
  BARO_TRY(ReadYaml(node, &spec));
  return spec;
}

}  // namespace baro::rules
