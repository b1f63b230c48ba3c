// JsonWriter: JSON of query results, straight into the blocks that the server sends.
//
// Numbers are written as Prometheus writes them, digit for digit: shortest text that reads back as
// the same double, laid out by Go's rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/histogram.h"
#include "baro/model/labels.h"

namespace baro::collector {

// The longest text of a double: "-0." and 323 zeros and 17 digits.
inline constexpr size_t kNumberBytesMax = 352;

// Go's strconv.FormatFloat(value, 'f', -1, 64): no exponent, "+Inf", "-Inf", "NaN".
// Both write at `out`, which has room for kNumberBytesMax, and return the end.
char* WriteFixed(double value, char* out);
// The same, but with an exponent below 1e-6 and from 1e21 on: samples in Prometheus' answers.
char* WriteSample(double value, char* out);

// Thread-compatible. Does not know JSON's grammar: the caller writes brackets and commas.
class JsonWriter {
 public:
  // As it is: punctuation and literal keys.
  void Raw(std::string_view text);
  // In quotes, escaped; bytes that are not UTF-8 become U+FFFD.
  void String(std::string_view text);
  void Int(int64_t value);
  // A JSON number; NaN and infinities, which JSON does not have, become 0.
  void Number(double value);
  void Bool(bool value) { Raw(value ? "true" : "false"); }

  // Seconds with three digits when there is a fraction: 1435781430.781, 1435781430.
  void SampleTime(int64_t time_ms);
  // [1435781430.781,"1.5"]
  void Sample(int64_t time_ms, double value);
  // [1435781430.781,{"count":"3","sum":"1.5","buckets":[[0,"0.5","1","3"]]}]; a bucket's first
  // number tells which of its bounds belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
  void Histogram(int64_t time_ms, const model::Histogram& histogram);
  // {"__name__":"up","job":"node"}
  void Labels(const model::Labels& labels);
  // ["a","b"]
  void Strings(const std::vector<std::string>& strings);

  // The blocks written; the writer is empty afterwards.
  std::vector<std::string> Take();

 private:
  // "1.5"
  void QuotedSample(double value);
  // Room for `bytes` at the end of the current block; bytes ≤ kBlockBytes.
  char* Reserve(size_t bytes);
  void Advance(const char* end) { used_ = static_cast<size_t>(end - block_.data()); }

  std::vector<std::string> full_;
  std::string block_;
  size_t used_ = 0;
};

}  // namespace baro::collector
