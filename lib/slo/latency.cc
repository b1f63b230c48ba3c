#include "latency.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "baro/base/strings.h"

namespace baro::slo {
namespace {

using model::Matcher;

// `matchers` for the metric `name` + `suffix`.
std::vector<Matcher> Renamed(const std::vector<Matcher>& matchers, const std::string& name) {
  std::vector<Matcher> renamed;
  for (const Matcher& matcher : matchers) {
    if (matcher.name() != model::kMetricName) renamed.push_back(matcher);
  }
  renamed.push_back(
      *Matcher::Create(model::MatchType::kEqual, std::string(model::kMetricName), name));
  return renamed;
}

std::string TextOf(const std::vector<Matcher>& matchers) {
  std::string name;
  std::string rest;
  for (const Matcher& matcher : matchers) {
    if (matcher.name() == model::kMetricName) {
      name = matcher.value();
    } else {
      base::StrAppend(&rest, rest.empty() ? "" : ",", matcher.ToString());
    }
  }
  return rest.empty() ? name : base::StrCat(name, "{", rest, "}");
}

double Fraction(const model::Histogram& histogram, const model::BucketRange& range, double bound) {
  const double width = range.upper - range.lower;
  if (!std::isfinite(width) || width <= 0) return 0;
  // Exponential buckets are even on the logarithm; the zero bucket and custom bounds on the number.
  if (!histogram.has_custom_bounds() && range.lower > 0) {
    return std::log2(bound / range.lower) / std::log2(range.upper / range.lower);
  }
  if (!histogram.has_custom_bounds() && range.upper < 0) {
    return 1 - std::log2(bound / range.upper) / std::log2(range.lower / range.upper);
  }
  return (bound - range.lower) / width;
}

}  // namespace

absl::Status AddLatency(const std::vector<Matcher>& histogram, double bound, bool with_total,
                        SliSpec* sli) {
  std::string name;
  for (const Matcher& matcher : histogram) {
    if (matcher.name() == model::kMetricName && matcher.type() == model::MatchType::kEqual) {
      name = matcher.value();
    }
  }
  if (name.empty()) return absl::InvalidArgumentError("a histogram is selected by its name");
  for (const char* suffix : {"_bucket", "_count", "_sum"}) {
    if (name.ends_with(suffix)) {
      return absl::InvalidArgumentError(
          base::StrCat("expected the histogram's own name, without ", suffix));
    }
  }
  TermSpec native;
  native.kind = TermKind::kHistogram;
  native.matchers = histogram;
  native.text = TextOf(histogram);
  native.bound = bound;
  native.to_total = with_total ? 1 : 0;
  native.to_bad = with_total ? 1 : 0;
  sli->terms.push_back(native);
  if (with_total) {
    TermSpec count;
    count.matchers = Renamed(histogram, name + "_count");
    count.text = TextOf(count.matchers);
    count.to_total = count.to_bad = 1;
    count.unless_native = true;
    sli->texts.total.push_back(count.text);
    sli->terms.push_back(std::move(count));
  }
  TermSpec bucket;
  bucket.matchers = Renamed(histogram, name + "_bucket");
  bucket.text = TextOf(bucket.matchers);
  bucket.to_bad = -1;
  bucket.bound = bound;
  bucket.is_bucket = true;
  bucket.unless_native = true;
  sli->texts.good.push_back(base::StrCat(native.text, " <= ", bound));
  sli->terms.push_back(std::move(bucket));
  return absl::OkStatus();
}

double CountUpTo(const model::Histogram& histogram, double bound) {
  double count = 0;
  for (const model::BucketRange& range : model::BucketRanges(histogram)) {
    if (range.upper <= bound) {
      count += range.count;
    } else if (range.lower < bound) {
      count += range.count * std::clamp(Fraction(histogram, range, bound), 0.0, 1.0);
    }
  }
  return count;
}

std::vector<std::string> BucketLabels(const std::vector<std::string>& values, double bound) {
  double best = -std::numeric_limits<double>::infinity();
  std::vector<std::string> labels;
  for (const std::string& value : values) {
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0' || std::isnan(number)) continue;
    // Bounds that were computed differ in the last digit.
    if (number > bound && number - bound > std::fabs(bound) * 1e-9) continue;
    if (number > best) {
      best = number;
      labels.clear();
    }
    if (number == best) labels.push_back(value);
  }
  return labels;
}

}  // namespace baro::slo
