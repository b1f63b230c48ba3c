// A corpus of rule files with one mistake each: every one is refused, for the mistake it has, with
// file:line:column.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "baro/base/strings.h"
#include "baro/rules/rule_file.h"
#include "re2/re2.h"

namespace baro::rules {
namespace {

std::vector<std::filesystem::path> Corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(base::StrCat(BARO_TESTDATA_DIR, "/bad_rules"))) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string TextOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(BadRules, AreRefusedWithTheirPlace) {
  const RE2 place(R"(^[a-z0-9-]+\.yml:(\d+):(\d+): .+)");
  for (const auto& path : Corpus()) {
    SCOPED_TRACE(path.filename());
    const std::string text = TextOf(path);
    std::string expected;
    ASSERT_TRUE(RE2::PartialMatch(text, R"(^# expects: (.*))", &expected));
    std::vector<std::string> problems;
    const auto groups = ParseRuleFile(text, path.filename(), &problems);
    ASSERT_FALSE(groups.ok()) << "there is a mistake in it";
    ASSERT_FALSE(problems.empty());
    EXPECT_NE(problems[0].find(expected), std::string::npos) << problems[0];
    for (const std::string& problem : problems) {
      int line = 0;
      int column = 0;
      EXPECT_TRUE(RE2::PartialMatch(problem, place, &line, &column)) << problem;
      EXPECT_GE(line, 1) << problem;
      EXPECT_GE(column, 1) << problem;
    }
  }
}

TEST(BadRules, AreMoreThanAHundred) { EXPECT_GE(Corpus().size(), 100u); }

}  // namespace
}  // namespace baro::rules
