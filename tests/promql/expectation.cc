#include "expectation.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/parse.h"
#include "histogram_text.h"

namespace baro::promql_script {
namespace {

absl::Status Wrong(std::string text) { return absl::FailedPreconditionError(std::move(text)); }

std::string Number(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.17g", value);
  return buffer;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool TakePrefix(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  *text = Trim(text->substr(prefix.size()));
  return true;
}

absl::Status ReadRangeTimes(std::string_view text, RangeTimes* times) {
  std::string from;
  std::string to;
  std::string step;
  static const RE2 pattern(R"(from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+))");
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), pattern, &from, &to, &step)) {
    return absl::InvalidArgumentError(base::StrCat("cannot read range \"", text, "\""));
  }
  BARO_TRY_ASSIGN(times->start_ms, ParseTimeMs(from));
  BARO_TRY_ASSIGN(times->end_ms, ParseTimeMs(to));
  BARO_TRY_ASSIGN(times->step_ms, ParseTimeMs(step));
  return absl::OkStatus();
}

absl::Status ReadExpect(std::string_view rest, Expectation* expected) {
  if (TakePrefix(&rest, "string ")) {
    const auto literal = promql::ParseExpression(rest);
    if (!literal.ok() || (*literal)->kind != promql::Expr::Kind::kString) {
      return absl::InvalidArgumentError(base::StrCat("cannot read string ", rest));
    }
    expected->string = promql::As<promql::StringLiteral>(**literal).value;
    return absl::OkStatus();
  }
  if (TakePrefix(&rest, "range vector ")) {
    return ReadRangeTimes(rest, &expected->range_vector.emplace());
  }
  const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
  std::string_view message = Trim(rest.substr(word.size()));
  TextPattern pattern;
  if (TakePrefix(&message, "msg:")) {
    pattern.exact = message;
  } else if (TakePrefix(&message, "regex:")) {
    pattern.regex = message;
  } else if (!message.empty()) {
    return absl::InvalidArgumentError(base::StrCat("cannot read expectation \"", rest, "\""));
  }
  if (word == "ordered") {
    expected->ordered = true;
  } else if (word == "fail") {
    expected->fail = true;
    expected->failures.push_back(pattern);
  } else if (word == "warn") {
    expected->warnings.push_back(pattern);
  } else if (word == "info") {
    expected->infos.push_back(pattern);
  } else if (word == "no_warn") {
    expected->no_warn = true;
  } else if (word == "no_info") {
    expected->no_info = true;
  } else {
    return absl::InvalidArgumentError(base::StrCat("cannot read expectation \"", rest, "\""));
  }
  return absl::OkStatus();
}

absl::Status CheckTexts(std::string_view kind, const std::vector<TextPattern>& patterns,
                        const std::vector<std::string>& texts) {
  if (patterns.empty()) return absl::OkStatus();
  if (texts.empty()) return Wrong(base::StrCat("expected ", kind, " annotations, got none"));
  const auto any_text = [&texts](const TextPattern& pattern) {
    return std::any_of(texts.begin(), texts.end(), [&pattern](const std::string& text) {
      return pattern.MatchesAnnotation(text);
    });
  };
  for (const TextPattern& pattern : patterns) {
    if (!any_text(pattern)) {
      return Wrong(base::StrCat("no ", kind, " annotation is as expected; the first: ", texts[0]));
    }
  }
  for (const std::string& text : texts) {
    const bool matched = std::any_of(
        patterns.begin(), patterns.end(),
        [&text](const TextPattern& pattern) { return pattern.MatchesAnnotation(text); });
    if (!matched) return Wrong(base::StrCat("unexpected ", kind, " annotation: ", text));
  }
  return absl::OkStatus();
}

// A sample of an answer.
struct Element {
  model::Labels labels;
  double value = 0;
  const model::Histogram* histogram = nullptr;
};

std::string Show(double value, const model::Histogram* histogram) {
  return histogram == nullptr ? Number(value) : FormatHistogram(*histogram);
}

// OK when the value is as wanted.
absl::Status CheckValue(const SeriesValue& wanted, double value, const model::Histogram* histogram,
                        double tolerance) {
  const bool same_kind = wanted.there && (wanted.histogram != nullptr) == (histogram != nullptr);
  const bool equal =
      same_kind && (histogram == nullptr
                        ? AlmostEqual(wanted.value, value, tolerance)
                        : AlmostEqual(*wanted.histogram, *histogram, wanted.hint_given, tolerance));
  if (equal) return absl::OkStatus();
  return Wrong(base::StrCat(
      "is ", Show(value, histogram), ", expected ",
      wanted.there ? Show(wanted.value, wanted.histogram.get()) : std::string("nothing")));
}

absl::Status CheckVector(const Expectation& expected, const std::vector<Element>& elements) {
  for (size_t i = 0; i < elements.size(); ++i) {
    const Element& element = elements[i];
    const auto wanted =
        std::find_if(expected.series.begin(), expected.series.end(),
                     [&](const SeriesText& series) { return series.labels == element.labels; });
    if (wanted == expected.series.end()) {
      return Wrong(base::StrCat("unexpected ", element.labels.ToString(), " ",
                                Show(element.value, element.histogram)));
    }
    if (expected.ordered && wanted - expected.series.begin() != static_cast<std::ptrdiff_t>(i)) {
      return Wrong(base::StrCat(element.labels.ToString(), " stands at place ", i + 1));
    }
    const absl::Status status =
        CheckValue(wanted->values.empty() ? SeriesValue() : wanted->values[0], element.value,
                   element.histogram, expected.tolerance);
    if (!status.ok()) {
      return Wrong(base::StrCat(element.labels.ToString(), " ", base::FromAbsl(status.message())));
    }
  }
  if (elements.size() < expected.series.size()) {
    return Wrong(
        base::StrCat("got ", elements.size(), " series, expected ", expected.series.size()));
  }
  return absl::OkStatus();
}

// What a series has at a time; false when it has nothing.
bool FindAt(const promql::ResultSeries& series, int64_t time_ms, Element* element) {
  element->labels = series.labels;
  for (const model::Sample& sample : series.samples) {
    if (sample.time_ms != time_ms) continue;
    element->value = sample.value;
    return true;
  }
  for (const promql::HistogramPoint& point : series.histograms) {
    if (point.time_ms != time_ms) continue;
    element->histogram = &point.histogram;
    return true;
  }
  return false;
}

absl::Status CheckSamples(const SeriesText& wanted, const RangeTimes& times, double tolerance,
                          const promql::ResultSeries& series) {
  size_t found = 0;
  for (size_t i = 0; i < wanted.values.size(); ++i) {
    if (!wanted.values[i].there) continue;
    const int64_t time_ms = times.start_ms + static_cast<int64_t>(i) * times.step_ms;
    Element element;
    if (!FindAt(series, time_ms, &element)) {
      return Wrong(base::StrCat(wanted.labels.ToString(), " has no sample at ", time_ms, " ms"));
    }
    ++found;
    const absl::Status status =
        CheckValue(wanted.values[i], element.value, element.histogram, tolerance);
    if (!status.ok()) {
      return Wrong(base::StrCat(wanted.labels.ToString(), " at ", time_ms, " ms ",
                                base::FromAbsl(status.message())));
    }
  }
  const size_t total = series.samples.size() + series.histograms.size();
  if (found < total) {
    return Wrong(
        base::StrCat(wanted.labels.ToString(), " has ", total, " samples, expected ", found));
  }
  return absl::OkStatus();
}

absl::Status CheckMatrix(const Expectation& expected, const RangeTimes& times,
                         const promql::Matrix& matrix) {
  for (const promql::ResultSeries& series : matrix.series) {
    const auto wanted =
        std::find_if(expected.series.begin(), expected.series.end(),
                     [&series](const SeriesText& text) { return text.labels == series.labels; });
    if (wanted == expected.series.end()) {
      return Wrong(base::StrCat("unexpected ", series.labels.ToString()));
    }
    BARO_TRY(CheckSamples(*wanted, times, expected.tolerance, series));
  }
  const auto has_values = [](const SeriesText& series) {
    return std::any_of(series.values.begin(), series.values.end(),
                       [](const SeriesValue& value) { return value.there; });
  };
  const auto wanted = std::count_if(expected.series.begin(), expected.series.end(), has_values);
  if (static_cast<size_t>(wanted) > matrix.series.size()) {
    return Wrong(base::StrCat("got ", matrix.series.size(), " series, expected ", wanted));
  }
  return absl::OkStatus();
}

}  // namespace

bool TextPattern::Matches(std::string_view text) const {
  if (exact) return text == *exact;
  if (regex) return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), RE2(*regex));
  return true;
}

// Scripts of Prometheus give annotations without what its API adds: the place in the query, and how
// often a thing was met.
bool TextPattern::MatchesAnnotation(const std::string& text) const {
  if (Matches(text)) return true;
  static const RE2 added(
      R"(^(.*?)(?:, from buckets .*, over \d+ samples from .*| \(\d+ occurrences\))?)"
      R"( \(\d+:\d+\)$)");
  std::string bare;
  return RE2::FullMatch(text, added, &bare) && Matches(bare);
}

absl::Status Expectation::AddLine(std::string_view line) {
  if (TakePrefix(&line, "expect ")) return ReadExpect(line, this);
  if (TakePrefix(&line, "expected_fail_message ")) {
    failures.push_back({std::string(line), std::nullopt});
    return absl::OkStatus();
  }
  if (TakePrefix(&line, "expected_fail_regexp ")) {
    failures.push_back({std::nullopt, std::string(line)});
    return absl::OkStatus();
  }
  if (const std::optional<double> number = ParseValue(line)) {
    scalar = number;
    return absl::OkStatus();
  }
  BARO_TRY_ASSIGN(SeriesText text, ParseSeriesText(line));
  series.push_back(std::move(text));
  return absl::OkStatus();
}

absl::Status CheckFailure(const Expectation& expected, const absl::Status& status) {
  const std::string_view message = base::FromAbsl(status.message());
  for (const TextPattern& pattern : expected.failures) {
    if (!pattern.Matches(message)) {
      return Wrong(base::StrCat("fails with another message: ", message));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAnnotations(const Expectation& expected, const promql::QueryResult& result) {
  BARO_TRY(CheckTexts("warn", expected.warnings, result.warnings));
  BARO_TRY(CheckTexts("info", expected.infos, result.infos));
  if (expected.no_warn && !result.warnings.empty()) {
    return Wrong(base::StrCat("unexpected warn annotation: ", result.warnings[0]));
  }
  if (expected.no_info && !result.infos.empty()) {
    return Wrong(base::StrCat("unexpected info annotation: ", result.infos[0]));
  }
  return absl::OkStatus();
}

absl::Status CheckInstant(const Expectation& expected, const promql::QueryResult& result) {
  if (const auto* string = std::get_if<promql::String>(&result.value)) {
    if (expected.string && *expected.string == string->value) return absl::OkStatus();
    return Wrong(base::StrCat("got string \"", string->value, "\""));
  }
  if (const auto* scalar = std::get_if<promql::Scalar>(&result.value)) {
    if (!expected.scalar) return Wrong(base::StrCat("got scalar ", Number(scalar->value)));
    if (AlmostEqual(*expected.scalar, scalar->value, expected.tolerance)) return absl::OkStatus();
    return Wrong(
        base::StrCat("is ", Number(scalar->value), ", expected ", Number(*expected.scalar)));
  }
  if (expected.scalar || expected.string) return Wrong("got a vector, expected a single value");
  if (const auto* matrix = std::get_if<promql::Matrix>(&result.value)) {
    if (!expected.range_vector) return Wrong("got a range vector, expected an instant vector");
    return CheckMatrix(expected, *expected.range_vector, *matrix);
  }
  std::vector<Element> elements;
  for (const promql::ResultSeries& series : std::get<promql::Vector>(result.value).elements) {
    elements.emplace_back();
    const int64_t time_ms =
        series.samples.empty() ? series.histograms[0].time_ms : series.samples[0].time_ms;
    FindAt(series, time_ms, &elements.back());
  }
  return CheckVector(expected, elements);
}

absl::Status CheckRange(const Expectation& expected, const RangeTimes& times,
                        const promql::QueryResult& result) {
  if (expected.ordered) return Wrong("a range query has no order to expect");
  return CheckMatrix(expected, times, std::get<promql::Matrix>(result.value));
}

absl::Status CheckInstantInRange(const Expectation& expected, int64_t time_ms,
                                 const promql::QueryResult& result) {
  std::vector<Element> elements;
  for (const promql::ResultSeries& series : std::get<promql::Matrix>(result.value).series) {
    Element element;
    if (FindAt(series, time_ms, &element)) elements.push_back(std::move(element));
  }
  if (expected.scalar) {
    if (elements.size() == 1 &&
        AlmostEqual(elements[0].value, *expected.scalar, expected.tolerance)) {
      return absl::OkStatus();
    }
    return Wrong("the range query around it gives another scalar");
  }
  const absl::Status status = CheckVector(expected, elements);
  if (status.ok()) return status;
  return Wrong(base::StrCat("in the range query around it: ", base::FromAbsl(status.message())));
}

}  // namespace baro::promql_script
