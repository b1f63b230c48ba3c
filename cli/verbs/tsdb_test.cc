// baro tsdb: nothing is deleted by mistake, and what is damaged is said and ends the program badly.

#include <gmock/gmock.h>

#include "error_text.h"
#include "test_support.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

using ::testing::HasSubstr;
using testing::VerbRun;

constexpr char kCount[] = "/api/v1/baro/admin/count_delete";
constexpr char kDelete[] = "/api/v1/admin/tsdb/delete_series";

VerbRun Answering() {
  VerbRun run;
  run.transport.Answer(
      kCount, ApiResponse{200, R"({"status":"success","data":{"series":3,"samples":120}})"});
  run.transport.Answer(kDelete, ApiResponse{204, ""});
  return run;
}

size_t Orders(const VerbRun& run, const std::string& path) {
  size_t count = 0;
  for (const ApiRequest& request : run.transport.requests) count += request.path == path ? 1 : 0;
  return count;
}

TEST(TsdbDelete, DeletesNothingWithoutYes) {
  TsdbDeleteArguments arguments;
  arguments.selectors = {"up"};
  VerbRun run = Answering();
  const absl::Status status = run.Run(arguments);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--yes"));
  EXPECT_THAT(run.out, HasSubstr("120"));
  EXPECT_EQ(Orders(run, kDelete), 0u);
}

TEST(TsdbDelete, DryRunWinsOverYes) {
  TsdbDeleteArguments arguments;
  arguments.selectors = {"up"};
  arguments.yes = true;
  arguments.dry_run = true;
  VerbRun run = Answering();
  EXPECT_TRUE(run.Run(arguments).ok());
  EXPECT_EQ(Orders(run, kDelete), 0u);
}

TEST(TsdbDelete, SendsSelectorsAndTimes) {
  TsdbDeleteArguments arguments;
  arguments.selectors = {"up", "{job=\"node\"}"};
  arguments.from = "-1h";
  arguments.to = "now";
  arguments.yes = true;
  VerbRun run = Answering();
  run.options.format = Format::kJson;
  EXPECT_TRUE(run.Run(arguments).ok());
  ASSERT_EQ(Orders(run, kDelete), 1u);
  const std::string form = run.transport.requests.back().form;
  EXPECT_THAT(form, HasSubstr("match%5B%5D=up&match%5B%5D=%7Bjob%3D%22node%22%7D"));
  EXPECT_THAT(form, HasSubstr("start=1795411180.000&end=1795414780.000"));
  EXPECT_THAT(run.out, HasSubstr(R"("samples")"));
}

TEST(TsdbDelete, SaysWhichFlagAllowsIt) {
  TsdbDeleteArguments arguments;
  arguments.selectors = {"up"};
  arguments.yes = true;
  VerbRun run = Answering();
  run.transport.Answer(
      kDelete,
      ApiResponse{500,
                  R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})"});
  const absl::Status status = run.Run(arguments);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kAuth);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--web.enable-admin-api"));
}

TEST(TsdbVerify, NamesDamageAndFails) {
  VerbRun run;
  run.transport.Answer(
      "/api/v1/baro/admin/verify",
      ApiResponse{200, R"({"status":"success","data":{"good":false,"parts":2,"damagesTotal":1,)"
                       R"("damages":[{"place":"file 000012.sst","what":"block checksum"}]}})"});
  EXPECT_TRUE(run.Run(TsdbVerifyArguments{}).ok());
  EXPECT_TRUE(run.failed);
  EXPECT_THAT(run.notes, HasSubstr("damaged: file 000012.sst: block checksum"));
}

TEST(TsdbVerify, IsGoodWhenNothingIsDamaged) {
  VerbRun run;
  run.transport.Answer(
      "/api/v1/baro/admin/verify",
      ApiResponse{200, R"({"status":"success","data":{"good":true,"parts":2,"damagesTotal":0,)"
                       R"("damages":[]}})"});
  EXPECT_TRUE(run.Run(TsdbVerifyArguments{}).ok());
  EXPECT_FALSE(run.failed);
}

TEST(TsdbCardinality, ShowsWhereSeriesComeFromAndWhoReadsThem) {
  VerbRun run;
  run.transport.Answer("/api/v1/baro/cardinality", {200, testing::Captured("cardinality")});
  ASSERT_TRUE(run.Run(TsdbCardinalityArguments{5}).ok());
  testing::ExpectGolden("cardinality_80", run.out);
}

TEST(TsdbCardinality, AsksAPrometheusForWhatItHas) {
  VerbRun run;
  run.options.format = Format::kCsv;
  run.transport.Answer(
      "/api/v1/status/tsdb",
      ApiResponse{200, R"({"status":"success","data":{"headStats":{"numSeries":7},)"
                       R"("seriesCountByMetricName":[{"name":"up","value":4}],)"
                       R"("labelValueCountByLabelName":[{"name":"job","value":2}],)"
                       R"("memoryInBytesByLabelName":[],)"
                       R"("seriesCountByLabelValuePair":[{"name":"job=node","value":3}]}})"});
  EXPECT_TRUE(run.Run(TsdbCardinalityArguments{5}).ok());
  EXPECT_THAT(run.out, HasSubstr("seriesCountByMetricName,up,4"));
  EXPECT_THAT(run.out, HasSubstr("seriesCountByLabelValuePair,job=node,3"));
  EXPECT_THAT(run.transport.requests.front().path, HasSubstr("limit=5"));
}

TEST(TsdbRestore, TellsHow) {
  VerbRun run;
  const absl::Status status = run.Run(TsdbRestoreArguments{});
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--tsdb.restore"));
}

}  // namespace
}  // namespace baro::cli
