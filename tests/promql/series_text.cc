#include "series_text.h"

#include <charconv>
#include <cmath>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"

namespace baro::promql_script {
namespace {

constexpr uint64_t kRepeatMax = 1'000'000;

// Where the metric ends: the first space outside braces and quotes.
size_t MetricEnd(std::string_view line) {
  bool braces = false;
  char quote = '\0';
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0') {
      if (c == '\\' && quote != '`') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{' || c == '}') {
      braces = c == '{';
    } else if (!braces && (c == ' ' || c == '\t')) {
      return i;
    }
  }
  return line.size();
}

absl::Status Bad(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(base::StrCat("cannot read ", what, " \"", text, "\""));
}

// One item: 5, _, stale, 5x3, 2+3x2, 2-3x2, _x4.
absl::Status ReadItem(std::string_view item, std::vector<std::optional<double>>* values) {
  uint64_t repeat = 0;
  std::string_view head = item;
  const size_t times = item.rfind('x');
  const bool repeated = times != std::string_view::npos && times > 0 && item.substr(0, 2) != "0x";
  if (repeated) {
    const std::string_view count = item.substr(times + 1);
    const auto end = std::from_chars(count.data(), count.data() + count.size(), repeat);
    if (end.ptr != count.data() + count.size() || repeat > kRepeatMax) return Bad("count", item);
    head = item.substr(0, times);
  }
  if (head == "_") {
    // Unlike a value, a gap repeated n times is n gaps.
    values->resize(values->size() + (repeated ? repeat : 1), std::nullopt);
    return absl::OkStatus();
  }
  double value = 0;
  double step = 0;
  if (head == "stale") {
    value = model::kStaleNan;
  } else {
    // The sign between value and step is the last one that is not part of a number.
    size_t sign = head.size();
    for (size_t i = 1; repeated && i < head.size(); ++i) {
      const bool is_sign = head[i] == '+' || head[i] == '-';
      if (is_sign && head[i - 1] != 'e' && head[i - 1] != 'E') sign = i;
    }
    const std::optional<double> first = ParseValue(head.substr(0, sign));
    const std::optional<double> second =
        sign < head.size() ? ParseValue(head.substr(sign)) : std::optional<double>(0);
    if (!first || !second) return Bad("value", item);
    value = *first;
    step = *second;
  }
  // A value repeated n times is n + 1 values: the first is that of time 0.
  for (uint64_t i = 0; i <= repeat; ++i) {
    values->push_back(value);
    if (step != 0) value += step;
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<double> ParseValue(std::string_view text) {
  const std::string_view bare =
      !text.empty() && (text[0] == '+' || text[0] == '-') ? text.substr(1) : text;
  if (bare.empty()) return std::nullopt;
  const absl::StatusOr<promql::ExprPtr> expr = promql::ParseExpression(bare);
  if (!expr.ok() || (*expr)->kind != promql::Expr::Kind::kNumber) return std::nullopt;
  const double value = promql::As<promql::NumberLiteral>(**expr).value;
  return text[0] == '-' ? -value : value;
}

absl::StatusOr<int64_t> ParseTimeMs(std::string_view text) {
  const std::optional<double> seconds = ParseValue(text);
  if (!seconds || !std::isfinite(*seconds)) return Bad("time", text);
  return static_cast<int64_t>(std::round(*seconds * 1000));
}

absl::StatusOr<model::Labels> ParseMetric(std::string_view text) {
  BARO_TRY_ASSIGN(const std::vector<model::Matcher> matchers, promql::ParseSelector(text));
  model::Labels labels;
  for (const model::Matcher& matcher : matchers) {
    if (matcher.type() != model::MatchType::kEqual) return Bad("metric", text);
    labels.Set(matcher.name(), matcher.value());
  }
  return labels;
}

absl::StatusOr<SeriesText> ParseSeriesText(std::string_view line) {
  SeriesText series;
  const size_t end = MetricEnd(line);
  std::string_view metric = line.substr(0, end);
  if (metric.ends_with("@st")) {
    series.unsupported = true;
    metric.remove_suffix(3);
  }
  BARO_TRY_ASSIGN(series.labels, ParseMetric(metric));
  std::string_view rest = line.substr(end);
  if (rest.find("{{") != std::string_view::npos) series.unsupported = true;
  if (series.unsupported) return series;
  while (true) {
    const size_t begin = rest.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return series;
    rest.remove_prefix(begin);
    const size_t size = std::min(rest.find_first_of(" \t"), rest.size());
    BARO_TRY(ReadItem(rest.substr(0, size), &series.values));
    rest.remove_prefix(size);
  }
}

}  // namespace baro::promql_script
