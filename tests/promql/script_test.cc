// Every script of this folder passes; and the runner itself sees what is wrong.
// Method: each *.test file is one case; broken expectations must fail, not pass.

#include "script.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace baro::promql_script {
namespace {

std::vector<std::filesystem::path> Scripts() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(PROMQL_SCRIPTS_DIR)) {
    if (entry.path().extension() == ".test") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

class Script : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Script, Passes) {
  std::ifstream file(GetParam(), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::vector<Outcome> outcomes = RunScript(text);
  EXPECT_FALSE(outcomes.empty());
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.kind, Outcome::Kind::kPassed)
        << GetParam() << ":" << outcome.line << ": " << outcome.command << "\n  " << outcome.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Promql, Script, testing::ValuesIn(Scripts()),
                         [](const auto& script) { return script.param.stem().string(); });

Outcome::Kind KindOf(const std::string& script) {
  const std::vector<Outcome> outcomes = RunScript(script);
  EXPECT_EQ(outcomes.size(), 1u);
  return outcomes.empty() ? Outcome::Kind::kPassed : outcomes[0].kind;
}

constexpr char kLoad[] = "load 1m\n  up{job=\"a\"} 1+1x10\n  up{job=\"b\"} 5 _ stale 7\n\n";

TEST(ScriptRunner, FailsOnWrongExpectations) {
  const std::string load = kLoad;
  EXPECT_EQ(KindOf(load + "eval instant at 0 up{job=\"a\"}\n  up{job=\"a\"} 1\n"),
            Outcome::Kind::kPassed);
  for (const char* wrong : {
           "eval instant at 0 up{job=\"a\"}\n  up{job=\"a\"} 2\n",
           "eval instant at 0 up{job=\"a\"}\n  up{job=\"c\"} 1\n",
           "eval instant at 0 up{job=\"a\"}\n",
           "eval instant at 0 up{job=\"a\"}\n  up{job=\"a\"} 1\n  up{job=\"b\"} 5\n",
           "eval instant at 0 up{job=\"a\"}\n  expect warn\n  up{job=\"a\"} 1\n",
           "eval instant at 0 up{job=\"a\"}\n  expect fail\n",
           "eval_fail instant at 0 up\n",
           "eval instant at 0 up{\n",
           "eval_ordered instant at 0 sort_desc(up)\n  up{job=\"a\"} 1\n  up{job=\"b\"} 5\n",
           "eval instant at 0 up{\n  expect fail msg: something else\n",
           "eval range from 0 to 2m step 1m up{job=\"b\"}\n  up{job=\"b\"} 5 5 5\n",
           "eval range from 0 to 2m step 1m up{job=\"b\"}\n  up{job=\"b\"} 5\n",
           "evil instant at 0 up\n",
       }) {
    EXPECT_EQ(KindOf(load + wrong), Outcome::Kind::kFailed) << wrong;
  }
}

TEST(ScriptRunner, ReadsHistogramsAndStarts) {
  const std::string load =
      "load 1m\n  h {{schema:0 count:3 sum:4 buckets:[1 2]}}+{{count:1 sum:1 buckets:[0 1]}}x2\n"
      "  c@st -1m _ 0sx1\n  c 1 2 3x1\n\n";
  EXPECT_EQ(KindOf(load + "eval instant at 2m h\n  h {{count:5 sum:6 buckets:[1 4]}}\n"),
            Outcome::Kind::kPassed);
  EXPECT_EQ(KindOf(load + "eval instant at 2m h\n  h {{count:5 sum:6 buckets:[1 3]}}\n"),
            Outcome::Kind::kFailed);
  EXPECT_EQ(KindOf(load + "eval instant at 2m h\n  h 5\n"), Outcome::Kind::kFailed);
  EXPECT_EQ(KindOf(load + "eval instant at 2m start_timestamp(c)\n  {} 120\n"),
            Outcome::Kind::kPassed);
  EXPECT_EQ(KindOf("load 1m\n  c@st -1m\n  c 1 2\n"), Outcome::Kind::kFailed);
}

}  // namespace
}  // namespace baro::promql_script
