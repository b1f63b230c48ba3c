#include "histogram_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "series_text.h"

namespace baro::promql_script {
namespace {

using model::Histogram;
using model::ResetHint;

absl::Status Bad(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(base::StrCat("cannot read ", what, " \"", text, "\""));
}

std::string Number(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.17g", value);
  return buffer;
}

class HistogramReader {
 public:
  explicit HistogramReader(std::string_view text) : text_(text) {}

  absl::StatusOr<HistogramText> Read() {
    if (!text_.starts_with("{{") || !text_.ends_with("}}")) return Bad("histogram", text_);
    rest_ = text_.substr(2, text_.size() - 4);
    while (true) {
      const size_t begin = rest_.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      rest_.remove_prefix(begin);
      BARO_TRY(ReadItem());
    }
    Place(positive_offset_, positive_, &result_.histogram.positive);
    Place(negative_offset_, negative_, &result_.histogram.negative);
    result_.histogram.float_counts = true;
    return std::move(result_);
  }

 private:
  absl::Status ReadItem() {
    const size_t colon = rest_.find(':');
    if (colon == std::string_view::npos) return Bad("histogram", text_);
    const std::string_view key = rest_.substr(0, colon);
    rest_.remove_prefix(colon + 1);
    const bool list = rest_.starts_with("[");
    const size_t end = std::min(list ? rest_.find(']') : rest_.find_first_of(" \t"), rest_.size());
    const std::string_view value = list ? rest_.substr(1, end - 1) : rest_.substr(0, end);
    if (list && end == rest_.size()) return Bad("histogram", text_);
    rest_.remove_prefix(list ? end + 1 : end);
    return list ? TakeList(key, value) : TakeNumber(key, value);
  }

  absl::Status TakeList(std::string_view key, std::string_view value) {
    std::vector<double> numbers;
    while (true) {
      const size_t begin = value.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      value.remove_prefix(begin);
      const size_t size = std::min(value.find_first_of(" \t"), value.size());
      const std::optional<double> number = ParseValue(value.substr(0, size));
      if (!number) return Bad("histogram", text_);
      numbers.push_back(*number);
      value.remove_prefix(size);
    }
    if (key == "buckets") {
      positive_ = std::move(numbers);
    } else if (key == "n_buckets") {
      negative_ = std::move(numbers);
    } else if (key == "custom_values") {
      result_.histogram.custom_bounds = std::move(numbers);
    } else {
      return Bad("histogram key", key);
    }
    return absl::OkStatus();
  }

  absl::Status TakeHint(std::string_view value) {
    static constexpr std::pair<std::string_view, ResetHint> kHints[] = {
        {"unknown", ResetHint::kUnknown},
        {"reset", ResetHint::kReset},
        {"not_reset", ResetHint::kNotReset},
        {"gauge", ResetHint::kGauge}};
    for (const auto& [name, hint] : kHints) {
      if (value != name) continue;
      result_.histogram.reset_hint = hint;
      result_.hint_given = true;
      return absl::OkStatus();
    }
    return Bad("counter reset hint", value);
  }

  absl::Status TakeNumber(std::string_view key, std::string_view value) {
    if (key == "counter_reset_hint") return TakeHint(value);
    int32_t* const integer = key == "schema"     ? &result_.histogram.schema
                             : key == "offset"   ? &positive_offset_
                             : key == "n_offset" ? &negative_offset_
                                                 : nullptr;
    if (integer != nullptr) {
      const auto end = std::from_chars(value.data(), value.data() + value.size(), *integer);
      return end.ptr == value.data() + value.size() ? absl::OkStatus() : Bad("number", value);
    }
    const std::optional<double> number = ParseValue(value);
    if (!number) return Bad("number", value);
    double* const target = key == "count"        ? &result_.histogram.count
                           : key == "sum"        ? &result_.histogram.sum
                           : key == "z_bucket"   ? &result_.histogram.zero_count
                           : key == "z_bucket_w" ? &result_.histogram.zero_threshold
                                                 : nullptr;
    if (target == nullptr) return Bad("histogram key", key);
    *target = *number;
    return absl::OkStatus();
  }

  static void Place(int32_t offset, const std::vector<double>& counts,
                    std::vector<Histogram::Bucket>* buckets) {
    for (size_t i = 0; i < counts.size(); ++i) {
      buckets->push_back({offset + static_cast<int32_t>(i), counts[i]});
    }
  }

  const std::string_view text_;
  std::string_view rest_;
  HistogramText result_;
  int32_t positive_offset_ = 0;
  int32_t negative_offset_ = 0;
  std::vector<double> positive_;
  std::vector<double> negative_;
};

using Buckets = std::vector<Histogram::Bucket>;

Buckets Filled(Buckets buckets) {
  std::erase_if(buckets, [](const Histogram::Bucket& bucket) { return bucket.count == 0; });
  return buckets;
}

bool SameBuckets(const Buckets& a, const Buckets& b, double tolerance) {
  const Buckets left = Filled(a);
  const Buckets right = Filled(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [tolerance](const Histogram::Bucket& x, const Histogram::Bucket& y) {
                      return x.index == y.index && AlmostEqual(x.count, y.count, tolerance);
                    });
}

void AppendBuckets(std::string_view name, const Buckets& buckets, std::string* text) {
  if (buckets.empty()) return;
  base::StrAppend(text, " ", name, ":[");
  for (const Histogram::Bucket& bucket : buckets) {
    base::StrAppend(text, text->ends_with("[") ? "" : " ", bucket.index, "=", Number(bucket.count));
  }
  base::StrAppend(text, "]");
}

}  // namespace

absl::StatusOr<HistogramText> ParseHistogramText(std::string_view text) {
  return HistogramReader(text).Read();
}

std::string FormatHistogram(const Histogram& histogram) {
  std::string text =
      base::StrCat("{{schema:", histogram.schema, " count:", Number(histogram.count),
                   " sum:", Number(histogram.sum), " z_bucket:", Number(histogram.zero_count),
                   " z_bucket_w:", Number(histogram.zero_threshold),
                   " hint:", static_cast<int>(histogram.reset_hint));
  if (!histogram.custom_bounds.empty()) {
    base::StrAppend(&text, " custom_values:[");
    for (const double bound : histogram.custom_bounds) base::StrAppend(&text, Number(bound), " ");
    text.back() = ']';
  }
  AppendBuckets("buckets", histogram.positive, &text);
  AppendBuckets("n_buckets", histogram.negative, &text);
  return base::StrCat(text, "}}");
}

bool AlmostEqual(double a, double b, double tolerance) {
  constexpr double kSmallest = std::numeric_limits<double>::min();
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) {
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  }
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kSmallest) return difference < tolerance * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < tolerance;
}

bool AlmostEqual(const Histogram& expected, const Histogram& actual, bool hint_given,
                 double tolerance) {
  return expected.schema == actual.schema && AlmostEqual(expected.count, actual.count, tolerance) &&
         AlmostEqual(expected.sum, actual.sum, tolerance) &&
         expected.custom_bounds == actual.custom_bounds &&
         expected.zero_threshold == actual.zero_threshold &&
         AlmostEqual(expected.zero_count, actual.zero_count, tolerance) &&
         SameBuckets(expected.positive, actual.positive, tolerance) &&
         SameBuckets(expected.negative, actual.negative, tolerance) &&
         (!hint_given || expected.reset_hint == actual.reset_hint);
}

}  // namespace baro::promql_script
