// Latency: which series of a histogram, classic or native, tell how many were fast enough.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/histogram.h"
#include "baro/model/matcher.h"
#include "baro/slo/slo_spec.h"

namespace baro::slo {

// Terms for a histogram whose name the matchers give: its _count and _bucket, and its native form.
// Without `with_total` only what is fast enough is counted (the total comes from elsewhere).
// Errors: InvalidArgument (no name).
absl::Status AddLatency(const std::vector<model::Matcher>& histogram, double bound, bool with_total,
                        SliSpec* sli);

// How many observations are at most `bound`; within a bucket they are taken to lie evenly (on the
// logarithm where buckets are exponential), as histogram_fraction() does.
double CountUpTo(const model::Histogram& histogram, double bound);

// The value of `le` for a bound among those there are: the one that equals it, or the next below;
// all spellings of it. Empty: there is none.
std::vector<std::string> BucketLabels(const std::vector<std::string>& values, double bound);

}  // namespace baro::slo
