#include "histogram_text.h"

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {

std::string HistogramText(const model::Histogram& histogram) {
  const auto number = [](double value) { return GoFloat(value, 'g', -1); };
  std::string out =
      base::StrCat("{count:", number(histogram.count), ", sum:", number(histogram.sum));
  for (const model::BucketRange& bucket : model::BucketRanges(histogram)) {
    if (bucket.count == 0) continue;
    base::StrAppend(&out, ", ", bucket.lower_inclusive ? "[" : "(", number(bucket.lower), ",",
                    number(bucket.upper), bucket.upper_inclusive ? "]" : ")", ":",
                    number(bucket.count));
  }
  return out + "}";
}

}  // namespace baro::rules
