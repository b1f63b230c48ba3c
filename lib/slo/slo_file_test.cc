// Files of all four formats come to the same SLIs, and every mistake is told with its place.
// Method: testdata/good is read and looked at; of each file of testdata/bad the error is held
// against testdata/bad.golden (BARO_UPDATE_GOLDEN=1 writes it).
#include "baro/slo/slo_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::slo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

const std::string kFolder = BARO_TESTDATA_DIR;

std::map<std::string, SloSpec> Read(const std::string& file) {
  const auto specs = ReadSloFile(kFolder + "/good/" + file);
  EXPECT_TRUE(specs.ok()) << specs.status();
  std::map<std::string, SloSpec> by_name;
  if (!specs.ok()) return by_name;
  EXPECT_TRUE(CheckSlos(*specs).ok()) << CheckSlos(*specs);
  for (const SloSpec& spec : *specs) by_name.emplace(spec.name, spec);
  return by_name;
}

// A term as text: what it adds to the total and to the bad, and of what.
std::string Told(const TermSpec& term) {
  std::ostringstream out;
  out << term.to_total << "," << term.to_bad << " " << term.text;
  return out.str();
}

std::vector<std::string> Told(const SloSpec& spec) {
  std::vector<std::string> all;
  for (const TermSpec& term : spec.sli.terms) all.push_back(Told(term));
  return all;
}

TEST(SloFile, ReadsEverythingOfOurOwnFormat) {
  const auto specs = Read("own.yml");
  ASSERT_EQ(specs.size(), 9u);
  const SloSpec& checkout = specs.at("checkout-availability");
  EXPECT_EQ(checkout.objective, 0.999);
  EXPECT_EQ(checkout.window.length_ms, 30 * kDayMs);
  EXPECT_EQ(checkout.line, 2);
  EXPECT_THAT(Told(checkout),
              ElementsAre("1,0 http_requests_total{job=\"checkout\"}",
                          "0,1 http_requests_total{code=~\"5..\",job=\"checkout\"}"));
  EXPECT_EQ(ObjectiveOf(checkout, {{"region", "eu"}}), 0.9995);
  EXPECT_EQ(ObjectiveOf(checkout, {{"region", "us"}}), 0.999);
  EXPECT_THAT(checkout.alerting.policies,
              ElementsAre(PolicySpec{"page", 14.4, kHourMs, 5 * kMinuteMs, 0},
                          PolicySpec{"ticket", 1, 3 * kDayMs, 6 * kHourMs, 2 * kMinuteMs}));
  EXPECT_EQ(checkout.alerting.guards, (GuardSpec{3, 10, 0.99}));
  EXPECT_EQ(checkout.alerting.no_data_hold_ms, 15 * kMinuteMs);
  ASSERT_EQ(checkout.exclusions.size(), 1u);
  EXPECT_EQ(checkout.exclusions[0].to_ms - checkout.exclusions[0].from_ms, kHourMs);
  EXPECT_TRUE(checkout.export_sloth && checkout.export_pyrra);
}

TEST(SloFile, ReadsEveryKindOfSli) {
  const auto specs = Read("own.yml");
  EXPECT_THAT(Told(specs.at("checkout-latency")),
              ElementsAre("1,1 http_request_duration_seconds{job=\"checkout\"}",
                          "1,1 http_request_duration_seconds_count{job=\"checkout\"}",
                          "0,-1 http_request_duration_seconds_bucket{job=\"checkout\"}"));
  EXPECT_EQ(specs.at("checkout-latency").window.kind, WindowKind::kMonth);
  EXPECT_EQ(specs.at("checkout-probe").slices, (SliceSpec{5 * kMinuteMs, 0.95, false}));
  EXPECT_EQ(specs.at("replica-lag").sli.terms[0].kind, TermKind::kBadIfNot);
  EXPECT_EQ(specs.at("replica-lag").sli.terms[0].bound, 30);
  EXPECT_THAT(Told(specs.at("two-metrics")),
              ElementsAre("1,1 reads_total", "1,1 writes_total", "0,-1 reads_ok_total",
                          "0,-1 writes_ok_total"));
  EXPECT_THAT(Told(specs.at("good-and-bad")), ElementsAre("1,0 ok_total", "1,1 failed_total"));
  EXPECT_EQ(specs.at("raw-ratio").sli.query.error_ratio,
            "1 - avg(avg_over_time(satisfaction[5m]))");
  EXPECT_THAT(Told(specs.at("raw-sums")), ElementsAre("1,0 b_total", "0,1 a_total"));
  EXPECT_THAT(specs.at("raw-sums").group_by, ElementsAre("zone"));
  EXPECT_EQ(specs.at("everything").composite.parts[0].weight, 3);
}

TEST(SloFile, ReadsSlothsFilesAsTheyAre) {
  const auto specs = Read("sloth.yml");
  ASSERT_EQ(specs.size(), 4u);
  const SloSpec& errors = specs.at("shop-requests-availability");
  EXPECT_EQ(errors.sloth_name, "requests-availability");
  EXPECT_EQ(errors.owner, "team-shop");
  EXPECT_TRUE(errors.export_sloth);
  EXPECT_THAT(
      Told(errors),
      ElementsAre("1,0 http_request_duration_seconds_count{job=\"shop\"}",
                  "0,1 http_request_duration_seconds_count{code=~\"(5..|429)\",job=\"shop\"}"));
  EXPECT_EQ(errors.alerting.policies.size(), 2u);
  EXPECT_EQ(errors.alerting.severity_labels.at("page").at("routing_key"), "shop");
  EXPECT_EQ(specs.at("shop-requests-latency").alerting.policies[0].severity, "ticket");
  EXPECT_EQ(specs.at("shop-requests-latency").sli.terms.back().to_bad, -1);
  EXPECT_EQ(specs.at("wifi-satisfaction").sli.kind, SliKind::kRaw);
  EXPECT_EQ(specs.at("cart-availability").sli.terms.size(), 2u);
}

TEST(SloFile, ReadsPyrrasFilesAsTheyAre) {
  const auto specs = Read("pyrra.yml");
  ASSERT_EQ(specs.size(), 4u);
  const SloSpec& errors = specs.at("api-errors");
  EXPECT_EQ(errors.service, "api");
  EXPECT_EQ(errors.labels.at("team"), "core");
  EXPECT_THAT(errors.group_by, ElementsAre("handler"));
  EXPECT_TRUE(errors.export_pyrra);
  // Two weeks are half of Pyrra's four.
  EXPECT_EQ(errors.alerting.policies[0],
            (PolicySpec{"critical", 14, 30 * kMinuteMs, 3 * kMinuteMs, kMinuteMs}));
  EXPECT_EQ(errors.alerting.no_data_severity, "critical");
  EXPECT_EQ(specs.at("api-latency").alerting.name, "ApiSlow");
  EXPECT_EQ(specs.at("api-latency").alerting.no_data_severity, "");
  EXPECT_EQ(specs.at("api-native").sli.terms[0].kind, TermKind::kHistogram);
  EXPECT_EQ(specs.at("api-native").sli.terms[0].bound, 0.1);
  EXPECT_EQ(specs.at("api-up").sli.terms.size(), 2u);
  EXPECT_THAT(specs.at("api-up").alerting.policies, IsEmpty());
}

TEST(SloFile, ReadsOpenSlosFilesAsTheyAre) {
  const auto specs = Read("openslo.yml");
  ASSERT_EQ(specs.size(), 4u);
  const SloSpec& first = specs.at("search-availability");
  EXPECT_EQ(first.objective, 0.999);
  EXPECT_EQ(specs.at("search-availability-2").objective, 0.9999);
  EXPECT_EQ(first.window.length_ms, 28 * kDayMs);
  EXPECT_THAT(Told(first), ElementsAre("1,1 search_requests_total",
                                       "0,-1 search_requests_total{code!~\"5..\"}"));
  EXPECT_THAT(first.alerting.policies,
              ElementsAre(PolicySpec{"page", 2, kHourMs, 5 * kMinuteMs, 5 * kMinuteMs}));
  EXPECT_EQ(first.alerting.no_data_severity, "page");
  const SloSpec& slices = specs.at("search-slices");
  EXPECT_EQ(slices.window.kind, WindowKind::kMonth);
  EXPECT_EQ(slices.slices, (SliceSpec{5 * kMinuteMs, 0.95, false}));
  ASSERT_EQ(slices.warnings.size(), 1u);
  EXPECT_THAT(slices.warnings[0], HasSubstr("America/New_York"));
  EXPECT_EQ(specs.at("search-lag").sli.query.error_ratio,
            "1 - avg((max(index_lag_seconds)) <= bool 60)");
}

TEST(SloFile, NamesEveryMistakeWithItsPlace) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + "/bad")) {
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string name = entry.path().filename().string();
    const auto specs = ParseSloFile(text, name);
    ASSERT_FALSE(specs.ok()) << name;
    const std::string message(specs.status().message());
    EXPECT_THAT(message, MatchesRegex("[a-z_0-9]+\\.yml:[0-9]+:[0-9]+: (.|\n)+"));
    found[name] = message;
  }
  EXPECT_GE(found.size(), 60u);
  std::string told;
  for (const auto& [name, message] : found) told += message + "\n";
  const std::string golden = kFolder + "/bad.golden";
  if (std::getenv("BARO_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << told;
  std::ifstream file(golden);
  EXPECT_EQ(told, std::string((std::istreambuf_iterator<char>(file)), {}));
}

TEST(SloFile, TellsTheMistakesOfEveryObjectiveOfAFile) {
  std::vector<std::string> problems;
  const auto specs = ParseSloFile(
      "slos:\n  - {name: a, service: s, objective: 100, sli: {gauge: {selector: up}}}\n"
      "  - {name: b, service: s, objective: 0, sli: {gauge: {selector: up}}}\n",
      "f", &problems);
  EXPECT_FALSE(specs.ok());
  EXPECT_THAT(problems, ElementsAre(HasSubstr("f:2:"), HasSubstr("f:3:")));
}

TEST(SloFile, AsksWhetherANearbyKeyWasMeant) {
  const auto missing = ParseSloFile("slos:\n  - {name: a, service: b, objectiv: 99}\n", "f");
  EXPECT_EQ(missing.status().message(),
            "f:2:5: key \"objective\" is missing (is it \"objectiv\"?)");
  const auto unknown = ParseSloFile("slo:\n", "f");
  EXPECT_THAT(std::string(unknown.status().message()),
              HasSubstr("unknown key \"slo\", did you mean \"slos\"?"));
}

TEST(SloFile, RefusesNamesThatAreTakenAndPartsThatAreNotThere) {
  const auto specs = ParseSloFile(
      "slos:\n"
      "  - {name: a, service: s, objective: 99, sli: {gauge: {selector: up}}}\n"
      "  - {name: a, service: s, objective: 99, sli: {gauge: {selector: up}}}\n"
      "  - {name: c, service: s, objective: 99, composite: {of: [{slo: x}]}}\n",
      "f");
  ASSERT_TRUE(specs.ok()) << specs.status();
  std::vector<std::string> problems;
  EXPECT_FALSE(CheckSlos(*specs, &problems).ok());
  EXPECT_THAT(problems, ElementsAre("f:3:1: a: the name is taken by f:2",
                                    "f:4:1: c: there is no objective \"x\""));
}

TEST(SloFile, WarnsOfThresholdsThatCanNeverFire) {
  const auto specs = ParseSloFile(
      "slos:\n  - {name: a, service: s, objective: 90, sli: {gauge: {selector: up}}}\n", "f");
  ASSERT_TRUE(specs.ok()) << specs.status();
  ASSERT_EQ((*specs)[0].warnings.size(), 1u);
  EXPECT_THAT((*specs)[0].warnings[0], HasSubstr("14.4x over 1h can never fire"));
}

}  // namespace
}  // namespace baro::slo
