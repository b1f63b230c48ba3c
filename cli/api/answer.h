// What the query API answers, decoded. Values keep the text they came with, so that exact output
// repeats the collector's digits and only tables round.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baro::cli {

// Sorted by name; "__name__" is the metric's name.
using LabelSet = std::vector<std::pair<std::string, std::string>>;

// The value of a label, empty when the set has none.
std::string_view LabelValue(const LabelSet& labels, std::string_view name);

struct Point {
  double time_seconds = 0;
  std::string text;   // the number's digits; of a native histogram its JSON
  double number = 0;  // of a native histogram its count of observations
  bool is_histogram = false;
};

struct Series {
  LabelSet labels;
  std::vector<Point> points;
};

// A native histogram: its buckets as they lie on the axis of values, lowest first.
struct HistogramBucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
};
struct Histogram {
  double count = 0;
  double sum = 0;
  std::vector<HistogramBucket> buckets;  // those with observations
};

enum class ResultType { kVector, kMatrix, kScalar, kString };

struct Metadata {
  std::string type;
  std::string unit;
  std::string help;
};

struct MetricMetadata {
  std::string metric;
  Metadata metadata;  // the first of several
};

struct Target {
  LabelSet labels;
  std::string scrape_url;
  std::string health;  // "up", "down", "unknown"
  std::string last_error;
  std::string last_scrape;  // RFC 3339, empty when never
  double last_scrape_duration_seconds = 0;
  std::string scrape_interval;
  std::string agent;  // the node whose agent scrapes it; empty for others' collectors
};

struct Field {
  std::string name;
  std::string text;
  bool is_text = true;  // false: a number or truth value, written without quotes in JSON
};

// A flat JSON object, members in order. What lists are printed from, and what pages are read into
// whose members may grow (status, agents).
using Record = std::vector<Field>;

// The member's value, empty when there is none.
std::string_view Member(const Record& record, std::string_view name);

struct QueryAnswer {
  ResultType type = ResultType::kVector;
  std::vector<Series> series;  // a scalar or string is one series without labels
  Record stats;                // what it cost, when that was asked for
  std::string stats_json;      // the same as it came
};

}  // namespace baro::cli
