// The client shows the token of the moment, trusts the authority of the moment, and says in the
// server's words what went wrong. Against the double: a TLS server with token authentication.
#include "baro/kubernetes/client.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/testing/api_double.h"

namespace baro::kubernetes {
namespace {

namespace asio = boost::asio;
using testing::ApiDouble;
using testing::Fault;

std::string NewFolder() {
  std::string pattern = ::testing::TempDir() + "/kubernetes_XXXXXX";
  return mkdtemp(pattern.data());
}

// One client for many requests, each waited for.
class Session {
 public:
  explicit Session(ClientConfig config) : client_(io_.get_executor(), std::move(config)) {}

  absl::StatusOr<std::string> Send(ApiRequest request) {
    absl::StatusOr<std::string> result = absl::InternalError("no answer");
    asio::co_spawn(io_, client_.Send(std::move(request)),
                   [&](const std::exception_ptr&, absl::StatusOr<std::string> answer) {
                     result = std::move(answer);
                   });
    io_.restart();
    io_.run();
    return result;
  }
  absl::StatusOr<std::string> Get(const std::string& path) {
    ApiRequest request;
    request.path = path;
    return Send(std::move(request));
  }
  const ApiClient& client() const { return client_; }

 private:
  asio::io_context io_{1};
  ApiClient client_;
};

TEST(ApiClient, ReadsWithTheTokenOfTheMoment) {
  ApiDouble api(NewFolder());
  api.Serve("/pods", R"({"items":[]})");
  Session session(api.client_config());
  auto answer = session.Get("/pods");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, R"({"items":[]})");

  api.SetToken("second-token", false);
  answer = session.Get("/pods");
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnauthenticated) << answer.status();
  api.SetToken("second-token", true);
  EXPECT_TRUE(session.Get("/pods").ok());
}

TEST(ApiClient, TrustsARenewedAuthority) {
  ApiDouble api(NewFolder());
  api.Serve("/pods", "{}");
  Session session(api.client_config());
  ASSERT_TRUE(session.Get("/pods").ok());
  api.RenewCertificate();
  const auto answer = session.Get("/pods");
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST(ApiClient, TrustsNobodyElse) {
  ApiDouble api(NewFolder());
  ApiDouble other(NewFolder());
  ClientConfig config = api.client_config();
  config.http.tls.ca_file = other.ca_file();
  const auto answer = Session(config).Get("/pods");
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(answer.status().message(), "certificate")) << answer.status();
}

TEST(ApiClient, TellsWhatTheServerSays) {
  const struct {
    int status;
    absl::StatusCode code;
  } cases[] = {
      {401, absl::StatusCode::kUnauthenticated},   {403, absl::StatusCode::kPermissionDenied},
      {404, absl::StatusCode::kNotFound},          {409, absl::StatusCode::kAborted},
      {410, absl::StatusCode::kOutOfRange},        {422, absl::StatusCode::kInvalidArgument},
      {429, absl::StatusCode::kResourceExhausted}, {500, absl::StatusCode::kUnavailable},
      {503, absl::StatusCode::kUnavailable}};
  ApiDouble api(NewFolder());
  Session session(api.client_config());
  for (const auto& one : cases) {
    api.Inject({.kind = Fault::Kind::kStatus, .status = one.status, .retry_after_seconds = 7});
    const auto answer = session.Get("/api/v1/pods?limit=1");
    EXPECT_EQ(answer.status().code(), one.code) << answer.status();
    EXPECT_EQ(
        base::FromAbsl(answer.status().message()),
        base::StrCat("cannot read ", api.url(), "/api/v1/pods: HTTP ", one.status, " injected"));
    EXPECT_EQ(session.client().retry_after_ms(), 7'000);
  }
}

TEST(ApiClient, GivesUpOnASilentServer) {
  ApiDouble api(NewFolder());
  api.Inject({.kind = Fault::Kind::kHang});
  ClientConfig config = api.client_config();
  config.timeout_ms = 200;
  EXPECT_EQ(Session(config).Get("/pods").status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ApiClient, WritesWithOptimisticConcurrency) {
  ApiDouble api(NewFolder());
  Session session(api.client_config());
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
  const std::string lease = R"({"metadata":{"name":"baro","namespace":"kube-system"}})";
  ApiRequest create{.method = "POST", .path = leases, .body = lease};
  EXPECT_TRUE(session.Send(create).ok());
  EXPECT_EQ(session.Send(create).status().code(), absl::StatusCode::kAborted);
  const std::string old = api.Object(leases + "/baro");
  ApiRequest replace{.method = "PUT", .path = leases + "/baro", .body = old};
  EXPECT_TRUE(session.Send(replace).ok());
  EXPECT_EQ(session.Send(replace).status().code(), absl::StatusCode::kAborted);
}

TEST(InClusterConfig, IsFoundInAPodOnly) {
  unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_EQ(InClusterConfig().status().code(), absl::StatusCode::kFailedPrecondition);
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  const auto config = InClusterConfig("/secrets");
  unsetenv("KUBERNETES_SERVICE_HOST");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://[fd00::1]:443");
  EXPECT_EQ(config->http.authorization->credentials_file, "/secrets/token");
  EXPECT_EQ(config->http.tls.ca_file, "/secrets/ca.crt");
}

TEST(KubeConfig, NamesServerAuthorityAndUserOfTheCurrentContext) {
  const std::string path = NewFolder() + "/config";
  std::ofstream(path) << R"(apiVersion: v1
kind: Config
current-context: shop
contexts:
- {name: other, context: {cluster: a, user: a}}
- {name: shop, context: {cluster: b, user: b, namespace: shop}}
clusters:
- {name: b, cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: )"
                      << absl::Base64Escape("PEM") << R"(}}
users:
- {name: b, user: {tokenFile: secrets/token, token: unused}}
)";
  const auto config = ReadKubeConfig(path);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->http.tls.ca, "PEM");
  EXPECT_EQ(config->http.authorization->credentials, "");
  EXPECT_TRUE(config->http.authorization->credentials_file.ends_with("/secrets/token"));
}

TEST(KubeConfig, SaysWhereItIsWrong) {
  const std::string path = NewFolder() + "/config";
  const auto error = [&](std::string_view text) {
    std::ofstream(path) << text;
    return std::string(ReadKubeConfig(path).status().message());
  };
  EXPECT_EQ(error("{}"), path + ":1:1: no current-context");
  EXPECT_EQ(error("current-context: a"), path + ":1:1: no entry \"a\" in contexts");
  EXPECT_EQ(error("current-context: a\n"
                  "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
                  "clusters: [{name: a, cluster: {server: \"https://h\"}}]\n"
                  "users: [{name: a, user: {exec: {command: aws}}}]\n"),
            path + ":4:32: exec is not supported; use a token file");
}

}  // namespace
}  // namespace baro::kubernetes
