// The web configuration file is Prometheus', and its passwords hold.

#include "web_config.h"

#include <crypt.h>

#include <filesystem>
#include <fstream>

#include "baro/base/strings.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

std::string Write(const std::string& text) {
  const std::string path = testing::TempDir() + "/web_config_test.yml";
  std::ofstream(path) << text;
  return path;
}

std::string Why(const std::string& text) {
  const std::string why(ReadWebConfig(Write(text)).status().message());
  return why.substr(why.find(".yml:") == std::string::npos ? 0 : why.find(".yml:") + 5);
}

// The cheapest bcrypt there is.
std::string Hash(const std::string& password) {
  crypt_data work{};
  return crypt_r(password.c_str(), "$2y$04$abcdefghijklmnopqrstuu", &work);
}

net::ServerRequest With(const std::string& authorization) {
  net::ServerRequest request;
  if (!authorization.empty()) request.headers = {{"Authorization", authorization}};
  return request;
}

TEST(WebConfig, LetsInWhoKnowsThePassword) {
  WebSecurity security;
  ASSERT_TRUE(security
                  .Load(Write(base::StrCat("basic_auth_users:\n  alice: ", Hash("secret:1"),
                                           "\nhttp_server_config:\n  headers: {X-Frame-Options: "
                                           "deny}\n")))
                  .ok());
  // alice:secret:1
  const std::string good = "Basic YWxpY2U6c2VjcmV0OjE=";
  EXPECT_FALSE(security.Guard(With(good)));
  EXPECT_FALSE(security.Guard(With(good))) << "from the cache";
  for (const char* bad : {"", "Basic", "Basic !!!!", "Basic YWxpY2U=", "Basic YWxpY2U6c2VjcmV0",
                          "Basic Ym9iOnNlY3JldDox", "Bearer YWxpY2U6c2VjcmV0OjE="}) {
    const auto refused = security.Guard(With(bad));
    ASSERT_TRUE(refused) << bad;
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->headers, (net::HttpHeaders{{"WWW-Authenticate", "Basic"}}));
  }
  net::ServerResponse response;
  security.Decorate(&response);
  EXPECT_EQ(response.headers, (net::HttpHeaders{{"X-Frame-Options", "deny"}}));
}

TEST(WebConfig, KeepsWhatWasInForceWhenTheFileIsWrong) {
  WebSecurity security;
  ASSERT_TRUE(
      security.Load(Write(base::StrCat("basic_auth_users: {alice: ", Hash("x"), "}"))).ok());
  EXPECT_FALSE(security.Load(Write("basic_auth_users: {alice: plain}")).ok());
  EXPECT_TRUE(security.Guard(With("")));
  ASSERT_TRUE(security.Load(Write("")).ok());
  EXPECT_FALSE(security.Guard(With("")));
}

TEST(WebConfig, NamesThePlaceOfAMistake) {
  EXPECT_EQ(Why("basic_auth_users: {a: b}"), "1:19: the password of \"a\" is not a bcrypt hash");
  EXPECT_EQ(Why("tls_server_config: {cert: x}"), "1:20: missing: a server needs its private key");
  EXPECT_EQ(Why("tls_server_config: {cert: x, key: y, min_version: TLS9}"),
            "1:51: unknown value \"TLS9\"");
  EXPECT_EQ(Why("tls_server_config: {cert: x, key: y, cipher_suites: [NOPE]}"),
            "1:53: unknown cipher suite \"NOPE\"");
  EXPECT_EQ(Why("http_server_config: {headers: {X-Evil: y}}"),
            "1:31: header \"X-Evil\" can not be configured");
  EXPECT_NE(Why("tls_server_config: {cert_file: nothing.pem, key: y}").find("cannot read "),
            std::string::npos);
  EXPECT_NE(Why("tls_client_config: {}"), "");
}

}  // namespace
}  // namespace baro::collector
