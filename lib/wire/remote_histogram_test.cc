// Histograms of the wire become absolute buckets, or are refused in the words of what is wrong.

#include "baro/wire/remote_histogram.h"

#include <cmath>
#include <limits>

#include "baro/model/sample.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::wire {
namespace {

using model::Histogram;
using testing::HasSubstr;
using Kind = WireCount::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();

WireHistogram Integers() {
  WireHistogram wire;
  wire.schema = 2;
  wire.sum = 18.5;
  wire.zero_threshold = 0.001;
  wire.count = {Kind::kInteger, 14, 0};
  wire.zero_count = {Kind::kInteger, 2, 0};
  wire.positive.spans = {{-2, 2}, {3, 1}};
  wire.positive.deltas = {1, 2, -1};  // 1, 3, 2
  wire.negative.spans = {{0, 2}};
  wire.negative.deltas = {4, -2};  // 4, 2
  return wire;
}

WireHistogram Custom() {
  WireHistogram wire;
  wire.schema = model::kCustomBoundsSchema;
  wire.sum = 7;
  wire.count = {Kind::kInteger, 6, 0};
  wire.positive.spans = {{0, 1}, {1, 1}};
  wire.positive.deltas = {5, -4};
  wire.custom_bounds = {0.5, 1};
  return wire;
}

std::string Error(const WireHistogram& wire) {
  const auto histogram = HistogramFromWire(wire);
  EXPECT_EQ(histogram.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(histogram.status().message());
}

TEST(RemoteHistogram, TurnsDeltasIntoAbsoluteBuckets) {
  const auto histogram = HistogramFromWire(Integers());
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_EQ(histogram->schema, 2);
  EXPECT_EQ(histogram->count, 14);
  EXPECT_EQ(histogram->zero_count, 2);
  EXPECT_EQ(histogram->zero_threshold, 0.001);
  EXPECT_EQ(histogram->sum, 18.5);
  EXPECT_FALSE(histogram->float_counts);
  EXPECT_EQ(histogram->positive, (std::vector<Histogram::Bucket>{{-2, 1}, {-1, 3}, {3, 2}}));
  EXPECT_EQ(histogram->negative, (std::vector<Histogram::Bucket>{{0, 4}, {1, 2}}));
}

TEST(RemoteHistogram, TakesFloatsAsTheyAre) {
  WireHistogram wire = Integers();
  wire.count = {Kind::kFloat, 0, 10.5};
  wire.zero_count = {Kind::kFloat, 0, 0.5};
  wire.positive.deltas.clear();
  wire.positive.counts = {1.5, 0, 2};
  wire.negative = {};
  const auto histogram = HistogramFromWire(wire);
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_TRUE(histogram->float_counts);
  EXPECT_EQ(histogram->count, 10.5);
  EXPECT_EQ(histogram->zero_count, 0.5);
  EXPECT_EQ(histogram->positive, (std::vector<Histogram::Bucket>{{-2, 1.5}, {3, 2}}));
}

TEST(RemoteHistogram, TakesCustomBounds) {
  const auto histogram = HistogramFromWire(Custom());
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_EQ(histogram->custom_bounds, (std::vector<double>{0.5, 1}));
  EXPECT_EQ(histogram->positive, (std::vector<Histogram::Bucket>{{0, 5}, {2, 1}}));
}

TEST(RemoteHistogram, KnowsTheStaleOneAndKeepsItsBits) {
  WireHistogram wire;
  EXPECT_FALSE(wire.IsStale());
  wire.sum = model::kStaleNan;
  EXPECT_TRUE(wire.IsStale());
}

TEST(RemoteHistogram, KeepsResetHints) {
  WireHistogram wire = Integers();
  for (int32_t hint = -1; hint <= 4; ++hint) {
    wire.reset_hint = hint;
    const bool known = hint >= 0 && hint <= 3;
    EXPECT_EQ(HistogramFromWire(wire)->reset_hint,
              known ? static_cast<model::ResetHint>(hint) : model::ResetHint::kUnknown);
  }
}

TEST(RemoteHistogram, HoldsTheCountAgainstTheBuckets) {
  WireHistogram wire = Integers();
  wire.count.integer = 15;
  EXPECT_THAT(Error(wire), HasSubstr("14 observations are in its buckets, its count is 15"));
  wire.sum = std::nan("");  // then some observations were NaN
  EXPECT_TRUE(HistogramFromWire(wire).ok());
  wire.count.integer = 13;
  EXPECT_THAT(Error(wire), HasSubstr("its count is 13"));
}

TEST(RemoteHistogram, RefusesBucketsThatDoNotFit) {
  WireHistogram wire = Integers();
  wire.positive.spans[1].length = 2;
  EXPECT_THAT(Error(wire), HasSubstr("spans need 4 buckets, have 3"));
  wire = Integers();
  wire.positive.spans[1].offset = -1;
  EXPECT_THAT(Error(wire), HasSubstr("span 1 has a negative offset of -1"));
  wire = Integers();
  wire.positive.deltas = {1, -2, 6};
  EXPECT_THAT(Error(wire), HasSubstr("bucket -1 has a count of -1"));
  wire = Integers();
  wire.negative.spans = {{std::numeric_limits<int32_t>::max(), 2}};
  EXPECT_THAT(Error(wire), HasSubstr("there is no bucket 2147483648"));
  wire = Integers();
  wire.negative.deltas = {std::numeric_limits<int64_t>::max(), 1};
  EXPECT_THAT(Error(wire), HasSubstr("beyond 64 bits"));
  wire = Integers();
  wire.positive.spans = {{0, UINT32_MAX}, {0, UINT32_MAX}};
  EXPECT_THAT(Error(wire), HasSubstr("spans need 8589934590 buckets, have 3"));
}

TEST(RemoteHistogram, RefusesSchemasItDoesNotKnow) {
  WireHistogram wire = Integers();
  for (const int32_t schema : {-5, 53, -52, 100}) {
    wire.schema = schema;
    EXPECT_THAT(Error(wire), HasSubstr("schema " + std::to_string(schema) + " is not known"));
  }
  wire = Integers();
  wire.custom_bounds = {1};
  EXPECT_THAT(Error(wire), HasSubstr("has no custom bounds"));
}

// Index i of schema s ends at 2^(i * 2^-s): two buckets of schema 9 are one of schema 8.
TEST(RemoteHistogram, MakesFinerSchemasSchemaEight) {
  WireHistogram wire;
  wire.schema = 9;
  wire.count = {Kind::kInteger, 10, 0};
  wire.positive.spans = {{0, 4}};
  wire.positive.deltas = {1, 1, 1, 1};  // 0: 1, 1: 2, 2: 3, 3: 4
  const auto histogram = HistogramFromWire(wire);
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_EQ(histogram->schema, 8);
  EXPECT_EQ(histogram->positive, (std::vector<Histogram::Bucket>{{0, 1}, {1, 5}, {2, 4}}));
}

TEST(RemoteHistogram, RefusesWrongCustomBounds) {
  WireHistogram wire = Custom();
  wire.custom_bounds = {1, 1};
  EXPECT_THAT(Error(wire), HasSubstr("custom bound 1 of 1 is not above"));
  wire.custom_bounds = {1, kInf};
  EXPECT_THAT(Error(wire), HasSubstr("the last custom bound is +Inf"));
  wire.custom_bounds = {1, std::nan("")};
  EXPECT_THAT(Error(wire), HasSubstr("custom bound 1"));
  wire.custom_bounds = {1};
  EXPECT_THAT(Error(wire), HasSubstr("buckets 0 to 2 do not fit 1 custom bounds"));
  wire = Custom();
  wire.zero_count = {Kind::kInteger, 1, 0};
  EXPECT_THAT(Error(wire), HasSubstr("no zero bucket"));
  wire = Custom();
  wire.negative = wire.positive;
  EXPECT_THAT(Error(wire), HasSubstr("no negative buckets"));
}

TEST(RemoteHistogram, RefusesNegativeFloats) {
  WireHistogram wire;
  wire.count = {Kind::kFloat, 0, -1};
  EXPECT_THAT(Error(wire), HasSubstr("its count is -1"));
  wire.count.number = 1;
  wire.positive.spans = {{0, 1}};
  wire.positive.counts = {-0.5};
  EXPECT_THAT(Error(wire), HasSubstr("bucket 0 has a count of -0.5"));
}

// Bits by which the store marks histograms and gaps of its own must not come in from outside.
TEST(RemoteHistogram, ReplacesTheStoresOwnNans) {
  WireHistogram wire;
  wire.sum = model::kHistogramMark;
  EXPECT_FALSE(model::IsHistogramMark(HistogramFromWire(wire)->sum));
  EXPECT_TRUE(std::isnan(HistogramFromWire(wire)->sum));
  wire.sum = model::kNoSample;
  EXPECT_FALSE(model::IsNoSample(HistogramFromWire(wire)->sum));
}

TEST(RemoteHistogram, ReadsListsPackedAndOneByOne) {
  WireHistogram packed, single;
  // Field 12 (positive deltas): 1, -1 as zigzag 2, 1.
  ASSERT_TRUE(ReadHistogram(std::string_view("\x62\x02\x02\x01", 4), &packed));
  ASSERT_TRUE(ReadHistogram(std::string_view("\x60\x02\x60\x01", 4), &single));
  EXPECT_EQ(packed.positive.deltas, (std::vector<int64_t>{1, -1}));
  EXPECT_EQ(single.positive.deltas, packed.positive.deltas);
  EXPECT_FALSE(ReadHistogram(std::string_view("\x62\x03\x02\x01", 4), &packed));
  EXPECT_FALSE(ReadHistogram(std::string_view("\x6a\x07zzzzzzz", 9), &packed));  // 7 of 8 bytes
}

TEST(RemoteHistogram, BoundsItsLists) {
  WireHistogram wire;
  std::string message = "\x62";
  const size_t size = kHistogramBucketsMax + 1;
  message += static_cast<char>(size | 0x80);
  message += static_cast<char>(size >> 7);
  message += std::string(size, '\0');
  EXPECT_FALSE(ReadHistogram(message, &wire));
}

}  // namespace
}  // namespace baro::wire
