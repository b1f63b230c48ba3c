// Queries parse as Prometheus parses them, fail with its words at its places, and print
// canonically. Method: tables of queries; the messages and forms were taken from Prometheus itself.

#include "baro/promql/parse.h"

#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "gtest/gtest.h"
#include "number_text.h"

namespace baro::promql {
namespace {

std::string Canonical(std::string_view query) {
  const auto expr = ParseExpression(query);
  return expr.ok() ? Print(**expr) : std::string(base::FromAbsl(expr.status().message()));
}

TEST(Parser, PrintsTheCanonicalForm) {
  const std::pair<const char*, const char*> kCases[] = {
      {"sum(up)by(job)", "sum by (job) (up)"},
      {"sum without()(up)", "sum without () (up)"},
      {"sum by() (up)", "sum(up)"},
      {"topk(5,up)", "topk(5, up)"},
      {"-1^2", "-1 ^ 2"},
      {"a+on(x)group_left b", "a + on (x) group_left () b"},
      {"a+ignoring()b", "a + b"},
      {"a + on() b", "a + on () b"},
      {"a>bool b", "a > bool b"},
      {"a + fill(2) b", "a + fill (2) b"},
      {"a + fill_left(2) fill_right(3) b", "a + fill_left (2) fill_right (3) b"},
      {"up{job='a',b!~\"c\"}", "up{b!~\"c\",job=\"a\"}"},
      {"{__name__=\"up\"}", "{__name__=\"up\"}"},
      {"{\"a.b\",\"c.d\"=\"e\"}", "{\"c.d\"=\"e\",__name__=\"a.b\"}"},
      {"rate(up[300])", "rate(up[5m])"},
      {"rate(up[90m] offset -1h)", "rate(up[1h30m] offset -1h)"},
      {"up @ 1.5", "up @ 1.500"},
      {"up @ -0.5", "up @ -0.500"},
      {"up @ start() offset 5m", "up @ start() offset 5m"},
      {"max_over_time(up[5m:])", "max_over_time(up[5m:])"},
      {"max_over_time(up[5m:30s] @ end())", "max_over_time(up[5m:30s] @ end())"},
      {"rate(up[5m + step() * 2])", "rate(up[5m + step() * 2])"},
      {"up offset max_of(step(), 1m)", "up offset max_of(step(), 1m)"},
      {"up offset max(step(), 1m)", "up offset max_of(step(), 1m)"},
      {"up offset -(1m + 1m)", "up offset -(1m + 1m)"},
      {"rate(up[5m] smoothed)", "rate(up[5m] smoothed)"},
      {"0x1F", "31"},
      {"1_000", "1000"},
      {"010", "8"},
      {"1h30m", "1h30m"},
      {"inf", "+Inf"},
      {"'a\\'b'", "\"a'b\""},
      {"`a\\b`", "\"a\\\\b\""},
      {"(1)", "(1)"},
      {"sum + min", "sum + min"},
      {"up # comment\n+ 1", "up + 1"},
  };
  for (const auto& [query, printed] : kCases) {
    EXPECT_EQ(Canonical(query), printed) << query;
    EXPECT_EQ(Canonical(printed), printed) << "printed form of " << query;
  }
}

TEST(Parser, BindsOperatorsAsPrometheusDoes) {
  const auto shape = [](std::string_view query) {
    const auto expr = ParseExpression(query);
    EXPECT_TRUE(expr.ok()) << expr.status();
    const auto& binary = As<BinaryExpr>(**expr);
    return base::StrCat("(", Print(*binary.lhs), ") ", BinaryOpText(binary.op), " (",
                        Print(*binary.rhs), ")");
  };
  EXPECT_EQ(shape("a - b - c"), "(a - b) - (c)");
  EXPECT_EQ(shape("a ^ b ^ c"), "(a) ^ (b ^ c)");
  EXPECT_EQ(shape("-a * b"), "(-a) * (b)");
  EXPECT_EQ(shape("a or b and c"), "(a) or (b and c)");
  EXPECT_EQ(shape("a + b > c"), "(a + b) > (c)");
  EXPECT_EQ(shape("a * b atan2 c"), "(a * b) atan2 (c)");
  EXPECT_EQ(shape("a and b unless c"), "(a and b) unless (c)");
  EXPECT_EQ(shape("foo offset -2 ^ 2"), "(foo offset -2s) ^ (2)");
  EXPECT_EQ(Canonical("-a ^ b"), "-a ^ b");
  const auto negated = ParseExpression("-a ^ b");
  EXPECT_EQ((*negated)->kind, Expr::Kind::kUnary);
}

TEST(Parser, FailsInPrometheusWordsAtItsPlaces) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "unknown position: parse error: no expression found in input"},
      {"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
      {"sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"},
      {"sum(", "1:5: parse error: unclosed left parenthesis"},
      {")", "1:2: parse error: unexpected right parenthesis ')'"},
      {"up{", "1:4: parse error: unexpected end of input inside braces"},
      {"up{a=b}",
       "1:6: parse error: unexpected identifier \"b\" in label matching, expected string"},
      {"up{a}",
       "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"up[5m", "1:6: parse error: unclosed left bracket"},
      {"up[0]", "1:4: parse error: duration must be greater than 0"},
      {"up[5x]", "1:4: parse error: bad number or duration syntax: \"5\""},
      {"up{a=~\"(\"}", "1:4: parse error: error parsing regexp: missing closing ): `(`"},
      {"up{a=~\"(?<n>x)(\"}",
       "1:4: parse error: error parsing regexp: missing closing ): `(?<n>x)(`"},
      {"up{a=~\"(?<=a)b\"}",
       "1:4: parse error: error parsing regexp: invalid named capture: `(?<=a)b`"},
      {"up{a=~\"(?<!a)\"}",
       "1:4: parse error: error parsing regexp: invalid named capture: `(?<!a)`"},
      {"up{a=~\"(?<\"}",
       "1:4: parse error: error parsing regexp: invalid or unsupported Perl syntax: `(?<`"},
      {"sum by a (up)",
       "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""},
      {"unknown(up)", "1:1: parse error: unknown function with name \"unknown\""},
      {"rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"},
      {"rate(up)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
       "vector"},
      {"1 == 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
      {"1 and 2", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
      {"a + on(x) group_left(x) b",
       "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"},
      {"up offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
      {"up @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"up\n+ $", "2:3: parse error: unexpected character: '$'"},
      {"\"abc", "1:1: parse error: unterminated quoted string"},
      {"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""},
  };
  for (const auto& [query, message] : kCases) EXPECT_EQ(Canonical(query), message) << query;
}

TEST(Parser, RefusesWhatWouldExhaustTheStack) {
  for (const std::string& hostile : {std::string(100'000, '('), std::string(100'000, '-') + "1",
                                     "a" + std::string(20'000, '[')}) {
    EXPECT_EQ(ParseExpression(hostile).status().code(), absl::StatusCode::kInvalidArgument);
  }
  std::string chain = "a";
  for (int i = 0; i < 5'000; ++i) chain += " or a";
  EXPECT_EQ(ParseExpression(chain).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ParseExpression(std::string(kQueryBytesMax + 1, ' ')).ok());
}

TEST(Parser, SpreadsLongQueriesOverLines) {
  const std::string job(60, 'j');
  const auto expr = ParseExpression("sum(rate(" + job + "[5m])) / sum(rate(" + job + "[1h]))");
  ASSERT_TRUE(expr.ok());
  EXPECT_EQ(PrintPretty(**expr), "  sum(rate(" + job + "[5m]))\n/\n  sum(rate(" + job + "[1h]))");
  EXPECT_EQ(PrintPretty(**ParseExpression("sum(up)")), "sum(up)");
}

TEST(ParseSelector, GivesTheMatchers) {
  const auto matchers = ParseSelector("up{job=~\"a.*\"}");
  ASSERT_TRUE(matchers.ok());
  ASSERT_EQ(matchers->size(), 2u);
  EXPECT_EQ((*matchers)[0].ToString(), "job=~\"a.*\"");
  EXPECT_EQ((*matchers)[1].value(), "up");
  EXPECT_TRUE(ParseSelector("{\"my.metric\"}").ok());
  EXPECT_FALSE(ParseSelector("sum(up)").ok());
  EXPECT_FALSE(ParseSelector("").ok());
}

TEST(NumberText, WritesFloatsAsGoDoes) {
  EXPECT_EQ(FormatShort(1e6), "1e+06");
  EXPECT_EQ(FormatShort(100000), "100000");
  EXPECT_EQ(FormatShort(0.00001), "1e-05");
  EXPECT_EQ(FormatFixed(1e21), "1000000000000000000000");
  EXPECT_EQ(FormatFixed(-1.5e22), "-15000000000000000000000");
  EXPECT_EQ(FormatFixed(123456789012345683968.0), "123456789012345680000");
  EXPECT_EQ(FormatFixed(9007199254740994), "9007199254740994");
  EXPECT_EQ(FormatFixed(1.7976931348623157e308), "17976931348623157" + std::string(292, '0'));
  EXPECT_EQ(FormatOpenMetrics(1), "1.0");
  EXPECT_EQ(FormatOpenMetrics(0.25), "0.25");
  EXPECT_EQ(FormatDuration(5'400'000), "1h30m");
  EXPECT_EQ(FormatDuration(14 * 86'400'000LL), "2w");
  EXPECT_EQ(*ParseDurationMs("1y2w3d4h5m6s7ms"), 33'019'506'007);
  EXPECT_FALSE(ParseDurationMs("1m1h").ok());
  EXPECT_FALSE(ParseDurationMs("400y").ok());
}

}  // namespace
}  // namespace baro::promql
