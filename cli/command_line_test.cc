// The command line means what it says, whatever the order; mistakes are usage errors.

#include "command_line.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "contexts.h"
#include "error_text.h"
#include "test_support.h"
#include "time_text.h"

namespace baro::cli {
namespace {

using ::testing::HasSubstr;

CommandLine Parse(const std::vector<std::string>& arguments) {
  ParsedCommandLine parsed = ParseCommandLine(arguments);
  EXPECT_TRUE(parsed.command.has_value()) << parsed.err;
  return parsed.command.value_or(CommandLine{});
}

void ExpectUsageError(const std::vector<std::string>& arguments) {
  const ParsedCommandLine parsed = ParseCommandLine(arguments);
  EXPECT_FALSE(parsed.command.has_value()) << ::testing::PrintToString(arguments);
  EXPECT_EQ(parsed.exit_code, ExitCode::kUsage);
  EXPECT_THAT(parsed.err, HasSubstr("baro: "));
}

TEST(CommandLine, OptionsStandBeforeOrAfterTheVerb) {
  for (const auto& arguments : {std::vector<std::string>{"-o", "json", "query", "up"},
                                {"query", "up", "-o", "json"},
                                {"query", "-o", "json", "up"}}) {
    const CommandLine command = Parse(arguments);
    EXPECT_EQ(command.options.format, Format::kJson);
    EXPECT_EQ(std::get<QueryArguments>(command.verb).expression, "up");
  }
}

TEST(CommandLine, ReadsEveryVerb) {
  const CommandLine range =
      Parse({"range", "up", "--since", "2h", "--step", "30s", "--graph", "--timeout", "5s"});
  EXPECT_EQ(std::get<RangeArguments>(range.verb).since, "2h");
  EXPECT_TRUE(std::get<RangeArguments>(range.verb).graph);
  EXPECT_EQ(range.options.timeout_ms, 5000);
  EXPECT_EQ(std::get<LabelsArguments>(Parse({"labels", "job", "--match", "up"}).verb).match, "up");
  EXPECT_EQ(std::get<SeriesArguments>(Parse({"series", "up"}).verb).selector, "up");
  EXPECT_EQ(std::get<MetricsArguments>(Parse({"metrics"}).verb).pattern, "");
  EXPECT_TRUE(std::holds_alternative<TargetsArguments>(Parse({"targets"}).verb));
  EXPECT_TRUE(std::holds_alternative<AgentsArguments>(Parse({"agents"}).verb));
  EXPECT_TRUE(std::holds_alternative<StatusArguments>(Parse({"status"}).verb));
  EXPECT_TRUE(std::holds_alternative<VersionArguments>(Parse({"version"}).verb));
  EXPECT_EQ(std::get<CompletionArguments>(Parse({"completion", "fish"}).verb).shell, "fish");
}

TEST(CommandLine, WatchTakesSecondsOrNot) {
  EXPECT_EQ(Parse({"targets", "--watch"}).options.watch_seconds, 2);
  EXPECT_EQ(Parse({"targets", "--watch", "5"}).options.watch_seconds, 5);
  EXPECT_EQ(Parse({"--watch=0.5", "query", "up"}).options.watch_seconds, 0.5);
  EXPECT_EQ(Parse({"query", "up"}).options.watch_seconds, std::nullopt);
  ExpectUsageError({"targets", "--watch", "0"});
}

TEST(CommandLine, ServerComesFromOptionOrEnvironment) {
  setenv("BARO_SERVER", "monitor:9490/", 1);
  EXPECT_EQ(Parse({"status"}).options.server, "http://monitor:9490");
  EXPECT_EQ(Parse({"status", "--server", "http://a:1"}).options.server, "http://a:1");
  unsetenv("BARO_SERVER");
  EXPECT_EQ(Parse({"status"}).options.server, "http://127.0.0.1:9490");
}

TEST(CommandLine, ExpressionsMayBeginWithAMinus) {
  EXPECT_EQ(std::get<QueryArguments>(Parse({"query", "-up", "--at", "-5m"}).verb).expression,
            " -up");
  EXPECT_EQ(std::get<QueryArguments>(Parse({"query", "--at", "-5m", "up"}).verb).at, "-5m");
  EXPECT_EQ(Parse({"query", "up", "-ojson"}).options.format, Format::kJson);
}

TEST(CommandLine, LimitsAreNoExpressions) {
  EXPECT_EQ(std::get<QueryArguments>(Parse({"query", "up", "-l10"}).verb).limit, 10);
  EXPECT_EQ(std::get<QueryArguments>(Parse({"query", "-l", "5", "up"}).verb).limit, 5);
  EXPECT_EQ(std::get<QueryArguments>(Parse({"query", "-ln(up)"}).verb).expression, " -ln(up)");
}

TEST(CommandLine, ExplainIsOfARangeWhenOneIsGiven) {
  EXPECT_FALSE(std::get<ExplainArguments>(Parse({"explain", "up"}).verb).over_time);
  EXPECT_TRUE(std::get<ExplainArguments>(Parse({"explain", "up", "--since", "2h"}).verb).over_time);
}

TEST(CommandLine, CompletionAsksTheServerOfTheLine) {
  EXPECT_EQ(Parse({"complete", "baro --server http://a:1 query 'u"}).options.server, "http://a:1");
}

TEST(CommandLine, VerbsBelowOthersAreDescribed) {
  for (const VerbDescription& verb : DescribeVerbs()) {
    EXPECT_NE(verb.name, "complete");
    if (verb.name != "top") continue;
    ASSERT_EQ(verb.parts.size(), 6u);
    EXPECT_EQ(verb.parts.back().name, "queries");
  }
}

TEST(CommandLine, ContextsNameCollectors) {
  const std::string file = ::testing::TempDir() + "contexts.yml";
  ASSERT_TRUE(
      WriteContexts(
          {"prod", {{"prod", "http://p:9490", "http://am:9093"}, {"dev", "http://d", ""}}}, file)
          .ok());
  setenv("BARO_CONFIG", file.c_str(), 1);
  EXPECT_EQ(Parse({"status"}).options.server, "http://p:9490");
  EXPECT_EQ(Parse({"status"}).options.alertmanager, "http://am:9093");
  EXPECT_EQ(Parse({"status", "--context", "dev"}).options.server, "http://d");
  EXPECT_EQ(Parse({"status", "--server", "http://x"}).options.server, "http://x");
  ExpectUsageError({"status", "--context", "nobody"});
  unsetenv("BARO_CONFIG");
}

TEST(CommandLine, VerbsOfPeopleOnCall) {
  const auto ack = std::get<AckArguments>(Parse({"ack", "00ff", "--for", "1h"}).verb);
  EXPECT_EQ(ack.id, "00ff");
  EXPECT_EQ(ack.lasts, "1h");
  EXPECT_EQ(std::get<TopArguments>(Parse({"top", "nodes", "--by", "memory"}).verb).kind, "nodes");
  EXPECT_EQ(std::get<RulesBacktestArguments>(Parse({"rules", "backtest", "a.yml"}).verb).files[0],
            "a.yml");
  EXPECT_EQ(std::get<RulesArguments>(Parse({"rules", "Node.*"}).verb).pattern, "Node.*");
  EXPECT_EQ(std::get<SloExcludeArguments>(
                Parse({"slo", "exclude", "add", "s", "--to", "2h", "--reason", "r"}).verb)
                .action,
            "add");
  ExpectUsageError({"top", "nodes", "--by", "colour"});
  ExpectUsageError({"alerts", "--state", "angry"});
  ExpectUsageError({"slo", "exclude", "add", "s", "--to", "2h"});
}

TEST(CommandLine, MistakesAreUsageErrors) {
  ExpectUsageError({"top"});
  ExpectUsageError({"diff", "up", "--by", "size"});
  ExpectUsageError({});
  ExpectUsageError({"nonsense"});
  ExpectUsageError({"query"});
  ExpectUsageError({"query", "up", "down"});
  ExpectUsageError({"query", "up", "-o", "xml"});
  ExpectUsageError({"query", "up", "--timeout", "soon"});
  ExpectUsageError({"query", "up", "--timeout", "0"});
  ExpectUsageError({"range", "up", "--since", "1h", "--from", "now"});
  ExpectUsageError({"completion", "csh"});
}

TEST(CommandLine, HelpIsNoError) {
  const ParsedCommandLine parsed = ParseCommandLine({"--help"});
  EXPECT_EQ(parsed.exit_code, ExitCode::kOk);
  EXPECT_THAT(parsed.out, HasSubstr("targets"));
}

TEST(TimeText, DurationsAndInstants) {
  EXPECT_EQ(*ParseDuration("1h30m"), 5'400'000);
  EXPECT_EQ(*ParseDuration("250ms"), 250);
  EXPECT_EQ(*ParseDuration("1.5"), 1500);
  EXPECT_EQ(*ParseDuration("2w"), 14 * 86'400'000LL);
  for (const char* bad : {"", "-5m", "5 m", "h", "5x", "1e30", "nan", "200y"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
  constexpr int64_t kNowMs = testing::kCapturedMs;  // 06:19:40
  EXPECT_EQ(*ParseInstant("now", kNowMs), kNowMs);
  EXPECT_EQ(*ParseInstant("-15m", kNowMs), kNowMs - 900'000);
  EXPECT_EQ(*ParseInstant("15m ago", kNowMs), kNowMs - 900'000);
  EXPECT_EQ(*ParseInstant("1795414780.5", kNowMs), 1'795'414'780'500);
  EXPECT_EQ(*ParseInstant("2026-11-23T07:19:40+01:00", kNowMs), kNowMs);
  EXPECT_EQ(*ParseInstant("2026-11-23 06:19:40", kNowMs), kNowMs);
  EXPECT_EQ(*ParseInstant("06:00", kNowMs), kNowMs - 1'180'000);
  EXPECT_EQ(*ParseInstant("06:30", kNowMs), kNowMs + 620'000 - 86'400'000);
  for (const char* bad : {"", "yesterday", "25:00", "2026-13-01", "1e300", "-x"}) {
    EXPECT_FALSE(ParseInstant(bad, kNowMs).ok()) << bad;
  }
}

const ErrorContext kContext{"http://127.0.0.1:9490", "sum(up", 30'000};

TEST(ErrorText, PutsACaretUnderThePlace) {
  const auto text = ErrorText(
      absl::InvalidArgumentError("invalid parameter \"query\": 1:4: parse error: unclosed"),
      kContext);
  EXPECT_EQ(text, "baro: parse error: unclosed\n  sum(up\n     ^\n");
  const auto wide =
      ErrorText(absl::InvalidArgumentError("2:8: parse error: bad"), {"", "a\n\"日\" or x", 0});
  EXPECT_EQ(wide, "baro: parse error: bad\n  \"日\" or x\n        ^\n");
}

TEST(ErrorText, SurvivesPlacesOutsideTheExpression) {
  for (const char* message : {"9:9: bad", "1:999: bad", "0:0: bad", "no place"}) {
    EXPECT_THAT(ErrorText(absl::InvalidArgumentError(message), kContext), HasSubstr("ba"));
  }
}

TEST(ErrorText, SaysWhatToTryNext) {
  EXPECT_THAT(ErrorText(absl::UnavailableError("connection refused"), kContext),
              HasSubstr("collector not reachable at http://127.0.0.1:9490: connection refused"));
  EXPECT_THAT(ErrorText(absl::DeadlineExceededError("reading"), kContext),
              HasSubstr("within 30 s"));
  EXPECT_THAT(ErrorText(absl::UnauthenticatedError("HTTP status 401"), kContext),
              HasSubstr("USER:PASSWORD"));
  EXPECT_EQ(ErrorText(absl::DataLossError("\x1b[2J"), kContext).find('\x1b'), std::string::npos);
}

TEST(ErrorText, ExitCodesTellKindsApart) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("")), ExitCode::kAuth);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), ExitCode::kAuth);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kError);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), ExitCode::kError);
}

}  // namespace
}  // namespace baro::cli
