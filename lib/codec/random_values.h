// Random doubles and series of every kind that a codec must give back: for tests and fuzzers.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "baro/model/sample.h"
#include "bytes.h"

namespace baro::codec {

using Random = std::mt19937_64;

// The seed of a random test: $BARO_SEED, or a new one. Printed, so that a failure can be repeated.
inline uint64_t TestSeed() {
  const char* const given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "BARO_SEED=" << seed << "\n";
  return seed;
}

inline uint64_t Below(Random* random, uint64_t limit) { return (*random)() % limit; }

// The values that encodings get wrong.
inline const std::vector<double>& SpecialValues() {
  static const std::vector<double> kValues = {
      0.0,
      -0.0,
      1.0,
      -1.0,
      model::kStaleNan,
      model::kNoSample,
      model::kNormalNan,
      DoubleOf(0xfff8000000000000),  // the NaN that x86 makes
      DoubleOf(0x7ff0000000000001),  // signalling, smallest payload
      DoubleOf(0xffffffffffffffff),
      std::numeric_limits<double>::infinity(),
      -std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::denorm_min(),
      -std::numeric_limits<double>::denorm_min(),
      std::numeric_limits<double>::min(),
      DoubleOf(BitsOf(std::numeric_limits<double>::min()) - 1),  // largest subnormal
      std::numeric_limits<double>::max(),
      std::numeric_limits<double>::lowest(),
      0x1p51,
      0x1p51 - 1,
      0x1p51 + 1,
      0x1p53,
      0x1p53 - 1,
      0x1p53 + 2,
      -0x1p53,
      0x1p63,
      -0x1p63,
      0x1p64,
      9.223372036854775e18,
      0.1 + 0.2,
      4.609999999999999,
      1e22,
      1e23,
      5e-324,
      1e-9};
  return kValues;
}

// One double of a random class.
inline double RandomValue(Random* random) {
  const auto wide = static_cast<int64_t>((*random)());
  switch (Below(random, 9)) {
    case 0:
      return SpecialValues()[Below(random, SpecialValues().size())];
    case 1:
      return DoubleOf((*random)());  // any bits
    case 2:
      return static_cast<double>(wide % 1000);
    case 3:
      return static_cast<double>(wide >> Below(random, 64));
    case 4:
      return static_cast<double>(wide >> 20) / std::pow(10, Below(random, 23));
    case 5:
      return static_cast<double>((wide >> 24) * 4096);
    case 6:
      return DoubleOf(BitsOf(static_cast<double>(wide % 100000) / 100) + Below(random, 5) - 2);
    case 7:
      return DoubleOf(BitsOf(0x1p53) + Below(random, 9) - 4);
    default:
      return static_cast<double>(wide) * 0x1p-70;
  }
}

// How a series goes on from one row to the next.
enum class Shape {
  kConstant,
  kCounter,
  kByteGauge,
  kDecimalGauge,
  kFloatSum,
  kRareEvents,
  kNoise,
  kAnything,
};
inline constexpr size_t kShapes = 8;

inline double NextValue(Shape shape, double value, Random* random) {
  switch (shape) {
    case Shape::kConstant:
      return value;
    case Shape::kCounter:
      return Below(random, 200) == 0 ? 0 : value + static_cast<double>(Below(random, 1000));
    case Shape::kByteGauge:
      return value + 4096 * (static_cast<double>(Below(random, 100)) - 50);
    case Shape::kDecimalGauge:
      return static_cast<double>(Below(random, 10000)) / 100;
    case Shape::kFloatSum:
      return value + static_cast<double>(Below(random, 100)) * 0.01;
    case Shape::kRareEvents:
      return Below(random, 20) == 0 ? value + 1 : value;
    case Shape::kNoise:
      return value + static_cast<double>((*random)()) * 0x1p-64;
    case Shape::kAnything:
      return Below(random, 3) == 0 ? value : RandomValue(random);
  }
  return value;
}

inline std::vector<double> RandomSeries(Shape shape, size_t size, Random* random) {
  std::vector<double> values;
  double value = shape == Shape::kAnything || Below(random, 4) == 0 ? RandomValue(random) : 0;
  for (size_t i = 0; i < size; ++i) {
    values.push_back(value);
    value = NextValue(shape, value, random);
    if (Below(random, 500) == 0) value = RandomValue(random);
  }
  return values;
}

// Compares bits, so that NaNs and signed zeros count.
inline bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

}  // namespace baro::codec
