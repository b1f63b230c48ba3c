// Kubeconfig files: kubernetes.io/docs/reference/config-api/kubeconfig.v1.
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/kubernetes/client.h"

namespace baro::kubernetes {
namespace {

using base::YamlNode;

YamlNode Member(const YamlNode& map, std::string_view key) {
  for (const YamlNode::Entry& entry : map.entries()) {
    if (entry.key.scalar() == key) return entry.value;
  }
  return {};
}

// The element of list `list` whose `name` is `name`, and of it the member `member`.
absl::StatusOr<YamlNode> Named(const YamlNode& root, std::string_view list, std::string_view name,
                               std::string_view member) {
  for (const YamlNode& element : Member(root, list).elements()) {
    if (Member(element, "name").scalar() == name) return Member(element, member);
  }
  return root.ErrorAt(base::StrCat("no entry \"", name, "\" in ", list));
}

// A file's name, relative to the kubeconfig's folder.
std::string PathOf(const YamlNode& node, const std::string& folder) {
  if (node.scalar().empty()) return {};
  return (std::filesystem::path(folder) / node.scalar()).string();
}

absl::StatusOr<std::string> Decoded(const YamlNode& node) {
  std::string text;
  if (!absl::Base64Unescape(node.scalar(), &text)) return node.ErrorAt("not base64");
  return text;
}

absl::Status ReadCluster(const YamlNode& cluster, const std::string& folder, ClientConfig* config) {
  config->server = Member(cluster, "server").scalar();
  while (config->server.ends_with('/')) config->server.pop_back();
  if (config->server.empty()) return cluster.ErrorAt("no server");
  net::TlsOptions& tls = config->http.tls;
  BARO_TRY_ASSIGN(tls.ca, Decoded(Member(cluster, "certificate-authority-data")));
  if (tls.ca.empty()) tls.ca_file = PathOf(Member(cluster, "certificate-authority"), folder);
  tls.server_name = Member(cluster, "tls-server-name").scalar();
  return base::ReadYaml(Member(cluster, "insecure-skip-tls-verify"), &tls.insecure_skip_verify);
}

absl::Status ReadUser(const YamlNode& user, const std::string& folder, ClientConfig* config) {
  for (const char* key : {"exec", "auth-provider"}) {
    if (!Member(user, key).IsNull()) {
      return Member(user, key).ErrorAt(base::StrCat(key, " is not supported; use a token file"));
    }
  }
  net::TlsOptions& tls = config->http.tls;
  BARO_TRY_ASSIGN(tls.cert, Decoded(Member(user, "client-certificate-data")));
  BARO_TRY_ASSIGN(tls.key, Decoded(Member(user, "client-key-data")));
  if (tls.cert.empty()) tls.cert_file = PathOf(Member(user, "client-certificate"), folder);
  if (tls.key.empty()) tls.key_file = PathOf(Member(user, "client-key"), folder);
  const std::string token_file = PathOf(Member(user, "tokenFile"), folder);
  const std::string token = Member(user, "token").scalar();
  if (!token_file.empty() || !token.empty()) {
    config->http.authorization.emplace();
    config->http.authorization->credentials_file = token_file;  // wins, as kubectl has it
    if (token_file.empty()) config->http.authorization->credentials = token;
  } else if (!Member(user, "username").scalar().empty()) {
    config->http.basic_auth.emplace();
    config->http.basic_auth->username = Member(user, "username").scalar();
    config->http.basic_auth->password = Member(user, "password").scalar();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClientConfig> ReadKubeConfig(const std::string& path) {
  BARO_TRY_ASSIGN(const YamlNode root, base::ReadYamlFile(path));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const YamlNode current = Member(root, "current-context");
  if (current.scalar().empty()) return root.ErrorAt("no current-context");
  BARO_TRY_ASSIGN(const YamlNode context, Named(root, "contexts", current.scalar(), "context"));
  ClientConfig config;
  BARO_TRY_ASSIGN(const YamlNode cluster,
                  Named(root, "clusters", Member(context, "cluster").scalar(), "cluster"));
  BARO_TRY(ReadCluster(cluster, folder, &config));
  const std::string user_name = Member(context, "user").scalar();
  if (user_name.empty()) return config;
  BARO_TRY_ASSIGN(const YamlNode user, Named(root, "users", user_name, "user"));
  BARO_TRY(ReadUser(user, folder, &config));
  return config;
}

}  // namespace baro::kubernetes
