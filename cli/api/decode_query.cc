// Results of query and query_range.

#include <array>
#include <charconv>

#include "api/decode.h"
#include "api/document.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

// PromQL's spelling of numbers: from_chars knows all of them but the plus sign.
absl::StatusOr<double> ReadNumber(std::string_view text) {
  double value = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) return value;
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return BadAnswer(base::StrCat("\"", text, "\" is no number"));
  }
  return value;
}

// [seconds, "value"]; the value of a native histogram is an object. Strings are kept unread.
absl::StatusOr<Point> ReadPoint(dom::element element, ResultType type) {
  dom::array pair;
  Point point;
  if (element.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
      pair.at(0).get(point.time_seconds) != simdjson::SUCCESS) {
    return BadAnswer("a value is no [time, value] pair");
  }
  const dom::element value = pair.at(1).value_unsafe();
  if (value.is_object()) {
    point.is_histogram = true;
    point.text = simdjson::minify(value);
    BARO_TRY_ASSIGN(point.number, ReadNumber(TextMember(value, "count")));
    return point;
  }
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return BadAnswer("a value is no string");
  point.text = text;
  if (type == ResultType::kString) return point;
  BARO_TRY_ASSIGN(point.number, ReadNumber(text));
  return point;
}

absl::Status ReadPoints(dom::element object, const char* name, ResultType type, Series* series) {
  dom::array values;
  if (object[name].get(values) != simdjson::SUCCESS) return absl::OkStatus();
  for (const dom::element value : values) {
    BARO_TRY_ASSIGN(Point point, ReadPoint(value, type));
    series->points.push_back(std::move(point));
  }
  return absl::OkStatus();
}

absl::StatusOr<Series> ReadSeries(dom::element element, ResultType type) {
  Series series;
  dom::element metric;
  if (element["metric"].get(metric) != simdjson::SUCCESS)
    return BadAnswer("a series has no labels");
  BARO_TRY_ASSIGN(series.labels, ReadLabels(metric));
  if (type == ResultType::kMatrix) {
    BARO_TRY(ReadPoints(element, "values", type, &series));
    BARO_TRY(ReadPoints(element, "histograms", type, &series));
    return series;
  }
  dom::element value;
  if (element["value"].get(value) != simdjson::SUCCESS &&
      element["histogram"].get(value) != simdjson::SUCCESS) {
    return BadAnswer("a series has no value");
  }
  BARO_TRY_ASSIGN(Point point, ReadPoint(value, type));
  series.points.push_back(std::move(point));
  return series;
}

absl::StatusOr<ResultType> ReadType(dom::element data) {
  const std::string type = TextMember(data, "resultType");
  if (type == "vector") return ResultType::kVector;
  if (type == "matrix") return ResultType::kMatrix;
  if (type == "scalar") return ResultType::kScalar;
  if (type == "string") return ResultType::kString;
  return BadAnswer(base::StrCat("the result type \"", type, "\" is unknown"));
}

}  // namespace

absl::StatusOr<Histogram> DecodeHistogram(std::string_view json) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return BadAnswer("a histogram is no JSON");
  }
  Histogram histogram;
  BARO_TRY_ASSIGN(histogram.count, ReadNumber(TextMember(root, "count")));
  BARO_TRY_ASSIGN(histogram.sum, ReadNumber(TextMember(root, "sum")));
  dom::array buckets;
  if (root["buckets"].get(buckets) != simdjson::SUCCESS) return histogram;
  for (const dom::element element : buckets) {
    // [which bounds belong to it, "lower", "upper", "count"]
    dom::array parts;
    std::array<double, 3> numbers{};
    if (element.get(parts) != simdjson::SUCCESS || parts.size() != numbers.size() + 1) {
      return BadAnswer("a bucket is no list of four");
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
      std::string_view text;
      if (parts.at(i + 1).get(text) != simdjson::SUCCESS) return BadAnswer("a bound is no string");
      BARO_TRY_ASSIGN(numbers[i], ReadNumber(text));
    }
    histogram.buckets.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return histogram;
}

absl::StatusOr<QueryAnswer> DecodeQuery(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  QueryAnswer answer;
  BARO_TRY_ASSIGN(answer.type, ReadType(document.data()));
  dom::element stats;
  if (document.data()["stats"].get(stats) == simdjson::SUCCESS) {
    answer.stats = FlatRecord(stats);
    answer.stats_json = simdjson::minify(stats);
  }
  dom::element result;
  if (document.data()["result"].get(result) != simdjson::SUCCESS) {
    return BadAnswer("it has no member \"result\"");
  }
  if (answer.type == ResultType::kScalar || answer.type == ResultType::kString) {
    BARO_TRY_ASSIGN(Point point, ReadPoint(result, answer.type));
    answer.series.emplace_back().points.push_back(std::move(point));
    return answer;
  }
  dom::array list;
  if (result.get(list) != simdjson::SUCCESS) return BadAnswer("the result is no list");
  for (const dom::element element : list) {
    BARO_TRY_ASSIGN(Series series, ReadSeries(element, answer.type));
    answer.series.push_back(std::move(series));
  }
  return answer;
}

}  // namespace baro::cli
