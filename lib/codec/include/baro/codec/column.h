// Column codec: a run of doubles, or of times, as few bytes, and back bit for bit.
// Bytes: docs/formats/column.md, frozen by golden files in testdata/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace baro::codec {

// Longest run that one encoded column may hold: what a damaged length can make a decoder allocate.
inline constexpr size_t kColumnValuesMax = 65'536;

// Appends the smallest encoding of `values` to `bytes`. Every bit of every double comes back: -0.0,
// NaN payloads (stale markers and kNoSample among them), ±Inf, subnormals. Thread-safe (no state
// outlives the call but thread-local scratch).
void EncodeColumn(std::span<const double> values, std::string* bytes);

// Fills `values` (its size says how many) from the front of `bytes` and drops what was read from
// it. Bytes may come from a damaged disk. Errors: DataLoss, with the offset and what is wrong
// there; `values` is then unspecified.
absl::Status DecodeColumn(std::string_view* bytes, std::span<double> values);

// Whether an encoded column is one value for all rows. Such bytes do not depend on how many rows
// there are: DecodeColumn() gives any number of them.
bool IsConstantColumn(std::string_view bytes);

// The same for times in milliseconds, in any order (sorted ones are cheap, evenly spaced ones
// nearly free).
void EncodeTimes(std::span<const int64_t> times_ms, std::string* bytes);
absl::Status DecodeTimes(std::string_view* bytes, std::span<int64_t> times_ms);

}  // namespace baro::codec
