#include "render/number.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>

#include "baro/base/strings.h"
#include "time_text.h"

namespace baro::cli {
namespace {

struct Step {
  double divisor;
  const char* suffix;
};

constexpr std::array kBytes = std::to_array<Step>({{1, "B"},
                                                   {1024.0, "KiB"},
                                                   {1024.0 * 1024, "MiB"},
                                                   {1024.0 * 1024 * 1024, "GiB"},
                                                   {1024.0 * 1024 * 1024 * 1024, "TiB"},
                                                   {1024.0 * 1024 * 1024 * 1024 * 1024, "PiB"}});
constexpr std::array kTime =
    std::to_array<Step>({{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}});
// Below a million a plain number reads best; no "k", no "m" that could be taken for minutes.
constexpr std::array kPlain =
    std::to_array<Step>({{1, ""}, {1e6, "million"}, {1e9, "billion"}, {1e12, "trillion"}});

template <size_t kSize>
Step StepFor(const std::array<Step, kSize>& steps, double magnitude) {
  Step best = steps[0];
  for (const Step& step : steps) {
    if (magnitude >= step.divisor) best = step;
  }
  return best;
}

Step StepFor(Unit unit, double magnitude) {
  switch (unit) {
    case Unit::kBytes:
    case Unit::kBytesPerSecond:
      return StepFor(kBytes, magnitude);
    case Unit::kSeconds:
      return magnitude == 0 ? Step{1, "s"} : StepFor(kTime, magnitude);
    case Unit::kRatio:
      return {0.01, "%"};
    case Unit::kNone:
    case Unit::kPerSecond:
    case Unit::kTimestamp:
      break;
  }
  return StepFor(kPlain, magnitude);
}

// Decimals that give a scaled magnitude at least `digits` digits.
int DecimalsFor(double scaled, int digits) {
  if (scaled == 0) return 0;
  const int before_point = static_cast<int>(std::floor(std::log10(scaled))) + 1;
  return std::clamp(digits - before_point, 0, 9);
}

// More decimals than this are noise beside a number's prefix, or beside numbers in full.
int DecimalsMax(const Step& step) { return step.divisor == 1 && *step.suffix == '\0' ? 6 : 3; }

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

Unit PerSecond(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return Unit::kBytesPerSecond;
    case Unit::kSeconds:  // seconds per second are a share of time
      return Unit::kNone;
    case Unit::kNone:
      return Unit::kPerSecond;
    default:
      return Unit::kNone;
  }
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool KeepsUnit(std::string_view word) {
  return IsOneOf(word, {"sum",
                        "avg",
                        "min",
                        "max",
                        "topk",
                        "bottomk",
                        "quantile",
                        "abs",
                        "sort",
                        "sort_desc",
                        "ceil",
                        "floor",
                        "round",
                        "increase",
                        "delta",
                        "idelta",
                        "avg_over_time",
                        "min_over_time",
                        "max_over_time",
                        "sum_over_time",
                        "last_over_time",
                        "quantile_over_time",
                        "first_over_time",
                        "label_replace",
                        "label_join",
                        "clamp",
                        "clamp_min",
                        "clamp_max",
                        "histogram_quantile",
                        "limitk",
                        "stddev",
                        "stddev_over_time"});
}

bool IsRate(std::string_view word) { return IsOneOf(word, {"rate", "irate", "deriv"}); }

// Reads an expression word by word, far enough to know its unit. Anything it does not know for
// certain (an operator between two things, an unknown function) makes the unit unknown.
class UnitReader {
 public:
  explicit UnitReader(std::string_view expression) : text_(expression) {}

  Unit Read() {
    while (at_ < text_.size() && certain_) Step();
    if (!certain_ || metric_.empty()) return Unit::kNone;
    const Unit unit = UnitOfMetric(metric_);
    return per_second_ ? PerSecond(unit) : unit;
  }

 private:
  void Step() {
    const char c = text_[at_];
    if (c == '{') return SkipTo('}');
    if (c == '[') return SkipTo(']');
    if (c == '"' || c == '\'' || c == '`') return SkipQuoted();
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == ':') return Word();
    if (IsOneOf(std::string_view(&c, 1), {"+", "*", "/", "%", "^", "=", "!", "<", ">", "-"})) {
      certain_ = false;
    }
    ++at_;
  }

  void SkipQuoted() {
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
  }

  void SkipTo(char close) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != close) {
      if (text_[at_] == '"' || text_[at_] == '\'') {
        SkipQuoted();
      } else {
        ++at_;
      }
    }
    ++at_;
  }

  void Word() {
    const size_t first = at_;
    const auto in_word = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == ':'; };
    while (at_ < text_.size() && in_word(static_cast<unsigned char>(text_[at_]))) ++at_;
    const std::string_view word = text_.substr(first, at_ - first);
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    const bool opens = at_ < text_.size() && text_[at_] == '(';
    if (IsOneOf(word, {"by", "without"})) return SkipTo(')');
    if (KeepsUnit(word)) return;
    if (IsRate(word) && opens) {
      certain_ = certain_ && !per_second_;
      per_second_ = true;
      return;
    }
    if (word == "offset") return SkipToBlank();
    certain_ = certain_ && !opens && metric_.empty();
    metric_ = word;
  }

  void SkipToBlank() {
    while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != ')') ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string_view metric_;
  bool per_second_ = false;
  bool certain_ = true;
};

// The scale for values up to `magnitude`, with the decimals it needs by itself.
Scale ScaleOf(Unit unit, double magnitude, bool whole) {
  const Step step = StepFor(unit, magnitude);
  Scale scale{step.divisor, step.suffix, 0, unit == Unit::kTimestamp};
  const bool in_full = whole && step.divisor == 1;
  if (!in_full)
    scale.decimals = std::min(DecimalsFor(magnitude / step.divisor, 4), DecimalsMax(step));
  if (!scale.suffix.empty()) scale.suffix = base::StrCat(" ", scale.suffix);
  if (unit == Unit::kBytesPerSecond) scale.suffix += "/s";
  if (unit == Unit::kPerSecond) scale.suffix += scale.suffix.empty() ? " /s" : "/s";
  return scale;
}

}  // namespace

Unit UnitOfMetric(std::string_view metric_name) {
  for (const std::string_view end : {"_total", "_sum", "_bucket"}) {
    if (EndsWith(metric_name, end)) {
      metric_name.remove_suffix(end.size());
      break;
    }
  }
  if (EndsWith(metric_name, "_bytes")) return Unit::kBytes;
  if (EndsWith(metric_name, "_bytes_per_second")) return Unit::kBytesPerSecond;
  for (const std::string_view end :
       {"_timestamp_seconds", "_boot_time_seconds", "_start_time_seconds", "node_time_seconds"}) {
    if (EndsWith(metric_name, end)) return Unit::kTimestamp;
  }
  if (EndsWith(metric_name, "_seconds")) return Unit::kSeconds;
  if (EndsWith(metric_name, "_ratio")) return Unit::kRatio;
  return Unit::kNone;
}

Unit UnitOfExpression(std::string_view expression) { return UnitReader(expression).Read(); }

CommonScale ChooseScale(Unit unit, const std::vector<double>& values) {
  double largest = 0;
  double smallest = INFINITY;
  bool whole = true;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    largest = std::max(largest, std::abs(value));
    if (value != 0) smallest = std::min(smallest, std::abs(value));
    whole = whole && value == std::trunc(value);
  }
  CommonScale chosen;
  chosen.scale = ScaleOf(unit, largest, whole);
  const double divisor = chosen.scale.divisor;
  if (chosen.scale.is_timestamp || smallest == INFINITY || (whole && divisor == 1)) return chosen;
  // The smallest must keep two digits on the common scale, which may take more decimals.
  const int needed = DecimalsFor(smallest / divisor, 2);
  chosen.common = needed <= DecimalsMax(StepFor(unit, largest));
  chosen.scale.decimals = std::max(chosen.scale.decimals, chosen.common ? needed : 0);
  return chosen;
}

std::string FormatScaled(double value, const Scale& scale) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (scale.is_timestamp) return FormatTime(value);
  // A true zero differs from a rounded one.
  if (value == 0) return base::StrCat("0", scale.suffix);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", scale.decimals, value / scale.divisor);
  return base::StrCat(text.data(), scale.suffix);
}

std::string FormatOne(double value, Unit unit) {
  const bool whole = value == std::trunc(value);
  if (std::isfinite(value) && value != 0 && std::abs(value) < 1e-4 && unit != Unit::kSeconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3g", value);
    return text.data();
  }
  return FormatScaled(value, ScaleOf(unit, std::isfinite(value) ? std::abs(value) : 0, whole));
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 0) seconds = 0;  // clocks of two machines differ a little
  std::array<char, 48> text{};
  if (seconds == 0) return "0 s";
  if (seconds < 0.9995) {
    std::snprintf(text.data(), text.size(), seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
    return text.data();
  }
  if (seconds < 59.95) {
    const bool whole = seconds == std::trunc(seconds);
    std::snprintf(text.data(), text.size(), whole ? "%.0f s" : "%.1f s", seconds);
    return text.data();
  }
  const double all = std::floor(std::min(seconds, 1e15));
  constexpr std::array kParts =
      std::to_array<Step>({{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}});
  for (size_t i = 0; i + 1 < kParts.size(); ++i) {
    if (all < kParts[i].divisor) continue;
    const double major = std::floor(all / kParts[i].divisor);
    const double minor = std::floor((all - major * kParts[i].divisor) / kParts[i + 1].divisor);
    std::snprintf(text.data(), text.size(), "%.0f%s %.0f%s", major, kParts[i].suffix, minor,
                  kParts[i + 1].suffix);
    break;
  }
  return text.data();
}

}  // namespace baro::cli
