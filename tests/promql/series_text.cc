#include "series_text.h"

#include <charconv>
#include <cmath>
#include <memory>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"
#include "histogram_math.h"
#include "histogram_text.h"

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

absl::Status ReadCount(std::string_view text, uint64_t* count) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), *count);
  if (text.empty() || end.ptr != text.data() + text.size() || *count > kRepeatMax) {
    return Bad("count", text);
  }
  return absl::OkStatus();
}

// {{…}}, {{…}}x3, {{…}}+{{…}}x3, {{…}}-{{…}}x3.
absl::Status ReadHistograms(std::string_view item, std::vector<SeriesValue>* values) {
  const size_t end = item.find("}}") + 2;
  BARO_TRY_ASSIGN(const HistogramText first, ParseHistogramText(item.substr(0, end)));
  std::string_view rest = item.substr(end);
  bool hint_given = first.hint_given;
  bool subtract = false;
  std::optional<HistogramText> step;
  if (rest.starts_with("+") || rest.starts_with("-")) {
    subtract = rest[0] == '-';
    const size_t step_end = rest.find("}}");
    if (step_end == std::string_view::npos) return Bad("histogram", item);
    BARO_TRY_ASSIGN(step, ParseHistogramText(rest.substr(1, step_end + 1)));
    hint_given = step->hint_given;
    rest.remove_prefix(step_end + 2);
    if (rest.empty()) return Bad("histogram", item);
  }
  uint64_t repeat = 0;
  if (!rest.empty()) {
    if (rest[0] != 'x') return Bad("histogram", item);
    BARO_TRY(ReadCount(rest.substr(1), &repeat));
  }
  model::Histogram now = first.histogram;
  for (uint64_t i = 0; i <= repeat; ++i) {
    values->push_back({true, 0, std::make_shared<const model::Histogram>(now), hint_given});
    if (!step || i == repeat) continue;
    const promql::HistogramOutcome outcome = subtract
                                                 ? promql::SubtractHistogram(step->histogram, &now)
                                                 : promql::AddHistogram(step->histogram, &now);
    if (!outcome.compatible) return Bad("sum of histograms", item);
  }
  return absl::OkStatus();
}

// One item: 5, _, stale, 5x3, 2+3x2, 2-3x2, _x4, or histograms.
absl::Status ReadItem(std::string_view item, std::vector<SeriesValue>* values) {
  if (item.starts_with("{{")) return ReadHistograms(item, values);
  uint64_t repeat = 0;
  std::string_view head = item;
  const size_t times = item.rfind('x');
  // 0x3 is four zeros: scripts have no hexadecimal numbers here.
  const bool repeated = times != std::string_view::npos && times > 0;
  if (repeated) {
    BARO_TRY(ReadCount(item.substr(times + 1), &repeat));
    head = item.substr(0, times);
  }
  if (head == "_") {
    // Unlike a value, a gap repeated n times is n gaps.
    values->resize(values->size() + (repeated ? repeat : 1));
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
    values->push_back({true, value});
    if (step != 0) value += step;
  }
  return absl::OkStatus();
}

// An item ends at a space outside double braces.
size_t ItemEnd(std::string_view text) {
  bool braces = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view two = text.substr(i, 2);
    if (two == "{{") braces = true;
    if (two == "}}") braces = false;
    if (!braces && (text[i] == ' ' || text[i] == '\t')) return i;
  }
  return text.size();
}

// Cuts a duration off the front of an item of a line of starts: -1m, 30s, 0s.
absl::StatusOr<int64_t> TakeDuration(std::string_view* text) {
  size_t end = !text->empty() && ((*text)[0] == '-' || (*text)[0] == '+') ? 1 : 0;
  while (end < text->size() && (*text)[end] != 'x' && (*text)[end] != '+' && (*text)[end] != '-') {
    ++end;
  }
  const std::string_view duration = text->substr(0, end);
  text->remove_prefix(end);
  return ParseTimeMs(duration);
}

// One item of it: _, _x3, -1m, -1mx3, -1m+5sx3.
absl::Status ReadStart(std::string_view item, std::vector<std::optional<int64_t>>* offsets_ms) {
  uint64_t repeat = 0;
  if (item.starts_with("_")) {
    if (item.size() > 1) BARO_TRY(ReadCount(item.substr(2), &repeat));
    offsets_ms->resize(offsets_ms->size() + (item.size() > 1 ? repeat : 1));
    return absl::OkStatus();
  }
  BARO_TRY_ASSIGN(int64_t offset_ms, TakeDuration(&item));
  int64_t step_ms = 0;
  if (!item.empty() && item[0] != 'x') {
    BARO_TRY_ASSIGN(step_ms, TakeDuration(&item));
  }
  if (!item.empty()) BARO_TRY(ReadCount(item.substr(1), &repeat));
  for (uint64_t i = 0; i <= repeat; ++i) {
    offsets_ms->push_back(offset_ms);
    offset_ms += step_ms;
  }
  return absl::OkStatus();
}

// Reads the items that follow the metric.
template <typename Read>
absl::Status ReadItems(std::string_view text, Read read) {
  while (true) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(begin);
    const size_t size = ItemEnd(text);
    BARO_TRY(read(text.substr(0, size)));
    text.remove_prefix(size);
  }
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
  BARO_TRY_ASSIGN(series.labels, ParseMetric(line.substr(0, end)));
  BARO_TRY(ReadItems(line.substr(end),
                     [&](std::string_view item) { return ReadItem(item, &series.values); }));
  return series;
}

bool IsStartsText(std::string_view line) {
  return line.substr(0, MetricEnd(line)).ends_with("@st");
}

absl::StatusOr<StartsText> ParseStartsText(std::string_view line) {
  StartsText starts;
  const size_t end = MetricEnd(line);
  BARO_TRY_ASSIGN(starts.labels, ParseMetric(line.substr(0, end - 3)));
  BARO_TRY(ReadItems(line.substr(end),
                     [&](std::string_view item) { return ReadStart(item, &starts.offsets_ms); }));
  return starts;
}

}  // namespace baro::promql_script
