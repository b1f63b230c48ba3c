// The notation of series in tests of Prometheus: 1 2+3x4 _ stale {{schema:1 …}}.
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "baro/promql/engine.h"
#include "go_format.h"
#include "unit_test_file.h"

namespace baro::rules {
namespace {

constexpr uint64_t kValuesMax = 10'000'000;  // of one series

absl::Status Bad(const char* what, std::string_view text) {
  return absl::InvalidArgumentError(base::StrCat("cannot read ", what, " \"", text, "\""));
}

// xN at the end: how many more there are.
absl::Status TakeRepeat(std::string_view text, uint64_t* repeat) {
  *repeat = 0;
  if (text.empty()) return absl::OkStatus();
  if (text[0] != 'x') return Bad("series values", text);
  const auto end = std::from_chars(text.data() + 1, text.data() + text.size(), *repeat);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || *repeat > kValuesMax) {
    return Bad("repetition", text);
  }
  return absl::OkStatus();
}

// A number from the front: what ends it is a sign behind a digit, x, or the end. None is
// hexadecimal: 0x5 is 0, five times more.
absl::StatusOr<double> TakeNumber(std::string_view* text) {
  size_t end = text->starts_with('+') || text->starts_with('-') ? 1 : 0;
  while (end < text->size()) {
    const char c = (*text)[end];
    const bool exponent = end > 0 && ((*text)[end - 1] | 0x20) == 'e' && end > 1 &&
                          std::isdigit(static_cast<unsigned char>((*text)[end - 2])) != 0;
    if (c == 'x' || ((c == '+' || c == '-') && !exponent)) break;
    ++end;
  }
  const auto value = GoParseFloat(text->substr(0, end));
  if (!value) return Bad("value", *text);
  text->remove_prefix(end);
  return *value;
}

absl::Status AddNumbers(std::string_view item, std::vector<SeriesValue>* values) {
  std::string_view rest = item;
  uint64_t repeat = 0;
  if (rest.starts_with('_')) {
    BARO_TRY(TakeRepeat(rest.substr(1), &repeat));
    values->resize(values->size() + std::max<uint64_t>(repeat, rest.size() > 1 ? 0 : 1));
    return absl::OkStatus();
  }
  double value = model::kStaleNan;
  double step = 0;
  if (rest.starts_with("stale")) {
    rest.remove_prefix(5);
  } else {
    BARO_TRY_ASSIGN(value, TakeNumber(&rest));
    if (rest.starts_with('+') || rest.starts_with('-')) {
      BARO_TRY_ASSIGN(step, TakeNumber(&rest));
      if (rest.empty()) return Bad("value", item);
    }
  }
  BARO_TRY(TakeRepeat(rest, &repeat));
  // A value repeated n times is n + 1 values.
  for (uint64_t i = 0; i <= repeat; ++i) {
    values->push_back({value, std::nullopt});
    if (step != 0) value += step;
  }
  return absl::OkStatus();
}

// [1 2 3]
absl::StatusOr<std::vector<double>> ReadList(std::string_view text) {
  std::vector<double> numbers;
  if (!text.starts_with('[') || !text.ends_with(']')) return Bad("list", text);
  text = text.substr(1, text.size() - 2);
  for (;;) {
    const size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return numbers;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find(' '), text.size());
    const auto number = GoParseFloat(text.substr(0, end));
    if (!number) return Bad("list", text);
    numbers.push_back(*number);
    text.remove_prefix(end);
  }
}

// The inside of {{…}}, as keys and values.
class HistogramReader {
 public:
  absl::StatusOr<model::Histogram> Read(std::string_view text) {
    while (true) {
      const size_t begin = text.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      text.remove_prefix(begin);
      const size_t colon = text.find(':');
      if (colon == std::string_view::npos) return Bad("histogram", text);
      const std::string_view key = text.substr(0, colon);
      text.remove_prefix(colon + 1);
      const size_t end =
          text.starts_with('[') ? text.find(']') + 1 : std::min(text.find(' '), text.size());
      if (end == 0) return Bad("histogram", text);
      BARO_TRY(Set(key, text.substr(0, end)));
      text.remove_prefix(end);
    }
    Place(positive_, positive_offset_, &histogram_.positive);
    Place(negative_, negative_offset_, &histogram_.negative);
    histogram_.float_counts = true;
    return histogram_;
  }

 private:
  static void Place(const std::vector<double>& counts, double offset,
                    std::vector<model::Histogram::Bucket>* buckets) {
    for (size_t i = 0; i < counts.size(); ++i) {
      buckets->push_back({static_cast<int32_t>(offset) + static_cast<int32_t>(i), counts[i]});
    }
  }

  absl::Status Set(std::string_view key, std::string_view text) {
    if (key == "buckets" || key == "n_buckets" || key == "custom_values") {
      BARO_TRY_ASSIGN(std::vector<double> list, ReadList(text));
      (key == "buckets"     ? positive_
       : key == "n_buckets" ? negative_
                            : histogram_.custom_bounds) = std::move(list);
      return absl::OkStatus();
    }
    if (key == "counter_reset_hint") return SetHint(text);
    const auto number = GoParseFloat(text);
    if (!number) return Bad("histogram", text);
    if (key == "schema") {
      histogram_.schema = static_cast<int32_t>(*number);
    } else if (key == "count") {
      histogram_.count = *number;
    } else if (key == "sum") {
      histogram_.sum = *number;
    } else if (key == "z_bucket") {
      histogram_.zero_count = *number;
    } else if (key == "z_bucket_w") {
      histogram_.zero_threshold = *number;
    } else if (key == "offset") {
      positive_offset_ = *number;
    } else if (key == "n_offset") {
      negative_offset_ = *number;
    } else {
      return Bad("histogram key", key);
    }
    return absl::OkStatus();
  }

  absl::Status SetHint(std::string_view text) {
    using model::ResetHint;
    constexpr std::pair<std::string_view, ResetHint> kHints[] = {
        {"unknown", ResetHint::kUnknown},
        {"reset", ResetHint::kReset},
        {"not_reset", ResetHint::kNotReset},
        {"gauge", ResetHint::kGauge}};
    for (const auto& [name, hint] : kHints) {
      if (text != name) continue;
      histogram_.reset_hint = hint;
      return absl::OkStatus();
    }
    return Bad("counter_reset_hint", text);
  }

  model::Histogram histogram_;
  std::vector<double> positive_;
  std::vector<double> negative_;
  double positive_offset_ = 0;
  double negative_offset_ = 0;
};

// a + sign × b, for {{…}}+{{…}}xN; the layouts of both are the same in tests.
model::Histogram Plus(model::Histogram a, const model::Histogram& b, double sign) {
  a.count += sign * b.count;
  a.sum += sign * b.sum;
  a.zero_count += sign * b.zero_count;
  const auto add = [sign](auto* to, const auto& from) {
    std::map<int32_t, double> counts;
    for (const auto& bucket : *to) counts[bucket.index] += bucket.count;
    for (const auto& bucket : from) counts[bucket.index] += sign * bucket.count;
    to->clear();
    for (const auto& [index, count] : counts) to->push_back({index, count});
  };
  add(&a.positive, b.positive);
  add(&a.negative, b.negative);
  return a;
}

// {{…}} from the front.
absl::StatusOr<model::Histogram> TakeHistogram(std::string_view* text) {
  const size_t end = text->find("}}");
  if (!text->starts_with("{{") || end == std::string_view::npos) return Bad("histogram", *text);
  const std::string_view inside = text->substr(2, end - 2);
  text->remove_prefix(end + 2);
  return HistogramReader().Read(inside);
}

absl::Status AddHistograms(std::string_view* rest, std::vector<SeriesValue>* values) {
  BARO_TRY_ASSIGN(model::Histogram histogram, TakeHistogram(rest));
  std::optional<model::Histogram> step;
  double sign = 1;
  if (rest->starts_with("+{{") || rest->starts_with("-{{")) {
    sign = rest->starts_with('-') ? -1 : 1;
    rest->remove_prefix(1);
    BARO_TRY_ASSIGN(step, TakeHistogram(rest));
  }
  const size_t end = std::min(rest->find_first_of(" \t\n"), rest->size());
  uint64_t repeat = 0;
  BARO_TRY(TakeRepeat(rest->substr(0, end), &repeat));
  rest->remove_prefix(end);
  for (uint64_t i = 0; i <= repeat; ++i) {
    values->push_back({std::nullopt, histogram});
    if (step) histogram = Plus(std::move(histogram), *step, sign);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<model::Labels> ParseSeriesLabels(const std::string& text) {
  BARO_TRY_ASSIGN(const std::vector<model::Matcher> matchers, promql::ParseSelector(text));
  model::Labels labels;
  for (const model::Matcher& matcher : matchers) {
    if (matcher.type() != model::MatchType::kEqual) return Bad("series", text);
    labels.Set(matcher.name(), matcher.value());
  }
  return labels;
}

absl::StatusOr<std::vector<SeriesValue>> ParseSeriesValues(const std::string& text) {
  std::vector<SeriesValue> values;
  std::string_view rest = text;
  for (;;) {
    const size_t begin = rest.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return values;
    rest.remove_prefix(begin);
    if (rest.starts_with("{{")) {
      BARO_TRY(AddHistograms(&rest, &values));
    } else {
      const size_t end = std::min(rest.find_first_of(" \t\r\n"), rest.size());
      BARO_TRY(AddNumbers(rest.substr(0, end), &values));
      rest.remove_prefix(end);
    }
    if (values.size() > kValuesMax) return Bad("series values: too many", text.substr(0, 100));
  }
}

}  // namespace baro::rules
