// Whatever the bodies before, the cache says of the next one what the slow parser says.
// Method: differential.h over bodies that change in every way a target's exposition can.
#include "baro/exposition/layout_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "differential.h"
#include "testing.h"

namespace baro::exposition {
namespace {

void ExpectAgreement(const std::vector<std::string>& bodies, Format format = Format::kText) {
  LayoutCache cache(format);
  for (size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(FirstDifference(&cache, bodies[i], format), "") << "body " << i << ": " << bodies[i];
  }
}

constexpr std::string_view kTwoFamilies =
    "# HELP a Help of a.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\n"
    "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";

TEST(LayoutCache, ReadsOnlyNumbersWhenNothingElseChanges) {
  LayoutCache cache(Format::kText);
  const auto first = cache.Parse("a 1\nb{c=\"d\"} 2 5\n");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->layout_changed);
  EXPECT_EQ(first->series_added, 2u);
  const auto second = cache.Parse("a 3e2\nb{c=\"d\"} NaN 6\n");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->layout_changed);
  EXPECT_EQ(second->samples, 2u);
  EXPECT_EQ(second->series_added, 0u);
  EXPECT_EQ(cache.values()[0], 300);
  EXPECT_EQ(std::bit_cast<uint64_t>(cache.values()[1]), model::kNormalNanBits);
  EXPECT_EQ(cache.times_ms()[0], kNoTime);
  EXPECT_EQ(cache.times_ms()[1], 6);
}

TEST(LayoutCache, MarksWhatIsGoneAndAppendsWhatIsNew) {
  LayoutCache cache(Format::kText);
  ASSERT_TRUE(cache.Parse("a 1\nb 2\nc 3\n").ok());
  const auto stats = cache.Parse("a 1\nd 4\nc 3\n");
  ASSERT_TRUE(stats.ok());
  EXPECT_TRUE(stats->layout_changed);
  EXPECT_EQ(stats->series_added, 1u);
  ASSERT_EQ(cache.column_count(), 4u);
  EXPECT_TRUE(model::IsStaleNan(cache.values()[1]));
  EXPECT_EQ(cache.values()[3], 4);
  const auto back = cache.Parse("a 1\nb 5\nc 3\n");
  ASSERT_TRUE(back.ok());
  EXPECT_FALSE(back->layout_changed) << "b still has its column";
  EXPECT_EQ(back->series_added, 1u);
  EXPECT_EQ(cache.values()[1], 5);
  EXPECT_TRUE(model::IsStaleNan(cache.values()[3]));
}

TEST(LayoutCache, AgreesThroughEveryKindOfChange) {
  const std::string all(kTwoFamilies);
  ExpectAgreement({all, all, "", all});
  ExpectAgreement({all, "a{x=\"2\"} 5\nh_bucket{le=\"1\"} 1\n", all});
  ExpectAgreement({all, "# TYPE h histogram\nh_bucket{le=\"1\"} 7\nh_sum 8\n", all});
  ExpectAgreement({"a 1\nb 2\nc 3\n", "c 3\na 1\nb 2\n", "b 1\nc 2\na 3\n", "a 1\nb 2\nc 3\n"});
  ExpectAgreement(
      {"a{x=\"1\",y=\"2\"} 1\n", "a{y=\"2\",x=\"1\"} 2\n", "a { x=\"1\", y=\"2\" } 3\n"});
  ExpectAgreement({"a 1\na 2\nb 3\n", "a 4\nb 5\n", "a 6\na 7\na 8\nb 9\n"});
  ExpectAgreement({"m{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 2\n", "m{b=\"2\",a=\"1\"} 3\n"});
  ExpectAgreement({"a 1\n", "a 1 5\n", "a 1\n", "a 1 6\nb 2\n", "b 2\n"});
  ExpectAgreement({"# c\na 1\n# d\n", "# c\na 1\n# e\n", "# f\na 1", "a 1\n"});
}

TEST(LayoutCache, KnowsThatATypeInEffectMakesAnotherSeries) {
  const std::string typed = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 2\n";
  const std::string plain = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 2\n";
  const std::string late = "h_bucket{le=\"1\"} 1\n# TYPE h histogram\nh_bucket{le=\"2\"} 2\n";
  ExpectAgreement({typed, plain, typed, late, plain, late, typed});
  ExpectAgreement({"# HELP a one\na 1\n# TYPE a gauge\na{x=\"1\"} 2\n",
                   "# HELP a two\na 1\n# TYPE a gauge\na{x=\"1\"} 2\n",
                   "# TYPE a gauge\na 1\na{x=\"1\"} 2\n"});
}

TEST(LayoutCache, StaysUnharmedByABadBody) {
  LayoutCache cache(Format::kText);
  ASSERT_TRUE(cache.Parse("a 1\nb 2\n").ok());
  const auto bad = cache.Parse("a 5\nnew 1\nb x\n");
  EXPECT_EQ(base::FromAbsl(bad.status().message()),
            "cannot parse exposition: 3:3: \"x\" is not a number");
  EXPECT_EQ(cache.column_count(), 2u);
  EXPECT_TRUE(model::IsStaleNan(cache.values()[0]));
  const auto good = cache.Parse("a 1\nb 2\n");
  ASSERT_TRUE(good.ok());
  EXPECT_FALSE(good->layout_changed);
  ExpectAgreement({"a 1\nb 2\nc 3\n", "b 2\n", "a 1\nb 2\nc", "b 2\n", "a 1\nc 3\n"});
}

TEST(LayoutCache, ReadsTimesAndExemplarsAsValues) {
  LayoutCache cache(Format::kOpenMetrics);
  const std::string body = "a 1 1.5 # {t=\"1\"} 3\nb 2\n# EOF\n";
  ASSERT_EQ(FirstDifference(&cache, body, Format::kOpenMetrics), "");
  EXPECT_EQ(cache.times_ms()[0], 1500);
  const auto other = cache.Parse("a 2 # {t=\"other\"} 3 7\nb 2 9 # {} 1\n# EOF");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->exemplars, 2u);
  EXPECT_FALSE(other->layout_changed);
  EXPECT_EQ(cache.times_ms()[0], kNoTime);
  EXPECT_EQ(cache.times_ms()[1], 9000);
  ExpectAgreement({body, "a 2\nb 3\n", "a 1 # {t=\"1\",t=\"2\"} 1\nb 1\n# EOF\n", body},
                  Format::kOpenMetrics);
}

TEST(LayoutCache, StartsAfreshWhenMostOfItIsDead) {
  LayoutCache cache(Format::kText);
  std::string body;
  size_t columns_max = 0;
  size_t memory_max = 0;
  for (int scrape = 0; scrape < 300; ++scrape) {
    body.clear();
    for (int i = 0; i < 40; ++i)
      base::StrAppend(&body, "m{pod=\"", scrape, "-", i, "\"} ", i, "\n");
    ASSERT_EQ(FirstDifference(&cache, body, Format::kText), "");
    columns_max = std::max(columns_max, cache.column_count());
    memory_max = std::max(memory_max, cache.memory_bytes());
    if (!cache.wants_compaction()) continue;
    ASSERT_TRUE(cache.Compact(body).ok());
    ASSERT_EQ(cache.column_count(), 40u);
    EXPECT_FALSE(cache.wants_compaction());
  }
  EXPECT_LE(columns_max, 240u);
  EXPECT_LE(memory_max, 60'000u);
}

TEST(LayoutCache, BoundsItsBytesWhenCommentsFlap) {
  LayoutCache cache(Format::kText);
  for (int scrape = 0; scrape < 2000; ++scrape) {
    const std::string body =
        base::StrCat("# HELP a ", std::string(100, 'x'), scrape, "\n# TYPE a gauge\na 1\n");
    ASSERT_EQ(FirstDifference(&cache, body, Format::kText), "");
    if (cache.wants_compaction()) {
      ASSERT_TRUE(cache.Compact(body).ok());
    }
    ASSERT_LE(cache.memory_bytes(), 400'000u);
  }
}

TEST(LayoutCache, CostsLittleMemory) {
  LayoutCache cache(Format::kText);
  const std::string body = ReadCapture("node_exporter_1.txt.gz");
  ASSERT_TRUE(cache.Parse(body).ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(cache.Parse(body).ok());
  // The template itself is the body; what we add to it is what must stay small.
  EXPECT_LE(cache.memory_bytes(), body.size() + 64 * cache.column_count());
}

// Drops, moves, repeats and changes lines of a real exposition.
std::string Mutate(std::string_view body, std::mt19937_64* random) {
  std::vector<std::string> lines;
  while (!body.empty()) {
    const size_t end = body.find('\n') + 1;
    lines.emplace_back(body.substr(0, end));
    body.remove_prefix(end);
  }
  for (int changes = static_cast<int>((*random)() % 8); changes > 0; --changes) {
    const size_t at = (*random)() % lines.size();
    const size_t other = (*random)() % lines.size();
    switch ((*random)() % 5) {
      case 0:
        lines.erase(lines.begin() + static_cast<ptrdiff_t>(at));
        break;
      case 1:
        std::swap(lines[at], lines[other]);
        break;
      case 2:
        lines.insert(lines.begin() + static_cast<ptrdiff_t>(at), lines[other]);
        break;
      case 3:
        lines[at][(*random)() % lines[at].size()] = static_cast<char>((*random)() % 128);
        break;
      default:
        lines.insert(lines.begin() + static_cast<ptrdiff_t>(at),
                     base::StrCat("new_", (*random)() % 9, "{x=\"", (*random)() % 9, "\"} 1\n"));
    }
  }
  std::string mutated;
  for (const std::string& line : lines) mutated += line;
  return mutated;
}

TEST(LayoutCache, AgreesOnARealExpositionThatChangesAtRandom) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE(base::StrCat("BARO_SEED=", seed));
  std::mt19937_64 random(seed);
  const std::string text = ReadCapture("node_exporter_1.txt.gz");
  const std::string open = AsOpenMetrics(ReadCapture("node_exporter_1.txt.gz"));
  LayoutCache text_cache(Format::kText);
  LayoutCache open_cache(Format::kOpenMetrics);
  for (int i = 0; i < 60; ++i) {
    const std::string body = Mutate(text, &random);
    ASSERT_EQ(FirstDifference(&text_cache, body, Format::kText), "") << body;
    const std::string open_body = Mutate(open, &random);
    ASSERT_EQ(FirstDifference(&open_cache, open_body, Format::kOpenMetrics), "") << open_body;
  }
}

}  // namespace
}  // namespace baro::exposition
