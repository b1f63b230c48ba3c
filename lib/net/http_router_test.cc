// Paths find their route, their places and their methods.

#include "baro/net/http_router.h"

#include "compression.h"
#include "gtest/gtest.h"
#include "http_head.h"

namespace baro::net {
namespace {

HttpRouter MakeRouter() {
  HttpRouter router;
  const auto answer = [](const ServerRequest&) { return ServerResponse(); };
  router.Handle({"GET"}, "/", HttpLane::kInline, answer);
  router.Handle({"GET", "POST"}, "/api/v1/query", HttpLane::kInline, answer);
  router.Handle({"GET"}, "/api/v1/label/{name}/values", HttpLane::kInline, answer);
  router.Handle({"GET"}, "/files/{rest...}", HttpLane::kInline, answer);
  return router;
}

TEST(HttpRouter, FindsPathsAndTheirPlaces) {
  const HttpRouter router = MakeRouter();
  EXPECT_NE(router.Find("GET", "/").route, nullptr);
  EXPECT_NE(router.Find("HEAD", "/api/v1/query").route, nullptr);
  const auto found = router.Find("GET", "/api/v1/label/a%2Fb/values");
  ASSERT_NE(found.route, nullptr);
  EXPECT_EQ(found.path_values, (FormPairs{{"name", "a/b"}}));
  EXPECT_EQ(router.Find("GET", "/files/a/b").path_values, (FormPairs{{"rest", "a/b"}}));
}

TEST(HttpRouter, FindsNothingElse) {
  const HttpRouter router = MakeRouter();
  for (const char* path : {"", "api", "/api/v1/query/", "/api/v1", "/api/v1/label/x/values/y",
                           "/api/v1/label/%zz/values", "//"}) {
    EXPECT_EQ(router.Find("GET", path).route, nullptr) << path;
    EXPECT_EQ(router.Find("GET", path).allow, "") << path;
  }
}

TEST(HttpRouter, TellsWhichMethodsAPathAllows) {
  const auto found = MakeRouter().Find("DELETE", "/api/v1/query");
  EXPECT_EQ(found.route, nullptr);
  EXPECT_EQ(found.allow, "GET, HEAD, OPTIONS, POST");
}

TEST(HttpRouter, LeadsToThePathThatIsMeant) {
  HttpRouter router = MakeRouter();
  EXPECT_EQ(router.Find("GET", "//api/v1/./query").redirect, "/api/v1/query");
  EXPECT_EQ(router.Find("GET", "/api/v1/query/").redirect, "/api/v1/query");
  EXPECT_EQ(router.Find("GET", "/x/../api/v1/query").redirect, "/api/v1/query");
  EXPECT_EQ(router.Find("GET", "/../../x").redirect, "");
  EXPECT_EQ(router.Find("GET", "/api/v1/label//values").redirect, "");
}

TEST(HttpRouter, KnowsNothingOutsideItsPrefix) {
  HttpRouter router = MakeRouter();
  router.SetPrefix("/prom");
  EXPECT_NE(router.Find("GET", "/prom/api/v1/query").route, nullptr);
  EXPECT_NE(router.Find("GET", "/prom/").route, nullptr);
  EXPECT_EQ(router.Find("GET", "/prom").redirect, "/prom/");
  EXPECT_EQ(router.Find("GET", "/").redirect, "/prom/");
  EXPECT_EQ(router.Find("GET", "/prom//api/v1/query").redirect, "/prom/api/v1/query");
  for (const char* path : {"/api/v1/query", "/promenade/", "/prom2/api/v1/query"}) {
    EXPECT_EQ(router.Find("GET", path).route, nullptr) << path;
    EXPECT_EQ(router.Find("GET", path).redirect, "") << path;
  }
}

TEST(HttpReply, AnswersFiveHundredWhenDropped) {
  int status = 0;
  {
    const HttpReply reply([&status](const ServerResponse& response) { status = response.status; });
  }
  EXPECT_EQ(status, 500);
}

TEST(Compression, ChoosesWhatTheClientAccepts) {
  EXPECT_EQ(ChooseCoding(""), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("gzip, deflate, br"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("gzip;q=0.5, zstd"), ContentCoding::kZstd);
  EXPECT_EQ(ChooseCoding("gzip;q=0"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("zstd; q=0.000 ,gzip"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("*"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("zstd;q=0.5, gzip;q=0.8"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("deflate"), ContentCoding::kDeflate);
  EXPECT_EQ(ChooseCoding("deflate, gzip"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("identity, gzip;q=0.5"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding("identity;q=0, *;q=0.1"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("gzip;q=x"), ContentCoding::kGzip);
  EXPECT_EQ(ChooseCoding("br, GZIP"), ContentCoding::kIdentity);
  EXPECT_EQ(ChooseCoding(",,;;q=,gzip;;"), ContentCoding::kGzip);
}

TEST(HttpHead, TakesTargetsApart) {
  EXPECT_EQ(SplitTarget("/a?b=c#d").path, "/a");
  EXPECT_EQ(SplitTarget("/a?b=c#d").query, "b=c");
  EXPECT_EQ(SplitTarget("http://host:1/a?b").path, "/a");
  EXPECT_EQ(SplitTarget("/a?url=http://x/").path, "/a");
  EXPECT_EQ(SplitTarget("*").path, "*");
}

TEST(HttpHead, WritesDatesAsTheProtocolWantsThem) {
  EXPECT_EQ(HttpDate(784'111'777'000), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace baro::net
