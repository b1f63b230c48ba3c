// Every resource's objects become the series that kube-state-metrics 2.13 makes of them.
// Method: objects as a cluster serves them (testdata/objects.jsonl, one a line behind its resource)
// against a golden list of series, reviewed line by line when it changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_format.h"
#include "agent/kube/resources.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

using kubernetes::Json;
using kubernetes::JsonParser;

std::string ReadFile(const std::string& name) {
  std::stringstream text;
  text << std::ifstream(std::string(BARO_TESTDATA_DIR) + "/" + name).rdbuf();
  return text.str();
}

std::string SeriesText(const Resource& resource, const Json& object) {
  const model::Labels identity = ObjectLabels(resource, object, {});
  const ObjectSeries series = SeriesOf(resource, object, true);
  std::vector<std::string> lines;
  for (size_t i = 0; i < series.columns().size(); ++i) {
    std::vector<model::Label> labels(identity.begin(), identity.end());
    for (const model::Label& label : series.columns()[i].labels) labels.push_back(label);
    lines.push_back(base::StrCat(model::Labels::FromUnsorted(std::move(labels)).ToString(), " ",
                                 absl::StrFormat("%.15g", series.values()[i]), "\n"));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(KubeFamilies, AreWhatObjectsTell) {
  std::istringstream lines(ReadFile("objects.jsonl"));
  std::string line;
  std::string text;
  std::set<std::string> resources;
  while (std::getline(lines, line)) {
    const size_t space = line.find(' ');
    const Resource* const resource = FindResource(line.substr(0, space));
    ASSERT_NE(resource, nullptr) << line;
    resources.insert(line.substr(0, space));
    JsonParser parser;
    const auto object = parser.Parse(line.substr(space + 1), line.substr(0, space));
    ASSERT_TRUE(object.ok()) << object.status() << ": " << line;
    text += SeriesText(*resource, *object);
  }
  EXPECT_EQ(resources.size(), AllResources().size()) << "a resource has no object in the fixture";
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(std::string(BARO_TESTDATA_DIR) + "/families.golden") << text;
  }
  EXPECT_EQ(text, ReadFile("families.golden"));
}

TEST(KubeFamilies, TakeAnyObject) {
  JsonParser parser;
  for (const char* text :
       {"{}", "[]", "null", "7", R"({"metadata":7,"spec":[],"status":"x"})",
        R"({"metadata":{"labels":{"a":1,"a.b":"x","a-b":"y"}},"status":{"conditions":[1,{}]}})",
        R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"x","memory":{}}}}]}})"}) {
    const auto object = parser.Parse(text, "a test");
    ASSERT_TRUE(object.ok());
    for (const Resource& resource : AllResources()) {
      const ObjectSeries series = SeriesOf(resource, *object, true);
      EXPECT_EQ(series.columns().size(), series.values().size());
    }
  }
}

TEST(KubeFamilies, HaveABoundForOneObject) {
  std::string labels;
  for (int i = 0; i < 30'000; ++i)
    base::StrAppend(&labels, i > 0 ? "," : "", "{\"ip\":\"", i, "\"}");
  const std::string text =
      base::StrCat(R"({"subsets":[{"ports":[{"port":1}],"addresses":[)", labels, "]}]}");
  JsonParser parser;
  const auto object = parser.Parse(text, "a test");
  ASSERT_TRUE(object.ok());
  const ObjectSeries series = SeriesOf(*FindResource("endpoints"), *object, true);
  EXPECT_EQ(series.columns().size(), kSeriesOfObjectMax);
  EXPECT_GT(series.left_out(), 20'000u);
}

}  // namespace
}  // namespace baro::agent
