// Numbers as expositions write them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace baro::exposition {

// The rest of ReadDecimal(): more digits than a double's 53 bits, far exponents, NaN and Inf.
// `begin` is where the number begins, sign included.
const char* ReadNumberSlowly(const char* begin, const char* end, double* value);

// Powers of ten that a double holds exactly.
inline constexpr std::array<double, 23> kExactPowersOf10 = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Reads one number, correctly rounded (bit for bit what strtod says), and returns its end; nullptr
// when there is none or it overflows. Accepts what Prometheus does: decimals with an optional
// exponent, NaN, Inf and Infinity in any case; no hex, no underscores. NaN is the field's one
// (model::kNormalNan).
//
// Fast path after W. D. Clinger, "How to read floating point numbers accurately" (1990): a mantissa
// below 2^53 times or by an exact power of ten is rounded once, hence correctly.
inline const char* ReadNumber(const char* begin, const char* end, double* value) {
  const char* p = begin;
  const bool negative = p != end && *p == '-';
  p += negative ? 1 : 0;
  uint64_t mantissa = 0;
  const char* digits = p;
  while (p != end && IsDigit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
  int64_t digit_count = p - digits;
  int64_t exponent = 0;
  if (p != end && *p == '.') {
    digits = ++p;
    while (p != end && IsDigit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
    exponent = digits - p;
    digit_count -= exponent;
  }
  // 19 digits always fit 64 bits; beyond them the mantissa above has wrapped.
  if (digit_count == 0 || digit_count > 19) return ReadNumberSlowly(begin, end, value);
  if (p != end && (*p | 0x20) == 'e') {
    ++p;
    const bool down = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+')) ++p;
    if (end - p < 1 || !IsDigit(*p)) return nullptr;
    int64_t shift = 0;
    while (p != end && IsDigit(*p) && shift < 10'000) shift = shift * 10 + (*p++ - '0');
    exponent += down ? -shift : shift;
  }
  if (mantissa > (uint64_t{1} << 53) || exponent < -22 || exponent > 22) {
    return ReadNumberSlowly(begin, end, value);
  }
  const double whole = static_cast<double>(mantissa);
  const double plain = exponent < 0 ? whole / kExactPowersOf10[static_cast<size_t>(-exponent)]
                                    : whole * kExactPowersOf10[static_cast<size_t>(exponent)];
  *value = negative ? -plain : plain;
  return p;
}

}  // namespace baro::exposition
