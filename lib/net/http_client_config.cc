#include "baro/net/http_client_config.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/url.h"

namespace baro::net {
namespace {

constexpr size_t kSecretBytesMax = size_t{64} << 10;

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kSecretBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return absl::UnavailableError(base::StrCat("cannot read ", path, ": no such file or not ours"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return std::string(base::FromAbsl(absl::StripAsciiWhitespace(text)));
}

absl::StatusOr<std::string> TextOrFile(const std::string& text, const std::string& file) {
  if (file.empty()) return text;
  return ReadSecret(file);
}

void Exclude(std::string_view key, std::string_view file_key, bool both, base::YamlMap* map) {
  if (both) map->Fail(file_key, base::StrCat(key, " and ", file_key, " exclude each other"));
}

// Two old names of `authorization`.
void ReadBearerToken(base::YamlMap* map, HttpClientConfig* config) {
  Authorization bearer;
  map->Optional("bearer_token", &bearer.credentials);
  map->Optional("bearer_token_file", &bearer.credentials_file);
  if (bearer.credentials.empty() && bearer.credentials_file.empty()) return;
  if (config->authorization) {
    map->Fail("bearer_token", "authorization and bearer_token exclude each other");
  }
  config->authorization = std::move(bearer);
}

void RefuseUnsupported(base::YamlMap* map) {
  for (const char* key : {"oauth2", "sigv4", "azuread", "google_iam"}) {
    const base::YamlNode* node = map->Take(key);
    if (node != nullptr && !node->IsNull()) {
      map->Fail(key, base::StrCat(key, " is not supported"));
    }
  }
}

void ReadProxy(base::YamlMap* map, ProxyConfig* proxy) {
  map->Optional("proxy_url", &proxy->url);
  map->Optional("no_proxy", &proxy->no_proxy);
  map->Optional("proxy_from_environment", &proxy->from_environment);
  map->Optional("proxy_connect_header", &proxy->connect_headers);
  if (proxy->from_environment && !(proxy->url.empty() && proxy->no_proxy.empty())) {
    map->Fail("proxy_from_environment", "it excludes proxy_url and no_proxy");
  }
  if (proxy->url.empty()) {
    if (!proxy->no_proxy.empty()) map->Fail("no_proxy", "it needs a proxy_url");
    return;
  }
  const auto url = ParseUrl(proxy->url);
  if (!url.ok()) {
    map->Fail("proxy_url", base::FromAbsl(url.status().message()));
  } else if (url->scheme != "http") {
    map->Fail("proxy_url",
              base::StrCat("proxies of scheme \"", url->scheme, "\" are not supported (http is)"));
  }
}

std::string Environment(const char* name, const char* lower_name) {
  const char* value = std::getenv(name);
  if (value == nullptr) value = std::getenv(lower_name);
  return value == nullptr ? "" : value;
}

// "10.0.0.0/8" and an address in it.
bool IsInBlock(std::string_view block, const boost::asio::ip::address& address) {
  const size_t slash = block.find('/');
  if (slash == std::string_view::npos) return false;
  boost::system::error_code error;
  const auto base_address =
      boost::asio::ip::make_address(std::string(block.substr(0, slash)), error);
  const int bits = std::atoi(std::string(block.substr(slash + 1)).c_str());
  if (error || base_address.is_v4() != address.is_v4()) return false;
  const auto same = [&](const auto& a, const auto& b) {
    for (int i = 0; i < bits && i < static_cast<int>(a.size()) * 8; ++i) {
      const auto at = static_cast<size_t>(i / 8);
      if (((a[at] ^ b[at]) & (0x80 >> (i % 8))) != 0) return false;
    }
    return true;
  };
  if (address.is_v4()) return same(address.to_v4().to_bytes(), base_address.to_v4().to_bytes());
  return same(address.to_v6().to_bytes(), base_address.to_v6().to_bytes());
}

// The rules that curl and Go have for NO_PROXY.
bool IsExempt(std::string_view no_proxy, const Url& url) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(url.host, error);
  const bool is_address = !error;
  while (!no_proxy.empty()) {
    std::string_view entry = no_proxy.substr(0, no_proxy.find(','));
    no_proxy.remove_prefix(std::min(no_proxy.size(), entry.size() + 1));
    entry = base::FromAbsl(absl::StripAsciiWhitespace(base::ToAbsl(entry)));
    if (entry.empty()) continue;
    if (entry == "*" || entry == url.host || entry == url.Authority()) return true;
    if (is_address) {
      if (IsInBlock(entry, address)) return true;
      continue;
    }
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    const std::string suffix = base::StrCat(entry.starts_with('.') ? "" : ".", entry);
    if (std::string_view(url.host).ends_with(suffix)) return true;
  }
  return false;
}

void MakeAbsolute(const std::string& folder, std::string* path) {
  if (!path->empty()) *path = (std::filesystem::path(folder) / *path).string();
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, BasicAuth* auth) {
  base::YamlMap map(node);
  map.Optional("username", &auth->username);
  map.Optional("username_file", &auth->username_file);
  map.Optional("password", &auth->password);
  map.Optional("password_file", &auth->password_file);
  Exclude("username", "username_file", !auth->username.empty() && !auth->username_file.empty(),
          &map);
  Exclude("password", "password_file", !auth->password.empty() && !auth->password_file.empty(),
          &map);
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, Authorization* authorization) {
  base::YamlMap map(node);
  map.Optional("type", &authorization->type);
  map.Optional("credentials", &authorization->credentials);
  map.Optional("credentials_file", &authorization->credentials_file);
  Exclude("credentials", "credentials_file",
          !authorization->credentials.empty() && !authorization->credentials_file.empty(), &map);
  if (authorization->type.find_first_of(" \t\r\n") != std::string::npos) {
    map.Fail("type", "it holds a space");
  }
  if (absl::AsciiStrToLower(authorization->type) == "basic") {
    map.Fail("type", "use basic_auth for the type \"basic\"");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, HeaderValues* values) {
  base::YamlMap map(node);
  map.Optional("values", &values->values);
  map.Optional("secrets", &values->secrets);
  map.Optional("files", &values->files);
  return map.Finish();
}

void ReadHttpClientConfig(base::YamlMap* map, HttpClientConfig* config) {
  map->Optional("basic_auth", &config->basic_auth);
  map->Optional("authorization", &config->authorization);
  ReadBearerToken(map, config);
  if (config->basic_auth && config->authorization) {
    map->Fail("basic_auth", "at most one of basic_auth and authorization is possible");
  }
  map->Optional("tls_config", &config->tls);
  map->Optional("follow_redirects", &config->follow_redirects);
  map->Optional("http_headers", &config->http_headers);
  map->Ignore("enable_http2");  // there is none to enable: every receiver speaks HTTP/1.1
  ReadProxy(map, &config->proxy);
  RefuseUnsupported(map);
}

void SetProxy(const HttpClientConfig& config, HttpRequest* request) {
  const auto url = ParseUrl(request->url);
  if (!url.ok()) return;  // Send() will say so
  std::string proxy = config.proxy.url;
  std::string no_proxy = config.proxy.no_proxy;
  if (config.proxy.from_environment) {
    proxy = url->scheme == "https" ? Environment("HTTPS_PROXY", "https_proxy")
                                   : Environment("HTTP_PROXY", "http_proxy");
    if (!proxy.empty() && proxy.find("://") == std::string::npos) proxy = "http://" + proxy;
    no_proxy = Environment("NO_PROXY", "no_proxy");
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(url->host, error);
    if (url->host == "localhost" || (!error && address.is_loopback())) return;
  }
  if (proxy.empty() || IsExempt(no_proxy, *url)) return;
  request->proxy_url = std::move(proxy);
  for (const auto& [name, values] : config.proxy.connect_headers) {
    for (const std::string& value : values) request->proxy_headers.push_back({name, value});
  }
}

void MakePathsAbsolute(const std::string& folder, HttpClientConfig* config) {
  if (config->basic_auth) {
    MakeAbsolute(folder, &config->basic_auth->username_file);
    MakeAbsolute(folder, &config->basic_auth->password_file);
  }
  if (config->authorization) MakeAbsolute(folder, &config->authorization->credentials_file);
  for (auto& [name, values] : config->http_headers) {
    for (std::string& file : values.files) MakeAbsolute(folder, &file);
  }
  MakeAbsolute(folder, &config->tls.ca_file);
  MakeAbsolute(folder, &config->tls.cert_file);
  MakeAbsolute(folder, &config->tls.key_file);
}

absl::StatusOr<std::vector<HttpHeader>> RequestHeaders(const HttpClientConfig& config) {
  std::vector<HttpHeader> headers;
  if (config.basic_auth) {
    const BasicAuth& auth = *config.basic_auth;
    BARO_TRY_ASSIGN(const std::string user, TextOrFile(auth.username, auth.username_file));
    BARO_TRY_ASSIGN(const std::string password, TextOrFile(auth.password, auth.password_file));
    headers.push_back(BasicAuthorization(user, password));
  }
  if (config.authorization) {
    const Authorization& auth = *config.authorization;
    BARO_TRY_ASSIGN(const std::string secret, TextOrFile(auth.credentials, auth.credentials_file));
    if (!secret.empty()) {
      headers.push_back({"Authorization", base::StrCat(auth.type, " ", secret)});
    }
  }
  for (const auto& [name, values] : config.http_headers) {
    for (const std::string& value : values.values) headers.push_back({name, value});
    for (const std::string& value : values.secrets) headers.push_back({name, value});
    for (const std::string& file : values.files) {
      BARO_TRY_ASSIGN(std::string value, ReadSecret(file));
      headers.push_back({name, std::move(value)});
    }
  }
  return headers;
}

}  // namespace baro::net
