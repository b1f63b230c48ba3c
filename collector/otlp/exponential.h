// Exponential histograms: from OTLP's dense buckets to the native histograms of the store, and what
// adding them up over time needs.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/wire/otlp.h"

namespace baro::collector {

inline constexpr int32_t kNativeSchemaMin = -4;
inline constexpr int32_t kNativeSchemaMax = 8;
// OTLP's points have no more than a few hundred; a store cannot be made to hold millions by one.
inline constexpr size_t kHistogramBucketsMax = 20'000;
// Of one that is stored; finer ones are merged down until they have no more. The store takes 1,024.
inline constexpr size_t kStoredBucketsMax = 1'000;
// What Prometheus takes for the width of the zero bucket when the sender tells none.
inline constexpr double kZeroThreshold = 1e-128;

// Finer scales than 8 are merged down to it. Errors: InvalidArgument: a scale below -4 (native
// histograms are not as coarse), too many buckets, a count that is not the sum of the buckets.
absl::StatusOr<model::Histogram> NativeHistogram(const wire::OtlpExponential& point);

// A histogram with bounds as one with custom buckets. Errors: InvalidArgument: bounds that do not
// rise, counts that do not fit the bounds or the count.
absl::StatusOr<model::Histogram> CustomBucketsHistogram(const wire::OtlpHistogram& point);

// total += delta, in the coarser of both schemas and with the wider zero bucket. False, and nothing
// done, when they cannot be added: custom bounds that are not the same.
bool AddHistogram(const model::Histogram& delta, model::Histogram* total);

}  // namespace baro::collector
