// Numbers are read bit for bit as strtod reads them; what Prometheus refuses is refused.
// Method: the shapes that exporters write, then random doubles in every notation.
#include "number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "baro/model/sample.h"

namespace baro::exposition {
namespace {

// The whole text is the number, or nothing is.
bool Read(const std::string& text, double* value) {
  const char* end = text.data() + text.size();
  return ReadNumber(text.data(), end, value) == end;
}

void ExpectAsStrtod(const std::string& text) {
  double value = 0;
  const double expected = std::strtod(text.c_str(), nullptr);
  // Rounded up beyond the largest double: refused, as Go does.
  ASSERT_EQ(Read(text, &value), std::isfinite(expected)) << text;
  if (!std::isfinite(expected)) return;
  EXPECT_EQ(std::bit_cast<uint64_t>(value), std::bit_cast<uint64_t>(expected)) << text;
}

TEST(Number, IsReadAsStrtodReadsIt) {
  for (const char* text : {"0",
                           "-0",
                           "1",
                           "-1",
                           "+1",
                           "007",
                           "5.",
                           ".5",
                           "-.5",
                           "1e3",
                           "1E+3",
                           "1e-3",
                           "1.5e00",
                           "9007199254740992",
                           "9007199254740993",
                           "9.223372036854776e+18",
                           "18446744073709551615",
                           "18446744073709551616",
                           "123456789012345678901234567890",
                           "7.424100000000001e-05",
                           "0.000000000000000000000000000012345",
                           "2.2250738585072011e-308",
                           "5e-324",
                           "1e-400",
                           "-1e-400",
                           "1.7976931348623157e308",
                           "1e22",
                           "1e23",
                           "1.0000000000000000000000000001",
                           "0e999999",
                           "1053336",
                           "4.9351e-05"}) {
    ExpectAsStrtod(text);
  }
}

TEST(Number, ReadsTheWords) {
  const double inf = std::numeric_limits<double>::infinity();
  double value = 0;
  for (const char* text : {"+Inf", "Inf", "inf", "INFINITY", "+infinity"}) {
    ASSERT_TRUE(Read(text, &value)) << text;
    EXPECT_EQ(value, inf) << text;
  }
  ASSERT_TRUE(Read("-Inf", &value));
  EXPECT_EQ(value, -inf);
  for (const char* text : {"NaN", "nan", "NAN"}) {
    ASSERT_TRUE(Read(text, &value)) << text;
    EXPECT_EQ(std::bit_cast<uint64_t>(value), model::kNormalNanBits) << text;
  }
}

TEST(Number, RefusesWhatPrometheusRefuses) {
  for (const char* text :
       {"",      "-",      "+",      ".",    "e",    "e5",   "1e",     "1e+", "--1",
        "+-1",   "1_000",  "0x1p-2", "0x10", "+NaN", "-nan", "nan(1)", "in",  "infin",
        "1e400", "-1e400", "1.2.3",  "1,5",  "true", "1f",   " 1",     "1 "}) {
    double value = 0;
    EXPECT_FALSE(Read(text, &value)) << text;
  }
}

TEST(Number, AgreesWithStrtodOnRandomDoubles) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    if (i % 2 == 0)
      value = std::ldexp(value, -std::ilogb(value) + static_cast<int>(random() % 90) - 45);
    char text[400];
    const int precision = static_cast<int>(random() % 20);
    const char* const kNotations[] = {"%.*g", "%.*e", "%.*f"};
    std::snprintf(text, sizeof text, kNotations[random() % 3], precision, value);
    ExpectAsStrtod(text);
  }
}

}  // namespace
}  // namespace baro::exposition
