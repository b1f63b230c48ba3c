// Parameters are read as Prometheus reads them, with its words when they are wrong.

#include "http_api/parameters.h"

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "gtest/gtest.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

net::ServerRequest Get(std::string query) {
  net::ServerRequest request;
  request.method = "GET";
  request.query = std::move(query);
  return request;
}

TEST(Parameters, ComeFromQueryAndForm) {
  net::ServerRequest request = Get("a=url&b=2");
  request.method = "POST";
  request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
  request.body = "a=form&match[]=x&match%5B%5D=y";
  const Parameters parameters(request);
  EXPECT_EQ(parameters.Get("a"), "form");
  EXPECT_EQ(parameters.Get("b"), "2");
  EXPECT_EQ(parameters.Get("c"), "");
  EXPECT_EQ(parameters.All("match[]"), (std::vector<std::string>{"x", "y"}));
}

TEST(Parameters, LeaveOutWhatCannotBeDecodedAndKeepTheRest) {
  const Parameters parameters(Get("query=%zz&time=1;2&limit=3"));
  EXPECT_EQ(parameters.Get("query"), "");
  EXPECT_EQ(parameters.Get("time"), "");
  EXPECT_EQ(parameters.Get("limit"), "3");
}

TEST(Parameters, ReadTimes) {
  const struct {
    const char* text;
    int64_t time_ms;
  } cases[] = {{"4", 4'000},
               {"1435781430.781", 1'435'781'430'781},
               {"-1.5", -1'500},
               {"1e9", 1'000'000'000'000},
               {"2015-07-01T20:10:30.781Z", 1'435'781'430'781},
               {"2015-07-01T22:10:30.7819+02:00", 1'435'781'430'781},
               {"1970-01-01T00:00:00Z", 0},
               {"0001-01-01T00:00:00Z", -62'135'596'800'000},
               {"2024-02-29T00:00:00Z", 1'709'164'800'000},
               {"-292273086-05-16T16:47:06Z", model::kTimeMsMin},
               {"292277025-08-18T07:12:54.999999999Z", model::kTimeMsMax}};
  for (const auto& test : cases) {
    const auto time_ms = ParseTimeMs(test.text);
    ASSERT_TRUE(time_ms.ok()) << test.text << ": " << time_ms.status();
    EXPECT_EQ(*time_ms, test.time_ms) << test.text;
  }
}

TEST(Parameters, RefuseTimesThatAreNone) {
  for (const char* bad :
       {"", "x", "NaN", "Inf", "1e300", "2023-02-29T00:00:00Z", "2023-1-01T0:0:0Z",
        "2023-01-01T00:00:00", "2023-01-01T25:00:00Z", "1.5s"}) {
    const auto time_ms = ParseTimeMs(bad);
    EXPECT_EQ(time_ms.status().message(),
              base::StrCat("cannot parse \"", bad, "\" to a valid timestamp"));
  }
}

TEST(Parameters, ReadDurations) {
  EXPECT_EQ(*ParseDurationMs("15"), 15'000);
  EXPECT_EQ(*ParseDurationMs("0.5"), 500);
  EXPECT_EQ(*ParseDurationMs("1h30m"), 5'400'000);
  EXPECT_EQ(*ParseDurationMs("-1"), -1'000);
  EXPECT_EQ(ParseDurationMs("a").status().message(), "cannot parse \"a\" to a valid duration");
  EXPECT_EQ(ParseDurationMs("1e12").status().message(),
            "cannot parse \"1e12\" to a valid duration. It overflows int64");
  EXPECT_FALSE(ParseDurationMs("").ok());
  EXPECT_FALSE(ParseDurationMs("NaN").ok());
}

TEST(Parameters, TellWhichParameterIsWrong) {
  EXPECT_EQ(TimeParameter(Parameters(Get("time=x")), "time", 0).status().message(),
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a "
            "valid timestamp");
  EXPECT_EQ(LimitParameter(Parameters(Get("limit=x"))).status().message(),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(LimitParameter(Parameters(Get("limit=-1"))).status().message(),
            "invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(*LimitParameter(Parameters(Get(""))), 0u);
  EXPECT_EQ(*TimeParameter(Parameters(Get("")), "time", 7), 7);
}

TEST(Parameters, WantASelectorThatSelects) {
  EXPECT_EQ(MatchParameters(Parameters(Get("match[]=up"))).value().size(), 1u);
  EXPECT_EQ(MatchParameters(Parameters(Get("match[]={}"))).status().message(),
            "match[] must contain at least one non-empty matcher");
  EXPECT_FALSE(MatchParameters(Parameters(Get("match[]={a=~\".*\"}"))).ok());
  EXPECT_FALSE(MatchParameters(Parameters(Get("match[]=up{"))).ok());
}

TEST(Parameters, UnescapeNamesAsGrafanaSendsThem) {
  EXPECT_EQ(UnescapeName("job"), "job");
  EXPECT_EQ(UnescapeName("U__a_2e_b"), "a.b");
  EXPECT_EQ(UnescapeName("U__a__b"), "a_b");
  EXPECT_EQ(UnescapeName("U___20ac_"), "€");
  EXPECT_EQ(UnescapeName("U___1F600_"), "😀");
  for (const char* broken : {"U__a_", "U__a_zz_", "U__a_2e", "U___D800_", "U___1234567_"}) {
    EXPECT_EQ(UnescapeName(broken), broken);
  }
}

TEST(Parameters, WriteTimesThatReadBack) {
  for (const int64_t time_ms :
       {int64_t{0}, int64_t{1'435'781'430'781}, int64_t{-1}, int64_t{-62'135'596'800'000},
        int64_t{1'709'164'800'000}, int64_t{4'102'444'799'999}}) {
    EXPECT_EQ(ParseRfc3339Ms(FormatRfc3339(time_ms)), time_ms) << FormatRfc3339(time_ms);
  }
  EXPECT_EQ(FormatRfc3339(1'435'781'430'781), "2015-07-01T20:10:30.781Z");
}

}  // namespace
}  // namespace baro::collector
