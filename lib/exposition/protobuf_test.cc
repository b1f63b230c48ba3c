// The protobuf exposition means what it means to Prometheus: which series, which values, which
// native histograms.
#include "baro/exposition/protobuf.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "baro/base/strings.h"
#include "baro/exposition/parser.h"

namespace baro::exposition {
namespace {

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}
std::string Int(uint32_t field, uint64_t value) { return Varint(field << 3) + Varint(value); }
std::string Zig(uint32_t field, int64_t value) {
  return Int(field, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}
std::string Double(uint32_t field, double value) {
  std::string bytes = Varint(field << 3 | 1);
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(bits >> (8 * i)));
  return bytes;
}
std::string Bytes(uint32_t field, std::string_view text) {
  return base::StrCat(Varint(field << 3 | 2), Varint(text.size()), text);
}
std::string Label(std::string_view name, std::string_view value) {
  return Bytes(1, Bytes(1, name) + Bytes(2, value));
}
std::string Family(std::string_view name, int type, std::string_view metrics) {
  const std::string family = base::StrCat(Bytes(1, name), Bytes(2, "the \"help\"\n"),
                                          Int(3, static_cast<uint64_t>(type)), metrics);
  return Varint(family.size()) + family;
}
std::string Exemplar(double value, int64_t seconds) {
  return Label("trace", "a\"b") + Double(2, value) +
         (seconds == 0 ? "" : Bytes(3, Int(1, static_cast<uint64_t>(seconds)) + Int(2, 5'000'000)));
}

// "name{labels} value" of each sample, in order.
std::string Samples(std::string_view body, const ProtobufOptions& options = {}) {
  ProtobufBody read;
  const absl::Status status = ReadProtobuf(body, options, {}, &read);
  if (!status.ok()) return status.ToString();
  const auto samples = ParseExposition(read.text, Format::kProtobuf);
  if (!samples.ok()) return samples.status().ToString();
  std::string text;
  for (const ParsedSample& sample : *samples) {
    base::StrAppend(&text, sample.labels.ToString(), " ", sample.value);
    if (sample.time_ms) base::StrAppend(&text, " @", *sample.time_ms);
    if (sample.exemplar) {
      base::StrAppend(&text, " # ", sample.exemplar->value, " @",
                      sample.exemplar->time_ms.value_or(-1));
    }
    text += "\n";
  }
  return text;
}

TEST(Protobuf, ReadsCountersGaugesAndUntyped) {
  const std::string body =
      Family("c_total", 0,
             Bytes(4, Label("a", "x\\y\n") + Bytes(3, Double(1, 0.1) + Bytes(2, Exemplar(3, 1))))) +
      Family("g", 1, Bytes(4, Bytes(2, Double(1, -1e300)) + Int(6, 1234567890123))) +
      Family("u.n", 3, Bytes(4, Label("l.m", "1") + Bytes(5, Double(1, 5)))) +
      Family("zero", 0, Bytes(4, ""));
  EXPECT_EQ(Samples(body),
            "c_total{a=\"x\\\\y\\n\"} 0.1 # 3 @1005\n"
            "g -1e+300 @1234567890123\n"
            "{\"u.n\", \"l.m\"=\"1\"} 5\n"
            "zero 0\n");
}

TEST(Protobuf, ReadsSummariesAndClassicHistograms) {
  const std::string summary =
      Bytes(4, Int(1, 3) + Double(2, 1.5) + Bytes(3, Double(1, 0.5) + Double(2, 7)));
  const std::string histogram =
      Bytes(7, Int(1, 5) + Double(2, 2.5) + Bytes(3, Int(1, 2) + Double(2, 1)) +
                   Bytes(3, Double(4, 4.5) + Double(2, 1e6) + Bytes(3, Exemplar(0.5, 0))));
  EXPECT_EQ(Samples(Family("s", 2, Bytes(4, summary)) + Family("h", 4, Bytes(4, histogram))),
            "s_count 3\ns_sum 1.5\ns{quantile=\"0.5\"} 7\n"
            "h_count 5\nh_sum 2.5\nh_bucket{le=\"1.0\"} 2\nh_bucket{le=\"1e+06\"} 4.5 # 0.5 @-1\n"
            "h_bucket{le=\"+Inf\"} 5\n");
}

std::string NativeMetric() {
  return Bytes(7, Int(1, 12) + Double(2, 18.4) + Zig(5, 1) + Double(6, 1e-128) + Int(7, 2) +
                      Bytes(12, Zig(1, -1) + Int(2, 2)) + Bytes(12, Zig(1, 3) + Int(2, 1)) +
                      Zig(13, 4) + Zig(13, -3) + Zig(13, 4) + Bytes(16, Exemplar(1, 2)) +
                      Bytes(16, Exemplar(1, 0)) + Bytes(3, Int(1, 5) + Double(2, 1)));
}

TEST(Protobuf, ReadsNativeHistograms) {
  const std::string body = Family("h", 4, Bytes(4, Label("a", "b") + NativeMetric()));
  ProtobufBody read;
  ASSERT_TRUE(ReadProtobuf(body, {.native_histograms = true}, {}, &read).ok());
  ASSERT_EQ(read.histograms.size(), 1u);
  const NativeSample& sample = read.histograms[0];
  EXPECT_EQ(sample.labels.ToString(), "h{a=\"b\"}");
  EXPECT_EQ(sample.metadata.help, "the \"help\"\n");
  EXPECT_EQ(sample.histogram.schema, 1);
  EXPECT_EQ(sample.histogram.count, 12);
  using Bucket = model::Histogram::Bucket;
  EXPECT_EQ(sample.histogram.positive, (std::vector<Bucket>{{-1, 4}, {0, 1}, {4, 5}}));
  ASSERT_EQ(sample.exemplars.size(), 1u) << "those without a time are dropped";
  EXPECT_EQ(sample.exemplars[0].time_ms, 2005);
  EXPECT_EQ(Samples(body, {.native_histograms = true}), "");
  const std::string classic =
      "h_count{a=\"b\"} 12\nh_sum{a=\"b\"} 18.4\nh_bucket{a=\"b\", le=\"1.0\"} 5\n"
      "h_bucket{a=\"b\", le=\"+Inf\"} 12\n";
  EXPECT_EQ(Samples(body), classic);
  EXPECT_EQ(Samples(body, {.native_histograms = true, .classic_beside_native = true}), classic);
}

TEST(Protobuf, RefusesWhatIsDamagedOrMakesNoSense) {
  const std::string good = Family("h", 4, Bytes(4, NativeMetric()));
  ProtobufBody read;
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(ReadProtobuf(std::string_view(good).substr(0, size), {}, {}, &read).ok()) << size;
  }
  const auto refused = [&](const std::string& family, std::string_view cause) {
    const absl::Status status = ReadProtobuf(family, {.native_histograms = true}, {}, &read);
    EXPECT_NE(base::FromAbsl(status.message()).find(cause), std::string_view::npos) << status;
  };
  const auto native = [](std::string_view fields) {
    return Family("h", 4, Bytes(4, Bytes(7, base::StrCat(Double(6, 1), fields))));
  };
  refused(Family("", 0, Bytes(4, "")), "no valid name");
  refused(Family("\xff", 0, Bytes(4, "")), "no valid name");
  refused(Family("c", 9, Bytes(4, "")), "type 9");
  refused(Family("c", 0, Bytes(4, Label("", "x"))), "a label is not valid");
  refused(Family("c", 0, Bytes(4, Label("x", "\xc3"))), "a label is not valid");
  refused(native(Bytes(12, Int(2, 2)) + Zig(13, 1)), "more buckets than it has");
  refused(native(Zig(13, 1)), "more buckets than its spans");
  refused(native(Bytes(12, Int(2, 1)) + Zig(13, -1)), "negative");
  refused(native(Bytes(12, Int(2, 1)) + Zig(13, 1)), "its buckets hold 1 observations");
  refused(native(Zig(5, 77)), "schema 77");
}

TEST(Protobuf, ReducesTheResolution) {
  model::Histogram histogram;
  histogram.schema = 2;
  histogram.positive = {{-4, 1}, {-3, 2}, {0, 3}, {1, 4}, {4, 5}, {5, 6}};
  ReduceSchema(0, &histogram);
  using Bucket = model::Histogram::Bucket;
  EXPECT_EQ(histogram.positive, (std::vector<Bucket>{{-1, 1}, {0, 5}, {1, 9}, {2, 6}}));
}

}  // namespace
}  // namespace baro::exposition
