// Answers of a real Prometheus are understood; everything else is refused with a reason.

#include "api/decode.h"

#include <gmock/gmock.h>

#include <cmath>

#include "test_support.h"

namespace baro::cli {
namespace {

using testing::Captured;
using ::testing::HasSubstr;

TEST(DecodeQuery, ReadsVectors) {
  Notes notes;
  const auto answer = DecodeQuery(Captured("vector_up"), &notes);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->type, ResultType::kVector);
  ASSERT_EQ(answer->series.size(), 4U);
  EXPECT_EQ(LabelValue(answer->series[0].labels, "__name__"), "up");
  EXPECT_EQ(answer->series[0].points[0].time_seconds, 1795414780);
}

TEST(DecodeQuery, KeepsNotANumberAndInfinity) {
  Notes notes;
  const auto answer = DecodeQuery(Captured("vector_nan"), &notes);
  ASSERT_TRUE(answer.ok()) << answer.status();
  int infinite = 0;
  int not_a_number = 0;
  for (const Series& series : answer->series) {
    infinite += std::isinf(series.points[0].number) ? 1 : 0;
    not_a_number += std::isnan(series.points[0].number) ? 1 : 0;
  }
  EXPECT_EQ(infinite, 3);
  EXPECT_GE(not_a_number, 1);
}

TEST(DecodeQuery, ReadsScalarsStringsMatricesAndHistograms) {
  Notes notes;
  EXPECT_EQ(DecodeQuery(Captured("scalar"), &notes)->type, ResultType::kScalar);
  EXPECT_EQ(DecodeQuery(Captured("string"), &notes)->series[0].points[0].text, "hello");
  EXPECT_GE(DecodeQuery(Captured("matrix_raw"), &notes)->series[0].points.size(), 2U);
  const auto histogram = DecodeQuery(Captured("vector_histogram"), &notes);
  ASSERT_TRUE(histogram.ok()) << histogram.status();
  EXPECT_TRUE(histogram->series[0].points[0].is_histogram);
  EXPECT_EQ(histogram->series[0].points[0].number, 1234);
}

TEST(DecodeQuery, GathersWarningsAndInfos) {
  Notes notes;
  ASSERT_TRUE(DecodeQuery(Captured("warning"), &notes).ok());
  ASSERT_TRUE(DecodeQuery(Captured("info"), &notes).ok());
  ASSERT_EQ(notes.warnings.size(), 1U);
  EXPECT_THAT(notes.warnings[0], HasSubstr("quantile value should be between 0 and 1"));
  EXPECT_EQ(notes.infos.size(), 1U);
}

TEST(DecodeQuery, TellsTheApisErrorsApart) {
  Notes notes;
  const auto parse = DecodeQuery(Captured("error_parse"), &notes);
  EXPECT_TRUE(absl::IsInvalidArgument(parse.status())) << parse.status();
  EXPECT_THAT(std::string(parse.status().message()), HasSubstr("unclosed left parenthesis"));
  const auto execution = DecodeQuery(Captured("error_execution"), &notes);
  EXPECT_TRUE(absl::IsFailedPrecondition(execution.status())) << execution.status();
  const auto timeout =
      DecodeQuery(R"({"status":"error","errorType":"timeout","error":"too long"})", &notes);
  EXPECT_TRUE(absl::IsDeadlineExceeded(timeout.status()));
}

TEST(DecodeQuery, RefusesWhatIsNoAnswer) {
  Notes notes;
  for (
      const char* json :
      {"", "<html>", "[]", "{}", R"({"status":"success"})",
       R"({"status":"success","data":{"resultType":"vector"}})",
       R"({"status":"success","data":{"resultType":"cube","result":[]}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"2"]}]}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2x"]}]}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})"}) {
    const auto answer = DecodeQuery(json, &notes);
    EXPECT_TRUE(absl::IsDataLoss(answer.status())) << json << ": " << answer.status();
  }
}

TEST(DecodeQuery, RefusesEveryTruncation) {
  const std::string good = Captured("vector_up");
  Notes notes;
  const size_t end = good.rfind('}');
  for (size_t size = 0; size <= end; ++size) {
    EXPECT_FALSE(DecodeQuery(good.substr(0, size), &notes).ok()) << "at size " << size;
  }
}

TEST(DecodeQuery, BoundsDepth) {
  Notes notes;
  const std::string deep = base::StrCat(R"({"status":"success","data":)", std::string(100, '['),
                                        std::string(100, ']'), "}");
  EXPECT_TRUE(absl::IsDataLoss(DecodeQuery(deep, &notes).status()));
}

TEST(DecodeTargets, ReadsHealthAndErrors) {
  Notes notes;
  const auto targets = DecodeTargets(Captured("targets"), &notes);
  ASSERT_TRUE(targets.ok()) << targets.status();
  ASSERT_EQ(targets->size(), 4U);
  EXPECT_EQ(targets->at(0).health, "down");
  EXPECT_THAT(targets->at(0).last_error, HasSubstr("connection refused"));
}

TEST(DecodeRecords, FlattensAgents) {
  Notes notes;
  const auto agents = DecodeRecords(Captured("agents"), "agents", &notes);
  ASSERT_TRUE(agents.ok()) << agents.status();
  EXPECT_EQ(Member(agents->at(1), "node"), "node-2");
  EXPECT_EQ(Member(agents->at(1), "connected"), "false");
  const auto tsdb = DecodeRecord(Captured("tsdb"), &notes);
  ASSERT_TRUE(tsdb.ok()) << tsdb.status();
  EXPECT_NE(Member(*tsdb, "headStats.numSeries"), "");
}

TEST(Client, StatusesBecomeErrors) {
  testing::FakeTransport transport;
  Client client(&transport, 1000);
  EXPECT_TRUE(absl::IsNotFound(client.Query("up", 0).status()));
  transport.Answer("/api/v1/query", {401, "login"});
  EXPECT_TRUE(absl::IsUnauthenticated(client.Query("up", 0).status()));
  transport.Answer("/api/v1/query", {403, "no"});
  EXPECT_TRUE(absl::IsPermissionDenied(client.Query("up", 0).status()));
  transport.Answer("/api/v1/query", {502, "<html>"});
  EXPECT_TRUE(absl::IsInternal(client.Query("up", 0).status()));
  transport.Answer("/api/v1/query", {400, Captured("error_parse")});
  EXPECT_TRUE(absl::IsInvalidArgument(client.Query("sum(up", 0).status()));
}

}  // namespace
}  // namespace baro::cli
