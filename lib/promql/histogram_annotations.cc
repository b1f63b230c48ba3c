// What is said of native histograms, in Prometheus' words.

#include <algorithm>
#include <string>
#include <string_view>

#include "annotations.h"
#include "baro/base/strings.h"
#include "number_text.h"

namespace baro::promql {
namespace {

std::string ForMetric(std::string_view text, std::string_view metric) {
  if (metric.empty()) return std::string(text);
  return base::StrCat(text, " for metric name ", Quote(metric));
}

}  // namespace

void Annotations::MixedFloatsAndHistograms(std::string_view metric, NotePlace place) {
  WarnAt(base::StrCat("encountered a mix of histograms and floats for metric name ", Quote(metric)),
         place);
}

void Annotations::MixedInAggregation(NotePlace place) {
  WarnAt("encountered a mix of histograms and floats for aggregation", place);
}

void Annotations::MixedClassicAndNative(std::string_view metric, NotePlace place) {
  WarnAt(ForMetric("vector contains a mix of classic and native histograms", metric), place);
}

void Annotations::MixedSchemas(std::string_view metric, NotePlace place) {
  WarnAt(base::StrCat("vector contains a mix of histograms with exponential and custom buckets "
                      "schemas for metric name ",
                      Quote(metric)),
         place);
}

void Annotations::NotACounter(std::string_view metric, NotePlace place) {
  WarnAt(base::StrCat("this native histogram metric is not a counter: ", Quote(metric)), place);
}

void Annotations::NotAGauge(std::string_view metric, NotePlace place) {
  WarnAt(base::StrCat("this native histogram metric is not a gauge: ", Quote(metric)), place);
}

void Annotations::IncompatibleBuckets(std::string_view op, NotePlace place) {
  WarnAt(base::StrCat("incompatible bucket layout encountered for binary operator ", op), place);
}

void Annotations::IncompatibleTypes(std::string_view op, std::string_view lhs, std::string_view rhs,
                                    NotePlace place) {
  InfoAt(base::StrCat("incompatible sample types encountered for binary operator ", Quote(op), ": ",
                      lhs, " ", op, " ", rhs),
         place);
}

void Annotations::HistogramsIgnored(std::string_view aggregation, NotePlace place) {
  InfoAt(base::StrCat("ignored histogram in ", aggregation, " aggregation"), place);
}

void Annotations::HistogramsIgnoredInRange(std::string_view metric, NotePlace place) {
  InfoAt(base::StrCat("ignored histograms in a range containing both floats and histograms for "
                      "metric name ",
                      Quote(metric)),
         place);
}

void Annotations::NanObservations(NanNote note, std::string_view metric, NotePlace place) {
  switch (note) {
    case NanNote::kNone:
      return;
    case NanNote::kResultIsNan:
      return InfoAt(
          ForMetric("input to histogram_quantile has NaN observations, result is NaN", metric),
          place);
    case NanNote::kSkewedHigher:
      return InfoAt(
          ForMetric("input to histogram_quantile has NaN observations, result is skewed higher",
                    metric),
          place);
    case NanNote::kExcluded:
      return InfoAt(ForMetric("input to histogram_fraction has NaN observations, which are "
                              "excluded from all fractions",
                              metric),
                    place);
  }
}

void Annotations::HintsCollide(std::string_view operation, NotePlace place) {
  WarnAt(base::StrCat("conflicting counter resets during histogram ", operation), place);
}

void Annotations::BoundsReconciled(std::string_view operation, NotePlace place) {
  InfoAt(base::StrCat("mismatched custom buckets were reconciled during ", operation), place);
}

void Annotations::StartOverlaps(std::string_view metric, NotePlace place) {
  std::string text = base::StrCat(
      "PromQL warning: sample has start time that overlaps with previous sample timestamp for "
      "metric ",
      Quote(metric));
  const auto found = std::find_if(overlaps_.begin(), overlaps_.end(),
                                  [&text](const Counted& overlap) { return overlap.text == text; });
  if (found != overlaps_.end()) {
    if (IsLater(place, found->place)) found->place = place;
    ++found->count;
    return;
  }
  overlaps_.push_back({std::move(text), place, 1});
}

}  // namespace baro::promql
