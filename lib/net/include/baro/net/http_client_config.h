// HttpClientConfig: how to reach a peer, as Prometheus' configuration says it: who we are (basic
// auth, authorization, headers), and TLS. Secrets in files are read for each request.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/base/yaml.h"
#include "baro/net/http_client.h"
#include "baro/net/tls.h"

namespace baro::net {

struct BasicAuth {
  std::string username;
  std::string username_file;
  std::string password;
  std::string password_file;
  bool operator==(const BasicAuth&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, BasicAuth* auth);

struct Authorization {
  std::string type = "Bearer";
  std::string credentials;
  std::string credentials_file;
  bool operator==(const Authorization&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, Authorization* authorization);

// The values of one header of `http_headers`.
struct HeaderValues {
  std::vector<std::string> values;
  std::vector<std::string> secrets;
  std::vector<std::string> files;
  bool operator==(const HeaderValues&) const = default;
};
absl::Status ReadYaml(const base::YamlNode& node, HeaderValues* values);

// Through whom peers are asked.
struct ProxyConfig {
  std::string url;
  std::string no_proxy;           // hosts, domains, address blocks; comma-separated
  bool from_environment = false;  // HTTP_PROXY, HTTPS_PROXY, NO_PROXY
  std::map<std::string, std::vector<std::string>> connect_headers;
  bool operator==(const ProxyConfig&) const = default;
};

// Value type.
struct HttpClientConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  TlsOptions tls;
  bool follow_redirects = true;
  std::map<std::string, HeaderValues> http_headers;
  ProxyConfig proxy;
  bool operator==(const HttpClientConfig&) const = default;
};

// Reads the keys that Prometheus puts beside others of a block (basic_auth, authorization,
// bearer_token, tls_config, follow_redirects, http_headers, proxy_url and its like). What is not
// supported (oauth2) is refused by name.
void ReadHttpClientConfig(base::YamlMap* map, HttpClientConfig* config);
// File names relative to `folder` become absolute.
void MakePathsAbsolute(const std::string& folder, HttpClientConfig* config);

// Sends the request through the proxy that is meant for its URL, if there is one.
void SetProxy(const HttpClientConfig& config, HttpRequest* request);

// The headers a request needs. Errors: Unavailable, a file cannot be read.
absl::StatusOr<std::vector<HttpHeader>> RequestHeaders(const HttpClientConfig& config);

}  // namespace baro::net
