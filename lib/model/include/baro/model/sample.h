// Sample: a value at a time; and the NaNs that mean something.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace baro::model {

struct Sample {
  int64_t time_ms = 0;
  double value = 0;
};

// Prometheus' staleness marker: from here on the series has no value. The payload is the field's
// contract.
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;
inline const double kStaleNan = std::bit_cast<double>(kStaleNanBits);
inline bool IsStaleNan(double value) { return std::bit_cast<uint64_t>(value) == kStaleNanBits; }

// In a row: this column has no sample here, and that says nothing about the series (a partial
// remote write). Never leaves the store: readers drop it. A sender whose value has just these bits
// gets an ordinary NaN instead, and a counter moves.
inline constexpr uint64_t kNoSampleBits = 0x7ff4ba60ba60ba61;
inline const double kNoSample = std::bit_cast<double>(kNoSampleBits);
inline bool IsNoSample(double value) { return std::bit_cast<uint64_t>(value) == kNoSampleBits; }

// What Prometheus calls NormalNaN.
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;
inline const double kNormalNan = std::bit_cast<double>(kNormalNanBits);

inline constexpr int64_t kTimeMsMin = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kTimeMsMax = std::numeric_limits<int64_t>::max();

}  // namespace baro::model
