#include "number.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "baro/model/sample.h"

namespace baro::exposition {
namespace {

// Whether the text begins with `word` (lower case), whatever its case.
bool HasWord(const char* p, const char* end, std::string_view word) {
  if (static_cast<size_t>(end - p) < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if ((p[i] | 0x20) != word[i]) return false;
  }
  return true;
}

// NaN without a sign, Inf and Infinity with or without.
const char* ReadWord(const char* begin, const char* end, double* value) {
  if (HasWord(begin, end, "nan")) {
    *value = model::kNormalNan;
    return begin + 3;
  }
  const char* p = begin;
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  if (!HasWord(p, end, "inf")) return nullptr;
  *value =
      negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  return p + (HasWord(p, end, "infinity") ? 8 : 3);
}

}  // namespace

const char* ReadNumberSlowly(const char* begin, const char* end, double* value) {
  const char* p = begin;
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  // from_chars would take a second sign, and "inf" and "nan(x)" of its own.
  if (p == end || !(IsDigit(*p) || *p == '.')) return ReadWord(begin, end, value);
  const auto [stop, error] = std::from_chars(p, end, *value);
  if (error == std::errc::invalid_argument) return nullptr;
  if (error == std::errc::result_out_of_range) {
    // Too small is zero or subnormal, as strtod says; too large is refused, as Go does.
    *value = std::strtod(std::string(p, stop).c_str(), nullptr);
    if (std::isinf(*value)) return nullptr;
  }
  // "1e" and "1e+": from_chars stops before the letter, which is then not the number's end.
  if (negative) *value = -*value;
  return stop;
}

}  // namespace baro::exposition
