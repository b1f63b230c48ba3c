// The log knows what runs, keeps what was slow, and sums up what things cost, all within bounds.
// Method: a clock that moves when it is told to.
#include "queries/query_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "queries/log_file.h"

namespace baro::collector {
namespace {

AskedQuery Asked(const std::string& expression, const std::string& panel = "") {
  AskedQuery asked;
  asked.expression = expression;
  asked.panel_id = panel;
  if (!panel.empty()) asked.dashboard_uid = "d";
  return asked;
}

class QueryLogTest : public ::testing::Test {
 protected:
  QueryLogTest() : clock_(1'000'000), log_(Options()) {}
  QueryLogOptions Options() {
    QueryLogOptions options;
    options.slow_max = 3;
    options.clock = &clock_;
    return options;
  }
  std::unique_ptr<QueryLog::Entry> Start(const std::string& expression,
                                         const std::string& panel = "") {
    return log_.Start(Asked(expression, panel), clock_.MonotonicNs(),
                      std::make_shared<std::atomic<bool>>(false));
  }
  void RunFor(const std::string& expression, int64_t ms, const std::string& panel = "") {
    const auto entry = Start(expression, panel);
    clock_.AdvanceMs(ms);
    QueryOutcome outcome;
    outcome.stats.samples_total = 10;
    entry->Finish(outcome);
  }

  base::FakeClock clock_;
  QueryLog log_;
};

TEST_F(QueryLogTest, ListsWhatRunsUntilItEnds) {
  auto entry = Start("up");
  clock_.AdvanceMs(1'500);
  ASSERT_EQ(log_.Active().size(), 1u);
  EXPECT_EQ(log_.Active()[0].since_seconds, 1.5);
  entry->progress()->samples = 7;
  EXPECT_EQ(log_.Active()[0].samples, 7);
  entry.reset();
  EXPECT_TRUE(log_.Active().empty());
  EXPECT_EQ(log_.GetStats().cancelled_total, 1u) << "given up";
}

TEST_F(QueryLogTest, SetsTheFlagOfTheQueryThatIsToEnd) {
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  const auto entry = log_.Start(Asked("up"), 0, flag);
  const uint64_t id = log_.Active()[0].id;
  EXPECT_FALSE(log_.Cancel(id + 1));
  EXPECT_FALSE(flag->load());
  EXPECT_TRUE(log_.Cancel(id));
  EXPECT_TRUE(flag->load());
}

TEST_F(QueryLogTest, KeepsTheNewestOfTheSlow) {
  RunFor("quick", 999);
  for (int i = 0; i < 5; ++i) RunFor("slow " + std::to_string(i), 1'000);
  const std::vector<FinishedQuery> slow = log_.Slow();
  ASSERT_EQ(slow.size(), 3u);
  EXPECT_EQ(slow[0].asked.expression, "slow 4");
  EXPECT_EQ(slow[2].asked.expression, "slow 2");
  EXPECT_EQ(log_.GetStats().slow_total, 5u);
}

TEST_F(QueryLogTest, SumsUpCostsOfOneTextWithItsSources) {
  RunFor("rate(x[1m])", 100, "1");
  RunFor("rate(x[2m])", 300, "2");
  RunFor("rate(x[2m])", 300, "2");
  RunFor("y", 500);
  const std::vector<QueryCost> top = log_.Top(CostOrder::kSeconds, 0, 0);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].query, "rate(x[_])");
  EXPECT_EQ(top[0].count, 3u);
  EXPECT_DOUBLE_EQ(top[0].seconds, 0.7);
  EXPECT_DOUBLE_EQ(top[0].seconds_max, 0.3);
  EXPECT_EQ(top[0].samples, 30);
  ASSERT_EQ(top[0].dashboards.size(), 2u);
  EXPECT_EQ(top[0].dashboards[0].panel_id, "2");
  EXPECT_EQ(log_.Top(CostOrder::kSeconds, 1, 0).size(), 1u);
  EXPECT_EQ(log_.Top(CostOrder::kCount, 0, 0)[0].query, "rate(x[_])");
}

TEST_F(QueryLogTest, ForgetsCostsInTime) {
  RunFor("old", 10);
  clock_.AdvanceMs(30 * 60'000);
  RunFor("new", 10);
  EXPECT_EQ(log_.Top(CostOrder::kCount, 0, 0).size(), 2u);
  EXPECT_EQ(log_.Top(CostOrder::kCount, 0, 60'000).size(), 1u);
  for (size_t i = 0; i < QueryLog::kBuckets; ++i) {
    clock_.AdvanceMs(QueryLog::kBucketMs);
    RunFor("new", 10);
  }
  EXPECT_EQ(log_.Top(CostOrder::kCount, 0, 0).size(), 1u);
}

TEST_F(QueryLogTest, CountsWhatItHasNoRoomFor) {
  for (size_t i = 0; i < QueryLog::kQueriesPerBucket + 5; ++i) {
    RunFor("q" + std::to_string(i), 0);
  }
  EXPECT_EQ(log_.Top(CostOrder::kCount, 0, 0).size(), QueryLog::kQueriesPerBucket);
  EXPECT_EQ(log_.GetStats().unlisted_total, 5u);
}

TEST(NormaliseQuery, LeavesOutTimesButNothingElse) {
  const std::pair<const char*, const char*> cases[] = {
      {"rate(x{a=\"[5m]\"}[5m])", "rate(x{a=\"[5m]\"}[_])"},
      {"x @ 1609746000 + x @ end()", "x @ _ + x @ end()"},
      {"max_over_time(x[1h:30s] offset 5m)", "max_over_time(x[_:_] offset _)"},
      {"x offset -30s", "x offset _"},
      {"offset_total + my_offset 5", "offset_total + my_offset 5"},
      {"x{a='it\\'s @ 5'}", "x{a='it\\'s @ 5'}"},
      {"x[", "x[_]"},
      {"x{a=\"", "x{a=\""},
      {"x @", "x @"},
      {"", ""},
  };
  for (const auto& [text, normal] : cases) EXPECT_EQ(NormaliseQuery(text), normal);
}

TEST(LogFile, GoesOnInANewFileAfterItWasMovedAway) {
  const std::string path = ::testing::TempDir() + "/query_log." + std::to_string(::getpid());
  const auto text_of = [](const std::string& name) {
    std::ifstream file(name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  auto file = LogFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Write("one\n"));
  std::filesystem::rename(path, path + ".1");
  ASSERT_TRUE((*file)->Reopen().ok());
  EXPECT_TRUE((*file)->Write("two\n"));
  EXPECT_EQ(text_of(path + ".1"), "one\n");
  EXPECT_EQ(text_of(path), "two\n");
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".1");
  EXPECT_TRUE(absl::IsUnavailable(LogFile::Open("/nowhere/log").status()));
}

}  // namespace
}  // namespace baro::collector
