#include "expectation.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/parse.h"

namespace baro::promql_script {
namespace {

absl::Status Wrong(std::string text) { return absl::FailedPreconditionError(std::move(text)); }

std::string Number(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.17g", value);
  return buffer;
}

// As Prometheus compares: relatively, NaN equals NaN, an infinity only itself.
bool AlmostEqual(double a, double b, double tolerance) {
  constexpr double kSmallest = std::numeric_limits<double>::min();
  if (model::IsStaleNan(a) || model::IsStaleNan(b))
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kSmallest) return difference < tolerance * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < tolerance;
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
    return std::any_of(texts.begin(), texts.end(),
                       [&pattern](const std::string& text) { return pattern.Matches(text); });
  };
  for (const TextPattern& pattern : patterns) {
    if (!any_text(pattern)) {
      return Wrong(base::StrCat("no ", kind, " annotation is as expected; the first: ", texts[0]));
    }
  }
  for (const std::string& text : texts) {
    const bool matched =
        std::any_of(patterns.begin(), patterns.end(),
                    [&text](const TextPattern& pattern) { return pattern.Matches(text); });
    if (!matched) return Wrong(base::StrCat("unexpected ", kind, " annotation: ", text));
  }
  return absl::OkStatus();
}

absl::Status CheckVector(const Expectation& expected,
                         const std::vector<std::pair<model::Labels, double>>& elements) {
  for (size_t i = 0; i < elements.size(); ++i) {
    const auto& [labels, value] = elements[i];
    const auto wanted =
        std::find_if(expected.series.begin(), expected.series.end(),
                     [&labels](const SeriesText& series) { return series.labels == labels; });
    if (wanted == expected.series.end()) {
      return Wrong(base::StrCat("unexpected ", labels.ToString(), " ", Number(value)));
    }
    if (expected.ordered && wanted - expected.series.begin() != static_cast<std::ptrdiff_t>(i)) {
      return Wrong(base::StrCat(labels.ToString(), " stands at place ", i + 1));
    }
    const std::optional<double> number = wanted->values.empty() ? std::nullopt : wanted->values[0];
    if (!number || !AlmostEqual(*number, value, expected.tolerance)) {
      return Wrong(base::StrCat(labels.ToString(), " is ", Number(value), ", expected ",
                                number ? Number(*number) : "nothing"));
    }
  }
  if (elements.size() < expected.series.size()) {
    return Wrong(
        base::StrCat("got ", elements.size(), " series, expected ", expected.series.size()));
  }
  return absl::OkStatus();
}

absl::Status CheckSamples(const SeriesText& wanted, const RangeTimes& times, double tolerance,
                          const promql::ResultSeries& series) {
  size_t next = 0;
  for (size_t i = 0; i < wanted.values.size(); ++i) {
    if (!wanted.values[i]) continue;
    const int64_t time_ms = times.start_ms + static_cast<int64_t>(i) * times.step_ms;
    if (next >= series.samples.size()) {
      return Wrong(base::StrCat(wanted.labels.ToString(), " has no sample at ", time_ms, " ms"));
    }
    const model::Sample& sample = series.samples[next++];
    if (sample.time_ms != time_ms) {
      return Wrong(base::StrCat(wanted.labels.ToString(), " has a sample at ", sample.time_ms,
                                " ms, expected at ", time_ms, " ms"));
    }
    if (!AlmostEqual(*wanted.values[i], sample.value, tolerance)) {
      return Wrong(base::StrCat(wanted.labels.ToString(), " at ", time_ms, " ms is ",
                                Number(sample.value), ", expected ", Number(*wanted.values[i])));
    }
  }
  if (next < series.samples.size()) {
    return Wrong(base::StrCat(wanted.labels.ToString(), " has one sample more, at ",
                              series.samples[next].time_ms,
                              " ms: ", Number(series.samples[next].value)));
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
      return Wrong(base::StrCat("unexpected ", series.labels.ToString(), ", first value ",
                                Number(series.samples.front().value)));
    }
    BARO_TRY(CheckSamples(*wanted, times, expected.tolerance, series));
  }
  const auto has_values = [](const SeriesText& series) {
    return std::any_of(series.values.begin(), series.values.end(),
                       [](const std::optional<double>& value) { return value.has_value(); });
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

bool Expectation::IsUnsupported() const {
  return std::any_of(series.begin(), series.end(),
                     [](const SeriesText& text) { return text.unsupported; });
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
  std::vector<std::pair<model::Labels, double>> elements;
  for (const promql::ResultSeries& element : std::get<promql::Vector>(result.value).elements) {
    elements.emplace_back(element.labels, element.samples[0].value);
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
  std::vector<std::pair<model::Labels, double>> elements;
  for (const promql::ResultSeries& series : std::get<promql::Matrix>(result.value).series) {
    for (const model::Sample& sample : series.samples) {
      if (sample.time_ms == time_ms) elements.emplace_back(series.labels, sample.value);
    }
  }
  if (expected.scalar) {
    if (elements.size() == 1 &&
        AlmostEqual(elements[0].second, *expected.scalar, expected.tolerance)) {
      return absl::OkStatus();
    }
    return Wrong("the range query around it gives another scalar");
  }
  const absl::Status status = CheckVector(expected, elements);
  if (status.ok()) return status;
  return Wrong(base::StrCat("in the range query around it: ", base::FromAbsl(status.message())));
}

}  // namespace baro::promql_script
