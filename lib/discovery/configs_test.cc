// Discovery configurations mean what they mean to Prometheus; what we cannot do is refused by name.
#include "baro/discovery/configs.h"

#include <gtest/gtest.h>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::discovery {
namespace {

absl::StatusOr<DiscoveryConfigs> Read(std::string_view text) {
  BARO_TRY_ASSIGN(const base::YamlNode document, base::ParseYaml(text, "c.yml"));
  base::YamlMap map(document);
  DiscoveryConfigs configs;
  ReadDiscoveryConfigs(&map, &configs);
  BARO_TRY(map.Finish());
  return configs;
}

TEST(DiscoveryConfigs, ReadsEveryKind) {
  auto configs = Read(R"(
static_configs: [{targets: ["a:1"], labels: {x: y}}]
file_sd_configs: [{files: ["t/*.json"], refresh_interval: 10s}]
http_sd_configs: [{url: "http://sd/targets", refresh_interval: 5s, basic_auth: {username: u, password_file: p}}]
dns_sd_configs: [{names: [_http._tcp.svc]}, {names: [h], type: A, port: 9100, refresh_interval: 1m}]
kubernetes_sd_configs:
- role: endpointslice
  api_server: https://kube:6443
  namespaces: {names: [a, b]}
  selectors: [{role: pod, label: "app=x"}, {role: endpointslice, field: "metadata.name=y"}]
  attach_metadata: {node: true, namespace: true}
  tls_config: {ca_file: ca.crt}
- role: pod
  namespaces: {own_namespace: true}
)");
  ASSERT_TRUE(configs.ok()) << configs.status();
  EXPECT_EQ(configs->dns[0].type, DnsType::kSrv);
  EXPECT_EQ(configs->dns[1].port, 9100);
  EXPECT_EQ(configs->http[0].http.basic_auth->username, "u");
  EXPECT_EQ(configs->kubernetes[0].role, KubernetesRole::kEndpointSlice);
  EXPECT_EQ(configs->kubernetes[0].selectors[0].label, "app=x");
  EXPECT_TRUE(configs->kubernetes[0].attach_node_metadata);
  EXPECT_TRUE(configs->kubernetes[1].own_namespace);
  MakePathsAbsolute("/etc/baro", &*configs);
  EXPECT_EQ(configs->file[0].files[0], "/etc/baro/t/*.json");
  EXPECT_EQ(configs->http[0].http.basic_auth->password_file, "/etc/baro/p");
  EXPECT_EQ(configs->kubernetes[0].http.tls.ca_file, "/etc/baro/ca.crt");
}

void ExpectRefused(std::string_view text, std::string_view cause) {
  const auto configs = Read(text);
  EXPECT_NE(base::FromAbsl(configs.status().message()).find(cause), std::string_view::npos)
      << text << ": " << configs.status();
}

TEST(DiscoveryConfigs, RefusesMistakesWithTheirPlace) {
  ExpectRefused("consul_sd_configs: [{server: x}]",
                "c.yml:1:20: consul_sd_configs is not supported");
  ExpectRefused("http_sd_configs: [{url: 'x'}]", "c.yml:1:25: ");
  ExpectRefused("http_sd_configs: [{}]", "key \"url\" is missing");
  ExpectRefused("dns_sd_configs: [{names: [a], type: A}]", "need a port");
  ExpectRefused("dns_sd_configs: [{names: [a], type: TXT}]", "\"TXT\" is none of A, AAAA");
  ExpectRefused("dns_sd_configs: [{names: []}]", "no name");
  ExpectRefused("kubernetes_sd_configs: [{role: pods}]", "\"pods\" is none of");
  ExpectRefused("kubernetes_sd_configs: [{role: pod, tls_config: {insecure_skip_verify: true}}]",
                "api_server must be given");
  ExpectRefused("kubernetes_sd_configs: [{role: node, selectors: [{role: pod}]}]",
                "does not look at");
  ExpectRefused("kubernetes_sd_configs: [{role: pod, selectors: [{role: pod}, {role: pod}]}]",
                "two selectors");
}

}  // namespace
}  // namespace baro::discovery
