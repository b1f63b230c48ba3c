// The bytes of a column, as far as writer and reader share them: docs/formats/column.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "baro/model/sample.h"

namespace baro::codec {

// Header byte: the shape in the lower two bits, the form of the numbers in the others.
enum Shape : uint8_t {
  kConstant = 0,  // one value for all
  kPlain = 1,     // a number for each value
  kRuns = 2,      // a number for each run of equal values
  kRelated = 3,   // plain, but told by the difference to another column
};
inline constexpr unsigned kShapeBits = 2;
inline Shape ShapeOf(uint8_t header) {
  return static_cast<Shape>(header & ((1 << kShapeBits) - 1));
}

// Forms 0 … 22 are decimals: m / 10^form.
inline constexpr uint8_t kBitsForm = 23;      // the double's own bits as an integer
inline constexpr uint8_t kExtendedForm = 24;  // decimals, and a byte of flags and exponent follows
inline constexpr uint8_t kSpecialForm = 25;   // constant only: a special value

inline constexpr uint8_t kExponentMask = 0x1f;
inline constexpr uint8_t kWithUlp = 0x20;       // a second stream says how many ulp to add
inline constexpr uint8_t kWithDivisor = 0x40;   // all m were divided by it
inline constexpr uint8_t kWithSpecials = 0x80;  // some values are not in the stream

// Values that are no decimals, by number; kOtherSpecial has its bits behind it.
inline constexpr std::array<uint64_t, 6> kSpecials = {model::kStaleNanBits,  model::kNoSampleBits,
                                                      model::kNormalNanBits, 0x7ff0000000000000,
                                                      0xfff0000000000000,    0x8000000000000000};
inline constexpr uint8_t kOtherSpecial = kSpecials.size();
// With more different ones than this the column is written as bits.
inline constexpr size_t kSpecialKindsMax = 8;

inline bool IsSpecial(uint64_t bits) {
  constexpr uint64_t kExponent = 0x7ff0000000000000;
  return (bits & kExponent) == kExponent || bits == 0x8000000000000000;
}

// A set of positions below `domain`: gaps where it is thin, a bitmap where that is smaller.
inline bool ThinSet(size_t count, size_t domain) { return count < domain / 8; }

// One special value and where it stands.
struct SpecialKind {
  uint64_t bits = 0;
  std::vector<uint32_t> positions;
};

}  // namespace baro::codec
