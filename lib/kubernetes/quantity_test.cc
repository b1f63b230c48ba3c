// Quantities and times read as Kubernetes' API reference writes them, and nothing else does.
#include "baro/kubernetes/quantity.h"

#include <gtest/gtest.h>

namespace baro::kubernetes {
namespace {

TEST(Quantity, ReadsEverySuffix) {
  EXPECT_EQ(ParseQuantity("0"), 0);
  EXPECT_EQ(ParseQuantity("100m"), 0.1);
  EXPECT_EQ(ParseQuantity("1500m"), 1.5);
  EXPECT_EQ(ParseQuantity("2"), 2);
  EXPECT_EQ(ParseQuantity("0.5"), 0.5);
  EXPECT_EQ(ParseQuantity("250u"), 0.00025);
  EXPECT_EQ(ParseQuantity("1n"), 1e-9);
  EXPECT_EQ(ParseQuantity("128974848"), 128974848);
  EXPECT_EQ(ParseQuantity("129e6"), 129e6);
  EXPECT_EQ(ParseQuantity("129M"), 129e6);
  EXPECT_EQ(ParseQuantity("123Mi"), 123.0 * 1024 * 1024);
  EXPECT_EQ(ParseQuantity("64Gi"), 64.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(ParseQuantity("1k"), 1000);
  EXPECT_EQ(ParseQuantity("1E"), 1e18);
  EXPECT_EQ(ParseQuantity("1Ei"), 0x1p60);
  EXPECT_EQ(ParseQuantity("-1"), -1);
  EXPECT_EQ(ParseQuantity("+1"), 1);
}

TEST(Quantity, RefusesWhatIsNone) {
  for (const char* text :
       {"", "-", "+", "m", "Gi", "inf", "nan", "-inf", "1x", "1 Gi", "1GiB", "0x10", "1Ki2", "."}) {
    EXPECT_EQ(ParseQuantity(text), std::nullopt) << text;
  }
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20Z"), 1'700'000'000);
  EXPECT_EQ(ParseTime("2023-11-14T22:13:20.5Z"), 1'700'000'000.5);
  EXPECT_EQ(ParseTime("2023-11-15T00:13:20+02:00"), 1'700'000'000);
  EXPECT_EQ(ParseTime("2023-11-14T20:43:20-01:30"), 1'700'000'000);
  EXPECT_EQ(ParseTime("2024-02-29T00:00:00Z"), 1'709'164'800);
}

TEST(Time, RefusesWhatIsNone) {
  for (const char* text :
       {"", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-11-14T24:13:20Z",
        "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20Zx", "-023-11-14T22:13:20Z", "null"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace baro::kubernetes
