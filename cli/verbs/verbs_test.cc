// What people see is golden: each verb on a terminal of 80 and of 200 columns, and in every exact
// format, from answers that a real Prometheus gave.

#include "verbs/verbs.h"

#include <gmock/gmock.h>

#include "render/text.h"
#include "test_support.h"

namespace baro::cli {
namespace {

using testing::Captured;
using testing::ExpectGolden;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::VerbRun;

// Runs the verb with `answer` for its endpoint at both widths and compares with golden texts.
void ExpectScreens(const std::string& golden, const Verb& verb, const std::string& path,
                   const std::string& answer) {
  for (const int columns : {80, 200}) {
    SCOPED_TRACE(base::StrCat(golden, " at ", columns));
    VerbRun run;
    run.screen.columns = columns;
    run.screen.rows = columns == 80 ? 24 : 50;
    run.transport.Answer(path, {200, Captured(answer)});
    ASSERT_TRUE(run.Run(verb).ok());
    ExpectGolden(base::StrCat(golden, "_", columns), run.out);
    size_t begin = 0;
    for (size_t end = run.out.find('\n'); end != std::string::npos;
         end = run.out.find('\n', begin)) {
      const std::string line = run.out.substr(begin, end - begin);
      // Common labels are kept whole, to be copied; the terminal wraps them.
      if (line.find('{') == std::string::npos) {
        EXPECT_LE(DisplayWidth(line), columns) << line;
      }
      begin = end + 1;
    }
  }
}

Verb Query(const std::string& expression) { return QueryArguments{expression}; }

Verb Graph(const std::string& expression) {
  RangeArguments range;
  range.expression = expression;
  range.since = "10m";
  range.step = "15s";
  range.graph = true;
  return range;
}

TEST(QueryTable, SaysCommonLabelsOnceAndAlignsNumbers) {
  ExpectScreens("query_cpu", Query("rate(node_cpu_seconds_total[1m])"), "/api/v1/query",
                "vector_cpu");
}

TEST(QueryTable, GivesOneScaleToNumbersThatAreCompared) {
  ExpectScreens("query_memory", Query("{__name__=~\"node_memory.*\"}"), "/api/v1/query",
                "vector_memory");
}

TEST(QueryTable, ShowsTimestampsAsTimes) {
  ExpectScreens("query_boot_time", Query("node_boot_time_seconds"), "/api/v1/query", "vector_one");
}

TEST(QueryTable, ShowsNotANumberAndInfinity) {
  ExpectScreens("query_nan", Query("up / (up * 0)"), "/api/v1/query", "vector_nan");
}

TEST(QueryTable, MakesHostileLabelsHarmless) {
  ExpectScreens("query_hostile", Query("up"), "/api/v1/query", "vector_hostile");
}

TEST(QueryTable, ShowsScalarsStringsRawSamplesAndHistograms) {
  ExpectScreens("query_scalar", Query("scalar(node_load1)"), "/api/v1/query", "scalar");
  ExpectScreens("query_string", Query("\"hello\""), "/api/v1/query", "string");
  ExpectScreens("query_raw", Query("up{job=\"node\"}[5s]"), "/api/v1/query", "matrix_raw");
  ExpectScreens("query_histogram", Query("h"), "/api/v1/query", "vector_histogram");
}

TEST(QueryTable, ShowsCountSumAndQuantilesOfHistograms) {
  ExpectScreens("query_natives", Query("h"), "/api/v1/query", "vector_natives");
}

TEST(QueryTable, DrawsHistogramsWhenItMayBeWide) {
  VerbRun run;
  run.options.format = Format::kWide;
  run.transport.Answer("/api/v1/query", {200, Captured("vector_natives")});
  ASSERT_TRUE(run.Run(Query("h")).ok());
  ExpectGolden("query_natives_wide", run.out);
  // In a pipe wide is the default, and for programs.
  run.options.format = Format::kAuto;
  run.screen.is_terminal = false;
  ASSERT_TRUE(run.Run(Query("h")).ok());
  EXPECT_THAT(run.out, Not(HasSubstr("█")));
}

TEST(Query, LimitCountsWhatItLeavesOut) {
  VerbRun run;
  QueryArguments query{.expression = "up", .limit = 1};
  run.transport.Answer("/api/v1/query", {200, Captured("vector_before")});
  ASSERT_TRUE(run.Run(query).ok());
  EXPECT_THAT(run.notes, HasSubstr("3 more of 4 are left out by --limit 1"));
  EXPECT_THAT(run.out, Not(HasSubstr("web-2")));
}

TEST(Query, TellsWhatTheAnswerHolds) {
  const auto told = [](const char* answer) {
    FakeTransport transport;
    transport.Answer("/api/v1/query", {200, Captured(answer)});
    GlobalOptions options;
    Client client(&transport, options.timeout_ms);
    base::FakeClock clock(testing::kCapturedMs);
    Session session{&options, &client, Screen{}, &clock, "", "", "", false};
    EXPECT_TRUE(RunVerb(Query("up"), &session).ok());
    return std::pair(session.is_empty, session.is_firing);
  };
  EXPECT_EQ(told("vector_empty"), std::pair(true, false));
  EXPECT_EQ(told("vector_alerts"), std::pair(false, true));
  EXPECT_EQ(told("vector_before"), std::pair(false, false));
}

TEST(Labels, AnAnswerCutToItsLimitIsNoWarning) {
  VerbRun run;
  LabelsArguments labels;
  labels.limit = 2;
  run.transport.Answer(
      "/api/v1/labels",
      {200,
       R"({"status":"success","data":["a","b"],"warnings":["results truncated due to limit"]})"});
  ASSERT_TRUE(run.Run(labels).ok());
  EXPECT_THAT(run.transport.requests.back().path, HasSubstr("limit=2"));
  EXPECT_THAT(run.notes, HasSubstr("there are more than these 2"));
}

TEST(RangeChart, DrawsSeveralSeriesWithLettersWhereThereAreNoColors) {
  ExpectScreens("range_cpu_graph", Graph("sum by (mode) (rate(node_cpu_seconds_total[1m]))"),
                "/api/v1/query_range", "range_cpu");
}

TEST(RangeChart, DrawsOneSeriesInBraille) {
  ExpectScreens("range_memory_graph", Graph("node_memory_MemAvailable_bytes"),
                "/api/v1/query_range", "range_memory");
}

TEST(RangeChart, CountsTheSeriesItLeavesOut) {
  VerbRun run;
  run.transport.Answer("/api/v1/query_range", {200, Captured("range_many")});
  ASSERT_TRUE(run.Run(Graph("rate(node_cpu_seconds_total[1m])")).ok());
  EXPECT_THAT(run.notes, HasSubstr("the 8 series that are largest now, of 16"));
}

TEST(RangeChart, KeepsTheSameShapeInColors) {
  VerbRun run;
  run.screen.color = true;
  run.transport.Answer("/api/v1/query_range", {200, Captured("range_cpu")});
  ASSERT_TRUE(run.Run(Graph("sum by (mode) (rate(node_cpu_seconds_total[1m]))")).ok());
  ExpectGolden("range_cpu_graph_color", run.out);
}

TEST(RangeTable, ShowsTrendAndFiguresOfEachSeries) {
  RangeArguments range;
  range.expression = "sum by (mode) (rate(node_cpu_seconds_total[1m]))";
  range.since = "10m";
  range.step = "15s";
  ExpectScreens("range_cpu", range, "/api/v1/query_range", "range_cpu");
}

TEST(Range, RefusesWhatCannotBeShown) {
  RangeArguments range;
  range.expression = "up";
  range.from = "now";
  range.to = "-1h";
  VerbRun run;
  EXPECT_THAT(std::string(run.Run(range).message()), HasSubstr("ends before it starts"));
  range.from = "-1d";
  range.to = "now";
  range.step = "1s";
  EXPECT_THAT(std::string(run.Run(range).message()), HasSubstr("more than 11000 values"));
}

TEST(Series, ListsWhatDiffers) {
  ExpectScreens("series", SeriesArguments{"pg_stat_database_xact_commit"}, "/api/v1/series",
                "series");
}

TEST(Labels, ListsNames) { ExpectScreens("labels", LabelsArguments{}, "/api/v1/labels", "labels"); }

TEST(Targets, PutsWhatIsDownFirstWithItsWholeError) {
  VerbRun run;
  run.now_ms += 10'000;
  run.transport.Answer("/api/v1/targets", {200, Captured("targets")});
  ASSERT_TRUE(run.Run(TargetsArguments{}).ok());
  ExpectGolden("targets_80", run.out);
}

TEST(Agents, PutsThoseThatAreAwayFirst) {
  ExpectScreens("agents", AgentsArguments{}, "/api/v1/baro/agents", "agents");
}

TEST(Agents, ServerWithoutAgentsIsNotFound) {
  VerbRun run;
  EXPECT_TRUE(absl::IsNotFound(run.Run(AgentsArguments{})));
}

TEST(Metrics, JoinsNamesWithTheirMetadata) {
  VerbRun run;
  run.transport.Answer("/api/v1/label/__name__/values", {200, Captured("names")});
  run.transport.Answer("/api/v1/metadata", {200, Captured("metadata")});
  ASSERT_TRUE(run.Run(MetricsArguments{}).ok());
  ExpectGolden("metrics_80", run.out);
  ASSERT_TRUE(run.Run(MetricsArguments{"xact_(commit|rollback)$"}).ok());
  EXPECT_THAT(run.out, HasSubstr("pg_stat_database_xact_rollback"));
  EXPECT_THAT(run.out, Not(HasSubstr("node_load1")));
  EXPECT_FALSE(run.Run(MetricsArguments{"("}).ok());
}

TEST(Status, TellsHealthSizeAndTargets) {
  VerbRun run;
  run.transport.Answer("/-/healthy", {200, "OK"});
  run.transport.Answer("/-/ready", {200, "OK"});
  run.transport.Answer("/api/v1/status/buildinfo", {200, Captured("buildinfo")});
  run.transport.Answer("/api/v1/status/runtimeinfo", {200, Captured("runtimeinfo")});
  run.transport.Answer("/api/v1/status/tsdb", {200, Captured("tsdb")});
  run.transport.Answer("/api/v1/targets", {200, Captured("targets")});
  run.transport.Answer("/api/v1/baro/agents", {200, Captured("agents")});
  ASSERT_TRUE(run.Run(StatusArguments{}).ok());
  EXPECT_FALSE(run.failed);
  ExpectGolden("status_80", run.out);
}

TEST(Status, NotReadyFails) {
  VerbRun run;
  run.transport.Answer("/-/healthy", {200, "OK"});
  run.transport.Answer("/-/ready", {503, "replaying"});
  ASSERT_TRUE(run.Run(StatusArguments{}).ok());
  EXPECT_TRUE(run.failed);
  EXPECT_THAT(run.out, HasSubstr("no (HTTP status 503)"));
}

TEST(ExactFormats, KeepEveryDigitAndEveryLabel) {
  for (const auto& [name, format] : {std::pair("wide", Format::kWide),
                                     {"json", Format::kJson},
                                     {"jsonl", Format::kJsonLines},
                                     {"csv", Format::kCsv}}) {
    VerbRun run;
    run.options.format = format;
    run.screen.is_terminal = false;
    run.transport.Answer("/api/v1/query", {200, Captured("vector_hostile")});
    ASSERT_TRUE(run.Run(Query("up")).ok());
    ExpectGolden(base::StrCat("exact_hostile_", name), run.out);
    run.transport.Answer("/api/v1/query", {200, Captured("vector_cpu")});
    ASSERT_TRUE(run.Run(Query("rate(node_cpu_seconds_total[1m])")).ok());
    ExpectGolden(base::StrCat("exact_cpu_", name), run.out);
  }
}

TEST(ExactFormats, AreHarmlessOnATerminal) {
  for (const Format format : {Format::kWide, Format::kJson, Format::kJsonLines, Format::kCsv}) {
    VerbRun run;
    run.options.format = format;
    run.transport.Answer("/api/v1/query", {200, Captured("vector_hostile")});
    ASSERT_TRUE(run.Run(Query("up")).ok());
    EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
    EXPECT_THAT(run.out, Not(HasSubstr("\u202e")));
  }
}

TEST(ExactFormats, ArePickedWhenOutputIsPiped) {
  VerbRun run;
  run.screen.is_terminal = false;
  run.transport.Answer("/api/v1/query_range", {200, Captured("range_memory")});
  ASSERT_TRUE(run.Run(Graph("node_memory_MemAvailable_bytes")).ok());
  ExpectGolden("range_memory_piped", run.out);
}

TEST(ExactFormats, NoHeadersLeavesRowsOnly) {
  VerbRun run;
  run.options.headers = false;
  run.transport.Answer("/api/v1/query", {200, Captured("vector_up")});
  ASSERT_TRUE(run.Run(Query("up")).ok());
  EXPECT_THAT(run.out, Not(HasSubstr("VALUE")));
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 4);
}

TEST(Query, EmptyAnswerSaysWhatToTry) {
  VerbRun run;
  run.transport.Answer("/api/v1/query", {200, Captured("vector_empty")});
  ASSERT_TRUE(run.Run(Query("nothing_like_this")).ok());
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.notes, HasSubstr("no series match nothing_like_this"));
}

TEST(Query, SendsExpressionAndTimeAsAForm) {
  VerbRun run;
  run.transport.Answer("/api/v1/query", {200, Captured("vector_up")});
  QueryArguments query;
  query.expression = "up{job=\"a b\"} + 1";
  query.at = "-15m";
  ASSERT_TRUE(run.Run(query).ok());
  EXPECT_EQ(run.transport.requests.at(0).form,
            "query=up%7Bjob%3D%22a%20b%22%7D%20%2B%201&time=1795413880.000&timeout=30000ms");
}

TEST(Query, KeepsTheOrderOfExpressionsThatSort) {
  VerbRun run;
  run.options.format = Format::kCsv;
  run.options.headers = false;
  run.transport.Answer("/api/v1/query", {200, Captured("vector_up")});
  ASSERT_TRUE(run.Run(Query("sort_desc(up)")).ok());
  EXPECT_TRUE(run.out.starts_with("up,db-1:9187,postgres,")) << run.out;
  ASSERT_TRUE(run.Run(Query("up")).ok());
  EXPECT_TRUE(run.out.starts_with("up,db-1:9187,postgres,")) << run.out;
}

TEST(Completion, KnowsEveryVerbAndOption) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    VerbRun run;
    ASSERT_TRUE(run.Run(CompletionArguments{shell}).ok());
    for (const char* word :
         {"query", "range", "graph", "labels", "agents", "no-headers", "jsonl"}) {
      EXPECT_THAT(run.out, HasSubstr(word)) << shell;
    }
  }
}

}  // namespace
}  // namespace baro::cli
