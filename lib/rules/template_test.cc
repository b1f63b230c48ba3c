// Templates give to the letter what Prometheus gives, errors included.
// Method: testdata/templates.jsonl, a case a line; its `expect` is what Prometheus 3.14 answered.
#include <gtest/gtest.h>

#include <fstream>

#include "baro/rules/template.h"
#include "simdjson.h"
#include "template_limits.h"

namespace baro::rules {
namespace {

using Labels = std::map<std::string, std::string>;

const Labels kLabels = {
    {"instance", "node-1.example.com:9100"}, {"job", "node"}, {"level", "<b>&'\""}};
const Labels kExternalLabels = {{"cluster", "c1"}};

absl::StatusOr<std::vector<TemplateSample>> Query(const std::string& expression) {
  if (expression == "empty") return std::vector<TemplateSample>();
  if (expression == "bad(") return absl::InvalidArgumentError("cannot run it");
  return std::vector<TemplateSample>{
      {{{"__name__", "metric"}, {"instance", "b"}, {"__value__", "two"}}, 21.0},
      {{{"__name__", "metric"}, {"instance", "a"}}, 11.0},
      {{{"__name__", "metric"}, {"instance", "c"}, {"extra", "x y"}}, 1e9}};
}

TemplateInput Input(double value) {
  return {&kLabels, &kExternalLabels,  "http://prom.example.com/prefix",
          value,    1'700'000'000'500, Query};
}

// Parsing is an error of the file of rules; here both kinds are printed as Prometheus prints them.
std::string Expanded(const std::string& text, double value) {
  const auto parsed = AlertTemplate::Parse("Case", text);
  if (!parsed.ok()) {
    return "<error expanding template: error parsing template __alert_Case: " +
           std::string(parsed.status().message()) + ">";
  }
  absl::Status failure;
  return parsed->Expand(Input(value), &failure);
}

TEST(Template, GivesWhatPrometheusGives) {
  std::ifstream file(std::string(BARO_TESTDATA_DIR) + "/templates.jsonl");
  simdjson::dom::parser parser;
  size_t cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const simdjson::dom::element element = parser.parse(line);
    const std::string text{element["text"].get_string().value()};
    const std::string expected{element["expect"].get_string().value()};
    double value = 1234567.891;
    if (!element["value"].error())
      value = std::strtod(element["value"].get_c_str().value(), nullptr);
    EXPECT_EQ(Expanded(text, value), expected) << text;
  }
  EXPECT_GT(cases, 200u);
}

TEST(Template, EndsWhatGoesOnForEver) {
  EXPECT_NE(Expanded("{{ define \"R\" }}{{ template \"R\" }}{{ end }}{{ template \"R\" }}", 1)
                .find("exceeded maximum template depth"),
            std::string::npos);
  EXPECT_NE(Expanded("{{ range 1000000000 }}{{ end }}", 1).find("steps"), std::string::npos);
  EXPECT_NE(Expanded("{{ range 900000 }}0123456789{{ end }}", 1).find("bytes of output"),
            std::string::npos);
  std::string deep;
  for (int i = 0; i < 5'000; ++i) deep += "{{ if true }}";
  EXPECT_NE(Expanded(deep, 1).find("max expression depth exceeded"), std::string::npos);
  EXPECT_NE(Expanded("{{ " + std::string(5'000, '(') + " }}", 1).find("max expression depth"),
            std::string::npos);
}

}  // namespace
}  // namespace baro::rules
