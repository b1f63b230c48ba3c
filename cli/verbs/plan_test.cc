// explain, top queries and diff on a terminal of 80 and of 200 columns; what makes them end badly.

#include <gmock/gmock.h>

#include "error_text.h"
#include "test_support.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

using testing::Captured;
using testing::ExpectGolden;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::VerbRun;

constexpr char kExplain[] = "/api/v1/baro/explain";
constexpr char kTop[] = "/api/v1/baro/top_queries";
constexpr char kRunning[] = "/api/v1/baro/queries";
constexpr char kQuery[] = "/api/v1/query";

VerbRun Wide(int columns) {
  VerbRun run;
  run.screen.columns = columns;
  return run;
}

ExplainArguments Explain(const std::string& expression) {
  ExplainArguments arguments;
  arguments.expression = expression;
  return arguments;
}

TEST(Explain, DrawsTheTreeWithItsPrice) {
  for (const int columns : {80, 200}) {
    VerbRun run = Wide(columns);
    run.transport.Answer(kExplain, {200, Captured("explain")});
    ASSERT_TRUE(run.Run(Explain("a / b")).ok());
    EXPECT_FALSE(run.failed);
    EXPECT_THAT(run.notes, HasSubstr("the result cache"));
    ExpectGolden(base::StrCat("explain_", columns), run.out);
  }
}

TEST(Explain, SaysWhyAQueryIsRefusedAndFails) {
  VerbRun run;
  run.transport.Answer(kExplain, {200, Captured("explain_refused")});
  ASSERT_TRUE(run.Run(Explain("{__name__!=\"\"}")).ok());
  EXPECT_TRUE(run.failed);
  EXPECT_THAT(run.out, HasSubstr("refused: it would look at 288000000 samples"));
}

TEST(Explain, AsksForAnInstantOrForARange) {
  VerbRun run;
  run.transport.Answer(kExplain, {200, Captured("explain")});
  ASSERT_TRUE(run.Run(Explain("up")).ok());
  EXPECT_EQ(run.transport.requests.back().form, "query=up&time=1795414780.000");
  ExplainArguments over_time = Explain("up");
  over_time.over_time = true;
  over_time.step = "15s";
  ASSERT_TRUE(run.Run(over_time).ok());
  EXPECT_EQ(run.transport.requests.back().form,
            "query=up&start=1795411180.000&end=1795414780.000&step=15.000");
}

TEST(Explain, JsonIsTheCollectorsOwn) {
  VerbRun run;
  run.options.format = Format::kJson;
  run.transport.Answer(kExplain, {200, Captured("explain")});
  ASSERT_TRUE(run.Run(Explain("up")).ok());
  EXPECT_TRUE(run.out.starts_with("{\"query\":\"sum by (job)")) << run.out;
  run.options.format = Format::kCsv;
  ASSERT_TRUE(run.Run(Explain("up")).ok());
  EXPECT_THAT(run.out, HasSubstr("3,RangeSelector,http_requests_total[5m]"));
}

TEST(Explain, ADeepTreeIsReadToItsEnd) {
  std::string tree = R"({"node":"Selector","text":"deepest","series":1,"samples":1,"children":[]})";
  for (int i = 0; i < 200; ++i) {
    tree = base::StrCat(R"({"node":"Call","text":"abs","children":[)", tree, "]}");
  }
  VerbRun run;
  run.transport.Answer(
      kExplain,
      ApiResponse{
          200, base::StrCat(R"({"status":"success","data":{"allowed":true,"tree":)", tree, "}}")});
  run.options.format = Format::kWide;
  ASSERT_TRUE(run.Run(Explain("up")).ok());
  EXPECT_THAT(run.out, HasSubstr("deepest"));
}

TEST(TopQueries, ShowsWhatRunsAndWhatCosts) {
  for (const int columns : {80, 200}) {
    VerbRun run = Wide(columns);
    run.transport.Answer(kRunning, {200, Captured("queries")});
    run.transport.Answer(kTop, {200, Captured("top_queries")});
    ASSERT_TRUE(run.Run(TopQueriesArguments{}).ok());
    EXPECT_THAT(run.transport.requests.back().path,
                HasSubstr("by=duration&limit=10&since=3600000ms"));
    ExpectGolden(base::StrCat("top_queries_", columns), run.out);
  }
}

TEST(TopQueries, ExactFormatsKeepEveryField) {
  VerbRun run;
  run.options.format = Format::kJsonLines;
  run.transport.Answer(kRunning, {200, Captured("queries")});
  run.transport.Answer(kTop, {200, Captured("top_queries")});
  ASSERT_TRUE(run.Run(TopQueriesArguments{}).ok());
  EXPECT_THAT(run.out, HasSubstr("\"kind\":\"running\",\"id\":\"37\""));
  EXPECT_THAT(run.out, HasSubstr("\"dashboards\":\"slo/2 checkout/7 old/1\""));
}

TEST(TopQueries, CancelEndsOneQueryAndShowsNothing) {
  VerbRun run;
  run.transport.Answer("/api/v1/baro/queries/cancel",
                       {200, R"({"status":"success","data":{"id":"41"}})"});
  TopQueriesArguments arguments;
  arguments.cancel = "41";
  ASSERT_TRUE(run.Run(arguments).ok());
  EXPECT_EQ(run.transport.requests.size(), 1u);
  EXPECT_THAT(run.transport.requests[0].form, HasSubstr("id=41"));
}

// Answers the earlier instant with one file and the later one with another.
class TwoInstants final : public Transport {
 public:
  absl::StatusOr<ApiResponse> Send(const ApiRequest& request) override {
    const bool before = request.form.find("time=1795328380") != std::string::npos;
    return ApiResponse{200, Captured(before ? "vector_before" : "vector_now")};
  }
};

std::string Diff(const DiffArguments& arguments, int columns, Format format) {
  TwoInstants transport;
  GlobalOptions options;
  options.format = format;
  Client client(&transport, options.timeout_ms);
  base::FakeClock clock(testing::kCapturedMs);
  Session session{&options, &client, Screen{columns, 24, true, false}, &clock, "", "", "", false};
  EXPECT_TRUE(RunVerb(arguments, &session).ok());
  return session.out;
}

TEST(Diff, PutsTheLargestChangeFirst) {
  const DiffArguments arguments{.expression = "queue_length"};
  for (const int columns : {80, 200}) {
    ExpectGolden(base::StrCat("diff_", columns), Diff(arguments, columns, Format::kTable));
  }
  const std::string by_ratio =
      Diff({.expression = "queue_length", .by = "ratio"}, 80, Format::kTable);
  EXPECT_LT(by_ratio.find("from 0"), by_ratio.find("+25.0 %"));
  EXPECT_LT(by_ratio.find("+25.0 %"), by_ratio.find("-5.0 %"));
}

TEST(Diff, ExactFormatsLeaveOutWhatIsUnknown) {
  const std::string csv = Diff({.expression = "queue_length"}, 80, Format::kCsv);
  EXPECT_THAT(csv, HasSubstr("queue_length,web-10,,99,,\n"));
  EXPECT_THAT(csv, HasSubstr("queue_length,web-1,12,15,3,0.25\n"));
}

TEST(Diff, RefusesRangesOfSamples) {
  VerbRun run;
  run.transport.Answer(kQuery, {200, Captured("matrix_raw")});
  const absl::Status status = run.Run(DiffArguments{.expression = "up[5m]"});
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot compare"));
}

}  // namespace
}  // namespace baro::cli
