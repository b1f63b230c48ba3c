// Columns that are encoded together, each alone or against one before, come back bit for bit;
// damage is refused. Method: groups of series of every shape, of series that follow one another,
// and of special values; then truncations and random damage.

#include <string>
#include <vector>

#include "baro/codec/column.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "random_values.h"
#include "tokens.h"

namespace baro::codec {
namespace {

using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

using Columns = std::vector<std::vector<double>>;

std::vector<std::string> Encoded(const Columns& columns) {
  ColumnGroupEncoder encoder;
  std::vector<std::string> encoded;
  for (const auto& column : columns) encoder.Append(column, &encoded.emplace_back());
  return encoded;
}

// How many columns refer to another.
size_t ExpectRoundTrip(const Columns& columns) {
  const auto encoded = Encoded(columns);
  size_t related = 0;
  std::vector<size_t> depths;
  for (size_t i = 0; i < columns.size(); ++i) {
    const size_t back = ColumnsBack(encoded[i]);
    EXPECT_LE(back, i);
    related += back != 0;
    depths.push_back(back == 0 ? 0 : depths[i - back] + 1);
    EXPECT_LE(depths.back(), kReferenceDepthMax);
    const std::string bytes = encoded[i] + "rest";
    std::string_view left = bytes;
    std::vector<double> decoded(columns[i].size());
    const std::vector<double> reference = back == 0 ? std::vector<double>() : columns[i - back];
    const absl::Status status = DecodeColumn(&left, decoded, reference);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(left, "rest");
    EXPECT_TRUE(SameBits(decoded, columns[i])) << "column " << i;
  }
  return related;
}

TEST(ColumnGroup, GivesBackSeriesOfEveryShape) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  for (int i = 0; i < 500; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " group " << i);
    const size_t rows = 1 + Below(&random, 700);
    Columns columns(1 + Below(&random, 12));
    for (auto& column : columns) {
      column = RandomSeries(static_cast<Shape>(Below(&random, kShapes)), rows, &random);
      if (Below(&random, 4) != 0) continue;
      for (double& value : column) {
        if (Below(&random, 3) == 0) value = model::kNoSample;
      }
    }
    ExpectRoundTrip(columns);
    if (HasFailure()) return;
  }
}

TEST(ColumnGroup, GivesBackColumnsThatFollowOneAnother) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  size_t related = 0;
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " group " << i);
    const size_t rows = 40 + Below(&random, 600);
    Columns columns = {RandomSeries(static_cast<Shape>(Below(&random, kShapes)), rows, &random)};
    while (columns.size() < 16) {
      std::vector<double> next = columns[Below(&random, columns.size())];
      for (double& value : next) {
        if (Below(&random, 5) == 0) value += static_cast<double>(Below(&random, 9)) / 4;
        if (Below(&random, 200) == 0)
          value = SpecialValues()[Below(&random, SpecialValues().size())];
      }
      columns.push_back(std::move(next));
    }
    related += ExpectRoundTrip(columns);
    if (HasFailure()) return;
  }
  EXPECT_THAT(related, Ge(300u));
}

TEST(ColumnGroup, BucketsOfAHistogramCostWhatSetsThemApart) {
  Random random(7);
  Columns buckets(12, std::vector<double>(480));
  for (size_t row = 1; row < 480; ++row) {
    double below = 0;
    for (size_t b = 0; b < buckets.size(); ++b) {
      if (b == 3) below += static_cast<double>(Below(&random, 1'000));
      if (b > 8 && Below(&random, 40) == 0) below += 1;
      buckets[b][row] = buckets[b][row - 1] + below;
    }
  }
  const auto encoded = Encoded(buckets);
  size_t alone = 0;
  size_t together = 0;
  for (size_t b = 0; b < buckets.size(); ++b) {
    std::string one;
    EncodeColumn(buckets[b], &one);
    alone += one.size();
    together += encoded[b].size();
  }
  EXPECT_THAT(together * 4, Le(alone));
  ExpectRoundTrip(buckets);
}

TEST(ColumnGroup, ManySmallNumbersAndFewLargeOnesAreNearTheirEntropy) {
  Random random(9);
  std::vector<double> values(480);
  double sum = 0;
  for (double& value : values) {
    sum += Below(&random, 10) == 0 ? static_cast<double>(Below(&random, 5'000))
                                   : static_cast<double>(Below(&random, 4));
    value = sum;
  }
  std::string packed;
  EncodeColumn(values, &packed);
  // 0.47 bits for whether it is large; 2 bits or 12.3.
  const double entropy = 480 * (0.47 + 0.9 * 2 + 0.1 * 12.3) / 8;
  const auto encoded = Encoded({values});
  EXPECT_THAT(static_cast<double>(encoded[0].size()), Le(entropy * 1.08 + 20));
  EXPECT_LT(encoded[0].size(), packed.size());
}

TEST(ColumnGroup, RefusesAReferenceThatIsNotAtHandAndEveryTruncation) {
  Random random(13);
  Columns columns = {std::vector<double>(200), std::vector<double>(200)};
  for (size_t i = 0; i < 200; ++i) {
    columns[0][i] = static_cast<double>(Below(&random, 10'000));
    columns[1][i] = columns[0][i] + static_cast<double>(Below(&random, 4));
  }
  const auto encoded = Encoded(columns);
  ASSERT_EQ(ColumnsBack(encoded[1]), 1u);
  std::vector<double> decoded(200);
  std::string_view left = encoded[1];
  const absl::Status status = DecodeColumn(&left, decoded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a column that is not at hand"));
  for (const std::string& good : encoded) {
    for (size_t size = 0; size < good.size(); ++size) {
      const std::vector<char> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
      left = {cut.data(), cut.size()};
      EXPECT_EQ(DecodeColumn(&left, decoded, columns[0]).code(), absl::StatusCode::kDataLoss);
    }
  }
}

TEST(ColumnGroup, DamageNeverCrashes) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  size_t refused = 0;
  for (size_t i = 0; i < 5'000; ++i) {
    const auto values =
        RandomSeries(static_cast<Shape>(i % kShapes), 1 + Below(&random, 300), &random);
    std::string bytes = Encoded({values, values})[i % 2];
    for (uint64_t hits = 1 + Below(&random, 4); hits != 0; --hits) {
      bytes[Below(&random, bytes.size())] = static_cast<char>(random());
    }
    std::string_view left = bytes;
    std::vector<double> decoded(values.size());
    (void)ColumnsBack(bytes);
    refused += !DecodeColumn(&left, decoded, values).ok();
  }
  EXPECT_GT(refused, 0u);
}

TEST(Tokens, GiveBackNumbersOfEveryWidth) {
  const uint64_t seed = TestSeed();
  Random random(seed);
  size_t written = 0;
  for (int i = 0; i < 2'000; ++i) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " stream " << i);
    std::vector<uint64_t> numbers(Below(&random, 3'000));
    const uint64_t widest = 1 + Below(&random, 64);
    for (uint64_t& number : numbers) {
      number = random() >> (64 - 1 - Below(&random, widest));
      if (Below(&random, 50) == 0) number = ~uint64_t{0};
    }
    ByteSink sink;
    sink.Bytes("before");
    TokenPlan plan;
    const size_t cost_bits = plan.Make(numbers);
    if (cost_bits == SIZE_MAX) continue;
    plan.Append(numbers, &sink);
    EXPECT_LE(sink.size() - 6, cost_bits / 8 + 2 + numbers.size() / 100);
    ++written;
    sink.Bytes("rest");
    ByteSource source(sink.bytes().substr(6));
    std::vector<uint64_t> again(numbers.size());
    ASSERT_TRUE(ReadTokens(&source, again));
    EXPECT_EQ(source.rest(), "rest");
    EXPECT_EQ(again, numbers);
  }
  EXPECT_GT(written, 1'000u);
}

TEST(Tokens, AreNotWrittenWhereTheyDoNotPay) {
  TokenPlan plan;
  EXPECT_EQ(plan.Make(std::vector<uint64_t>(10, 1)), SIZE_MAX) << "too few";
  EXPECT_LT(plan.Make(std::vector<uint64_t>(100, 1)), 100u);
  std::vector<uint64_t> diverse;
  for (unsigned i = 0; i < 64; ++i) diverse.push_back(uint64_t{1} << i);
  EXPECT_EQ(plan.Make(diverse), SIZE_MAX) << "a table as large as the numbers";
}

}  // namespace
}  // namespace baro::codec
