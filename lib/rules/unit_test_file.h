// What a unit-test file says.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"

namespace baro::rules {

// A value of an input series: a number, a histogram, or none.
struct SeriesValue {
  std::optional<double> value;
  std::optional<model::Histogram> histogram;
};

struct InputSeries {
  model::Labels labels;
  std::vector<SeriesValue> values;
};

struct ExpectedAlert {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct AlertCase {
  int64_t eval_time_ms = 0;
  std::string alertname;
  std::vector<ExpectedAlert> alerts;
};

struct ExpectedSample {
  model::Labels labels;
  double value = 0;
  std::optional<model::Histogram> histogram;
};

struct ExpressionCase {
  std::string expression;
  int64_t eval_time_ms = 0;
  std::vector<ExpectedSample> samples;
};

struct UnitTest {
  std::string name;
  int64_t interval_ms = 0;
  int64_t start_ms = 0;
  std::vector<InputSeries> series;
  std::vector<AlertCase> alert_cases;
  std::vector<ExpressionCase> expression_cases;
  std::map<std::string, std::string> external_labels;
  std::string external_url;
};

struct UnitTestSpec {
  std::vector<std::string> rule_files;  // patterns
  int64_t evaluation_interval_ms = 60'000;
  std::vector<std::string> group_order;
  bool fuzzy_compare = false;
  std::vector<UnitTest> tests;
};

// Errors: InvalidArgument with file:line:column; those of reading the file.
absl::StatusOr<UnitTestSpec> ReadUnitTestSpec(const std::string& path);

// up{job="x"}, {"a.b", job="x"}. Errors: InvalidArgument.
absl::StatusOr<model::Labels> ParseSeriesLabels(const std::string& text);
// 1 2+3x4 _x2 stale {{schema:0 sum:1 count:1 buckets:[1]}}x3. Errors: InvalidArgument.
absl::StatusOr<std::vector<SeriesValue>> ParseSeriesValues(const std::string& text);

}  // namespace baro::rules
