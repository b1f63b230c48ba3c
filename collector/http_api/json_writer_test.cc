// Numbers and texts are written as Prometheus writes them.
// The expected texts of numbers are what Prometheus 3.5.3 answers.

#include "http_api/json_writer.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace baro::collector {
namespace {

std::string Join(JsonWriter* writer) {
  std::string all;
  for (const std::string& block : writer->Take()) all += block;
  return all;
}

std::string Fixed(double value) {
  char text[kNumberBytesMax];
  return {text, WriteFixed(value, text)};
}

std::string Sample(double value) {
  char text[kNumberBytesMax];
  return {text, WriteSample(value, text)};
}

TEST(JsonWriter, WritesNumbersAsGoDoes) {
  const struct {
    double value;
    const char* fixed;
    const char* sample;
  } cases[] = {
      {0, "0", "0"},
      {-0.0, "-0", "-0"},
      {1, "1", "1"},
      {-42, "-42", "-42"},
      {0.1, "0.1", "0.1"},
      {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
      {1e-6, "0.000001", "0.000001"},
      {1e-7, "0.0000001", "1e-07"},
      {9007199254740993.0, "9007199254740992", "9007199254740992"},
      {1.2345678901234567e20, "123456789012345670000", "123456789012345670000"},
      {1e21, "1000000000000000000000", "1e+21"},
      {1e22, "10000000000000000000000", "1e+22"},
      {-2.5e-10, "-0.00000000025", "-2.5e-10"},
      {1435781430.781, "1435781430.781", "1435781430.781"},
      {std::numeric_limits<double>::infinity(), "+Inf", "+Inf"},
      {-std::numeric_limits<double>::infinity(), "-Inf", "-Inf"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN", "NaN"},
      {1.7976931348623157e308, nullptr, "1.7976931348623157e+308"},
      {5e-324, nullptr, "5e-324"},
  };
  for (const auto& test : cases) {
    if (test.fixed != nullptr) {
      EXPECT_EQ(Fixed(test.value), test.fixed);
    }
    EXPECT_EQ(Sample(test.value), test.sample);
  }
  EXPECT_EQ(Fixed(1.7976931348623157e308).size(), 309u);
  EXPECT_EQ(Fixed(-5e-324).size(), 327u);
}

TEST(JsonWriter, WritesNumbersThatReadBackTheSame) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device()();
  SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    for (const std::string& text : {Fixed(value), Sample(value)}) {
      double back = 0;
      std::from_chars(text.data(), text.data() + text.size(), back);
      ASSERT_EQ(std::bit_cast<uint64_t>(back), std::bit_cast<uint64_t>(value)) << text;
    }
  }
}

TEST(JsonWriter, WritesTimesInSeconds) {
  const struct {
    int64_t time_ms;
    const char* text;
  } cases[] = {{0, "0"},
               {1, "0.001"},
               {1'500, "1.500"},
               {-1, "-0.001"},
               {-62'135'596'800'000, "-62135596800"},
               {1435781430781, "1435781430.781"}};
  for (const auto& test : cases) {
    JsonWriter writer;
    writer.SampleTime(test.time_ms);
    EXPECT_EQ(Join(&writer), test.text);
  }
  JsonWriter writer;
  writer.SampleTime(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Join(&writer), "-9223372036854775.808");
}

TEST(JsonWriter, EscapesWhatJsonCannotHold) {
  JsonWriter writer;
  writer.String(std::string_view("a\"b\\c\n\r\t\x01\x1f\0z", 11));
  EXPECT_EQ(Join(&writer), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u0000\"");
  writer.String("é€😀");
  EXPECT_EQ(Join(&writer), "\"é€😀\"");
  // A lone continuation byte, an overlong slash, a surrogate, a cut sequence, beyond U+10FFFF.
  for (const char* bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF4\x90\x80\x80"}) {
    writer.String(bad);
    const std::string text = Join(&writer);
    EXPECT_EQ(text.substr(0, 7), "\"\\ufffd") << text;
  }
}

TEST(JsonWriter, CutsLongOutputIntoBlocks) {
  JsonWriter writer;
  std::string expected;
  for (int i = 0; i < 50'000; ++i) {
    writer.Sample(i * 1000, i + 0.5);
    expected += "[" + std::to_string(i) + ",\"" + std::to_string(i) + ".5\"]";
  }
  const std::vector<std::string> blocks = writer.Take();
  EXPECT_GT(blocks.size(), 2u);
  std::string all;
  for (const std::string& block : blocks) all += block;
  EXPECT_EQ(all, expected);
  writer.Raw(std::string(1 << 20, 'x'));
  EXPECT_EQ(Join(&writer), std::string(1 << 20, 'x'));
  EXPECT_EQ(Join(&writer), "");
}

TEST(JsonWriter, WritesLabelsAndLists) {
  JsonWriter writer;
  writer.Labels({{"job", "a\"b"}, {"__name__", "up"}});
  writer.Strings({"x", "y"});
  writer.Strings({});
  EXPECT_EQ(Join(&writer), "{\"__name__\":\"up\",\"job\":\"a\\\"b\"}[\"x\",\"y\"][]");
}

}  // namespace
}  // namespace baro::collector
