// A URL is taken apart as RFC 3986 says, and what is not a URL is refused with its reason.
#include "baro/net/url.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"

namespace baro::net {
namespace {

TEST(Url, IsTakenApart) {
  const auto url = ParseUrl("HTTP://user:p%40ss@example.org:9100/metrics?a=b#frag");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 9100);
  EXPECT_EQ(url->target, "/metrics?a=b");
  EXPECT_EQ(url->user, "user");
  EXPECT_EQ(url->password, "p@ss");
  EXPECT_EQ(url->ToString(), "http://example.org:9100/metrics?a=b") << "no secrets in logs";
}

TEST(Url, HasItsSchemesPortAndARootPath) {
  EXPECT_EQ(ParseUrl("http://a")->Authority(), "a:80");
  EXPECT_EQ(ParseUrl("http://a")->HostHeader(), "a");
  EXPECT_EQ(ParseUrl("https://a?x=1")->Authority(), "a:443");
  EXPECT_EQ(ParseUrl("https://a?x=1")->target, "/?x=1");
  EXPECT_EQ(ParseUrl("http://[::1]:90/x")->host, "::1");
  EXPECT_EQ(ParseUrl("http://[::1]:90/x")->Authority(), "[::1]:90");
}

TEST(Url, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "a:80", "ftp://a", "http://", "http://:80", "http://a:0", "http://a:x",
        "http://a:70000", "http://[::1", "http://[::1]x", "http://a b/"}) {
    const auto url = ParseUrl(bad);
    EXPECT_FALSE(url.ok()) << bad;
    EXPECT_TRUE(base::FromAbsl(url.status().message()).starts_with("cannot parse URL")) << bad;
  }
}

TEST(Url, ResolvesWhereARedirectPoints) {
  const Url base = *ParseUrl("http://a:1/x/y?q");
  EXPECT_EQ(ResolveUrl(base, "http://b/z")->ToString(), "http://b/z");
  EXPECT_EQ(ResolveUrl(base, "//b:2/z")->ToString(), "http://b:2/z");
  EXPECT_EQ(ResolveUrl(base, "/z")->ToString(), "http://a:1/z");
  EXPECT_EQ(ResolveUrl(base, "z?http://c")->ToString(), "http://a:1/x/z?http://c");
  EXPECT_EQ(ResolveUrl(base, "?r")->ToString(), "http://a:1/x/y?r");
}

TEST(Url, EscapesAQuery) {
  EXPECT_EQ(QueryEscape("rate(a_b{c=\"d e\"}[5m])~-."),
            "rate%28a_b%7Bc%3D%22d%20e%22%7D%5B5m%5D%29~-.");
}

}  // namespace
}  // namespace baro::net
