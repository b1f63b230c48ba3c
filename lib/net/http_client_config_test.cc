// How to reach a peer is read strictly, and secrets are read from their files each time.
#include "baro/net/http_client_config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "baro/base/strings.h"

namespace baro::net {
namespace {

absl::StatusOr<HttpClientConfig> Read(std::string_view yaml) {
  const auto node = base::ParseYaml(yaml, "c.yml");
  if (!node.ok()) return node.status();
  HttpClientConfig config;
  base::YamlMap map(*node);
  ReadHttpClientConfig(&map, &config);
  const absl::Status status = map.Finish();
  if (!status.ok()) return status;
  return config;
}

void ExpectRefused(std::string_view yaml, std::string_view words) {
  const auto config = Read(yaml);
  ASSERT_FALSE(config.ok()) << yaml;
  EXPECT_NE(config.status().message().find(base::ToAbsl(words)), absl::string_view::npos)
      << config.status();
}

TEST(HttpClientConfig, SendsTheCredentialsItWasGiven) {
  const auto basic = Read("basic_auth: {username: u, password: p}\n");
  ASSERT_TRUE(basic.ok()) << basic.status();
  const auto headers = RequestHeaders(*basic);
  ASSERT_TRUE(headers.ok());
  ASSERT_EQ(headers->size(), 1U);
  EXPECT_EQ(headers->at(0).value, "Basic dTpw");
  const auto old = Read("bearer_token: t\nhttp_headers: {X-Scope: {values: [a], secrets: [b]}}\n");
  ASSERT_TRUE(old.ok()) << old.status();
  const auto both = RequestHeaders(*old);
  ASSERT_TRUE(both.ok());
  ASSERT_EQ(both->size(), 3U);
  EXPECT_EQ(both->at(0).value, "Bearer t");
  EXPECT_EQ(both->at(2).name, "X-Scope");
}

TEST(HttpClientConfig, ReadsASecretFileForEachRequest) {
  const std::string path = ::testing::TempDir() + "http_client_config_token";
  std::ofstream(path) << "one\n";
  auto config = Read(base::StrCat("authorization: {credentials_file: ", path, "}\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(RequestHeaders(*config)->at(0).value, "Bearer one");
  std::ofstream(path) << "two\n";
  EXPECT_EQ(RequestHeaders(*config)->at(0).value, "Bearer two");
  config->authorization->credentials_file += ".gone";
  EXPECT_EQ(RequestHeaders(*config).status().code(), absl::StatusCode::kUnavailable);
}

TEST(HttpClientConfig, RefusesWhatItCannotDo) {
  ExpectRefused("basic_auth: {username: u, password: p, password_file: f}\n",
                "c.yml:1:55: password and password_file exclude each other");
  ExpectRefused("basic_auth: {username: u}\nauthorization: {credentials: x}\n", "at most one of");
  ExpectRefused("authorization: {type: Basic, credentials: x}\n", "use basic_auth");
  ExpectRefused("oauth2: {client_id: x}\n", "c.yml:1:9: oauth2 is not supported");
  ExpectRefused("proxy_url: socks5://p:1\n", "");
  ExpectRefused("proxy_url: https://p:1\n", "proxies of scheme \"https\" are not supported");
  ExpectRefused("no_proxy: a\n", "needs a proxy_url");
  ExpectRefused("proxy_url: http://p:1\nproxy_from_environment: true\n", "excludes proxy_url");
  ExpectRefused("tls_config: {cert_file: a}\n", "needs both cert and key");
  ExpectRefused("tls_config: {min_version: TLS9}\n", "none of TLS10");
  ExpectRefused("tls_config: {ca: a, ca_file: b}\n", "exclude each other");
  EXPECT_TRUE(Read("proxy_url: ''\nenable_http2: false\nproxy_from_environment: false\n").ok());
}

TEST(HttpClientConfig, KnowsWhoIsAskedThroughTheProxy) {
  const auto config = Read(
      "proxy_url: http://u:p@proxy:3128\nno_proxy: 'localhost, .corp, 10.0.0.0/8, h:81'\n"
      "proxy_connect_header: {X-A: [b]}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto proxy_of = [&](std::string_view url) {
    HttpRequest request;
    request.url = url;
    SetProxy(*config, &request);
    return request.proxy_url;
  };
  EXPECT_EQ(proxy_of("http://h/"), "http://u:p@proxy:3128");
  EXPECT_EQ(proxy_of("http://11.1.2.3/"), "http://u:p@proxy:3128");
  for (const char* url :
       {"http://localhost:9/", "http://a.corp/", "https://10.1.2.3/", "http://h:81/x"}) {
    EXPECT_EQ(proxy_of(url), "") << url;
  }
}

}  // namespace
}  // namespace baro::net
