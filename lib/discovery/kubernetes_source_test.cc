// A cluster's objects become the targets that Prometheus makes of them, and follow their changes.
#include "kubernetes_source.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>

#include "baro/base/strings.h"
#include "baro/kubernetes/testing/api_double.h"
#include "kubernetes_objects.h"

namespace baro::discovery {
namespace {

constexpr std::string_view kPod = R"({
  "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "labels": {"app.io/name": "web"},
    "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
    "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d", "controller": true}]},
  "spec": {"nodeName": "n1",
    "containers": [{"name": "app", "image": "web:1", "ports": [
      {"name": "http", "containerPort": 8080, "protocol": "TCP"},
      {"name": "admin", "containerPort": 9000, "protocol": "TCP"}]}, {"name": "side", "image": "s"}],
    "initContainers": [{"name": "init", "image": "i"}]},
  "status": {"podIP": "10.1.0.5", "hostIP": "10.0.0.1", "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [{"name": "app", "containerID": "c://1"}]}})";

template <typename T>
T Read(std::string_view text, T (*read)(const kubernetes::Json&)) {
  kubernetes::JsonParser parser;
  const auto json = parser.Parse(text, "object");
  EXPECT_TRUE(json.ok()) << json.status();
  return read(*json);
}

std::string Addresses(const std::vector<TargetGroup>& groups) {
  std::string text;
  for (const TargetGroup& group : groups) {
    base::StrAppend(&text, text.empty() ? "" : " ", group.targets.front());
  }
  return text;
}

TEST(KubernetesTargets, MakesOneOfEachContainerAndPort) {
  KubernetesDiscovery discovery;
  discovery.role = KubernetesRole::kPod;
  KubeCluster cluster;
  cluster.pods["shop/web-1"] = Read(kPod, ReadPod);
  const auto groups = GroupsOf(discovery, cluster);
  EXPECT_EQ(Addresses(groups), "10.1.0.5:8080 10.1.0.5:9000 10.1.0.5 10.1.0.5");
  const MetaLabels expected = {
      {"__meta_kubernetes_namespace", "shop"},
      {"__meta_kubernetes_pod_annotation_prometheus_io_port", "8080"},
      {"__meta_kubernetes_pod_annotation_prometheus_io_scrape", "true"},
      {"__meta_kubernetes_pod_annotationpresent_prometheus_io_port", "true"},
      {"__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape", "true"},
      {"__meta_kubernetes_pod_container_id", "c://1"},
      {"__meta_kubernetes_pod_container_image", "web:1"},
      {"__meta_kubernetes_pod_container_init", "false"},
      {"__meta_kubernetes_pod_container_name", "app"},
      {"__meta_kubernetes_pod_container_port_name", "http"},
      {"__meta_kubernetes_pod_container_port_number", "8080"},
      {"__meta_kubernetes_pod_container_port_protocol", "TCP"},
      {"__meta_kubernetes_pod_controller_kind", "ReplicaSet"},
      {"__meta_kubernetes_pod_controller_name", "web-5d"},
      {"__meta_kubernetes_pod_host_ip", "10.0.0.1"},
      {"__meta_kubernetes_pod_ip", "10.1.0.5"},
      {"__meta_kubernetes_pod_label_app_io_name", "web"},
      {"__meta_kubernetes_pod_labelpresent_app_io_name", "true"},
      {"__meta_kubernetes_pod_name", "web-1"},
      {"__meta_kubernetes_pod_node_name", "n1"},
      {"__meta_kubernetes_pod_phase", "Running"},
      {"__meta_kubernetes_pod_ready", "true"},
      {"__meta_kubernetes_pod_uid", "u1"}};
  EXPECT_EQ(groups[0].labels, expected);
  EXPECT_EQ(groups[3].labels.at("__meta_kubernetes_pod_container_init"), "true");
  EXPECT_FALSE(groups[3].labels.contains("__meta_kubernetes_pod_container_port_name"));
}

TEST(KubernetesTargets, JoinsSlicesWithServicePodAndNode) {
  KubernetesDiscovery discovery;
  discovery.role = KubernetesRole::kEndpointSlice;
  discovery.attach_node_metadata = true;
  KubeCluster cluster;
  cluster.pods["shop/web-1"] = Read(kPod, ReadPod);
  cluster.services["shop/web"] = Read(
      R"({"metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "a"}}, "spec": {"type": "ClusterIP"}})",
      ReadService);
  cluster.nodes["n1"] = Read(R"({"metadata": {"name": "n1", "labels": {"zone": "z1"}}})", ReadNode);
  cluster.endpoints["shop/web-x"] = Read(
      R"({"metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
          "addressType": "IPv4", "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
          "endpoints": [{"addresses": ["10.1.0.5"], "conditions": {"ready": true}, "nodeName": "n1",
            "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "shop"}}]})",
      ReadEndpointSlice);
  const auto groups = GroupsOf(discovery, cluster);
  EXPECT_EQ(Addresses(groups), "10.1.0.5:8080 10.1.0.5:9000")
      << "its own port, the pod's other one";
  const auto& labels = groups[0].labels;
  EXPECT_EQ(labels.at("__meta_kubernetes_service_label_tier"), "a");
  EXPECT_EQ(labels.at("__meta_kubernetes_node_label_zone"), "z1");
  EXPECT_EQ(labels.at("__meta_kubernetes_pod_container_name"), "app");
  EXPECT_EQ(labels.at("__meta_kubernetes_endpointslice_endpoint_conditions_ready"), "true");
  EXPECT_EQ(groups[1].labels.at("__meta_kubernetes_pod_container_port_name"), "admin");
}

TEST(KubernetesTargets, KnowsNodesServicesAndIngresses) {
  KubeCluster cluster;
  cluster.nodes["n1"] = Read(
      R"({"metadata": {"name": "n1"}, "status": {"addresses": [{"type": "Hostname", "address": "h"},
          {"type": "InternalIP", "address": "10.0.0.1"}], "conditions": [{"type": "Ready", "status": "True"}],
          "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}})",
      ReadNode);
  cluster.services["a/b"] = Read(
      R"({"metadata": {"name": "b", "namespace": "a"}, "spec": {"type": "ExternalName", "externalName": "x.y",
          "ports": [{"name": "p", "port": 80, "protocol": "TCP"}]}})",
      ReadService);
  cluster.ingresses["a/i"] = Read(
      R"({"metadata": {"name": "i", "namespace": "a"}, "spec": {"tls": [{"hosts": ["*.x.y"]}],
          "rules": [{"host": "w.x.y", "http": {"paths": [{"path": "/m"}, {}]}}, {"host": "x.y"}]}})",
      ReadIngress);
  KubernetesDiscovery discovery;
  auto groups = GroupsOf(discovery, cluster);
  EXPECT_EQ(Addresses(groups), "10.0.0.1:10250");
  EXPECT_EQ(groups[0].labels.at("instance"), "n1");
  EXPECT_EQ(groups[0].labels.at("__meta_kubernetes_node_address_Hostname"), "h");
  EXPECT_EQ(groups[0].labels.at("__meta_kubernetes_node_condition_ready"), "true");
  discovery.role = KubernetesRole::kService;
  groups = GroupsOf(discovery, cluster);
  EXPECT_EQ(Addresses(groups), "b.a.svc:80");
  EXPECT_EQ(groups[0].labels.at("__meta_kubernetes_service_external_name"), "x.y");
  discovery.role = KubernetesRole::kIngress;
  groups = GroupsOf(discovery, cluster);
  ASSERT_EQ(Addresses(groups), "w.x.y w.x.y x.y");
  EXPECT_EQ(groups[0].labels.at("__meta_kubernetes_ingress_scheme"), "https");
  EXPECT_EQ(groups[1].labels.at("__meta_kubernetes_ingress_path"), "/");
  EXPECT_EQ(groups[2].labels.at("__meta_kubernetes_ingress_scheme"), "http");
}

TEST(KubernetesSource, FollowsACluster) {
  const std::string folder = ::testing::TempDir() + "kubernetes_source";
  std::filesystem::create_directories(folder);
  kubernetes::testing::ApiDouble api(folder);
  api.Put("/api/v1/pods", kPod);
  boost::asio::io_context io;
  KubernetesDiscovery discovery;
  discovery.role = KubernetesRole::kPod;
  discovery.api_server = api.url();
  discovery.http = api.client_config().http;
  auto source = MakeKubernetesSource(discovery, {io.get_executor(), [] {}});
  const auto wait_for = [&](std::string_view addresses) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      source->Poll(0);
      if (Addresses(source->groups()) == addresses) return true;
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return false;
  };
  EXPECT_TRUE(wait_for("10.1.0.5:8080 10.1.0.5:9000 10.1.0.5 10.1.0.5"));
  api.Delete("/api/v1/pods", "shop", "web-1");
  EXPECT_TRUE(wait_for(""));
  source.reset();
  io.run_for(std::chrono::seconds(5));
}

}  // namespace
}  // namespace baro::discovery
