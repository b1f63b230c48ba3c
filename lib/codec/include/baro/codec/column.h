// Column codec: a run of doubles, or of times, as few bytes, and back bit for bit.
// Bytes: docs/formats/column.md, frozen by golden files in testdata/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
// `reference`: all values of the column that is ColumnsBack() before, where that is not 0.
absl::Status DecodeColumn(std::string_view* bytes, std::span<double> values,
                          std::span<const double> reference = {});

// Encodes columns of the same rows one after the other, smaller than EncodeColumn() does and in
// three times its time: for what is kept for long. A column may be told by how it differs from one
// before (the buckets of a histogram, bytes in and out), which a reader decodes first; at most
// kReferenceDepthMax others. Thread-compatible; remembers what it was given.
inline constexpr size_t kReferenceDepthMax = 8;
class ColumnGroupEncoder {
 public:
  ColumnGroupEncoder();
  ColumnGroupEncoder(ColumnGroupEncoder&&) noexcept;
  ~ColumnGroupEncoder();

  // Appends the next column. All have the same number of values, at least one.
  void Append(std::span<const double> values, std::string* bytes);

 private:
  class State;
  std::unique_ptr<State> state_;
};

// How many columns before lies the one that an encoded column refers to; 0: it stands alone. The
// bytes may be damaged: so may the figure.
size_t ColumnsBack(std::string_view bytes);

// Whether an encoded column is one value for all rows. Such bytes do not depend on how many rows
// there are: DecodeColumn() gives any number of them.
bool IsConstantColumn(std::string_view bytes);

// The same for times in milliseconds, in any order (sorted ones are cheap, evenly spaced ones
// nearly free).
void EncodeTimes(std::span<const int64_t> times_ms, std::string* bytes);
absl::Status DecodeTimes(std::string_view* bytes, std::span<int64_t> times_ms);

}  // namespace baro::codec
