#include "resources.h"

#include <array>

#include "simple_families.h"
#include "workload_families.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

constexpr std::string_view kLabelsHelp = "Kubernetes labels converted to Prometheus labels.";

Resource MakeResource(std::string_view name, std::string_view path, std::string_view label,
                      std::string_view labels_family, std::span<const SimpleFamily> simple,
                      void (*extra)(const Json&, ObjectSeries*)) {
  Resource resource;
  resource.name = name;
  resource.path = path;
  resource.label = label;
  resource.labels_family = {labels_family, kLabelsHelp};
  resource.simple = simple;
  resource.extra = extra;
  return resource;
}

std::vector<Resource> MakeResources() {
  std::vector<Resource> all = {
      MakeResource("configmaps", "/api/v1/configmaps", "configmap", "kube_configmap_labels",
                   kConfigMapSimple, nullptr),
      MakeResource("cronjobs", "/apis/batch/v1/cronjobs", "cronjob", "kube_cronjob_labels",
                   kCronJobSimple, AddCronJob),
      MakeResource("daemonsets", "/apis/apps/v1/daemonsets", "daemonset", "kube_daemonset_labels",
                   kDaemonSetSimple, nullptr),
      MakeResource("deployments", "/apis/apps/v1/deployments", "deployment",
                   "kube_deployment_labels", kDeploymentSimple, AddDeployment),
      MakeResource("endpoints", "/api/v1/endpoints", "endpoint", "kube_endpoint_labels",
                   kEndpointSimple, AddEndpoints),
      MakeResource("horizontalpodautoscalers", "/apis/autoscaling/v2/horizontalpodautoscalers",
                   "horizontalpodautoscaler", "kube_horizontalpodautoscaler_labels",
                   kHorizontalPodAutoscalerSimple, AddAutoscaler),
      MakeResource("ingresses", "/apis/networking.k8s.io/v1/ingresses", "ingress",
                   "kube_ingress_labels", kIngressSimple, AddIngress),
      MakeResource("jobs", "/apis/batch/v1/jobs", "job_name", "kube_job_labels", kJobSimple,
                   AddJob),
      MakeResource("namespaces", "/api/v1/namespaces", "namespace", "kube_namespace_labels",
                   kNamespaceSimple, AddNamespace),
      MakeResource("networkpolicies", "/apis/networking.k8s.io/v1/networkpolicies", "networkpolicy",
                   "kube_networkpolicy_labels", kNetworkPolicySimple, nullptr),
      MakeResource("nodes", "/api/v1/nodes", "node", "kube_node_labels", kNodeSimple, AddNode),
      MakeResource("persistentvolumeclaims", "/api/v1/persistentvolumeclaims",
                   "persistentvolumeclaim", "kube_persistentvolumeclaim_labels",
                   kPersistentVolumeClaimSimple, AddVolumeClaim),
      MakeResource("persistentvolumes", "/api/v1/persistentvolumes", "persistentvolume",
                   "kube_persistentvolume_labels", kPersistentVolumeSimple, AddVolume),
      MakeResource("poddisruptionbudgets", "/apis/policy/v1/poddisruptionbudgets",
                   "poddisruptionbudget", "kube_poddisruptionbudget_labels",
                   kPodDisruptionBudgetSimple, nullptr),
      MakeResource("pods", "/api/v1/pods", "pod", "kube_pod_labels", kPodSimple, AddPod),
      MakeResource("replicasets", "/apis/apps/v1/replicasets", "replicaset",
                   "kube_replicaset_labels", kReplicaSetSimple, AddReplicaSet),
      MakeResource("resourcequotas", "/api/v1/resourcequotas", "resourcequota",
                   "kube_resourcequota_labels", kResourceQuotaSimple, AddQuota),
      MakeResource("secrets", "/api/v1/secrets", "secret", "kube_secret_labels", kSecretSimple,
                   AddSecret),
      MakeResource("services", "/api/v1/services", "service", "kube_service_labels", kServiceSimple,
                   AddService),
      MakeResource("statefulsets", "/apis/apps/v1/statefulsets", "statefulset",
                   "kube_statefulset_labels", kStatefulSetSimple, AddStatefulSet),
  };
  for (Resource& resource : all) {
    resource.has_uid = resource.name == "pods" || resource.name == "services";
    resource.metadata_only = resource.name == "secrets" || resource.name == "configmaps";
  }
  return all;
}

}  // namespace

std::span<const Resource> AllResources() {
  static const std::vector<Resource> all = MakeResources();
  return all;
}

const Resource* FindResource(std::string_view name) {
  for (const Resource& resource : AllResources()) {
    if (resource.name == name) return &resource;
  }
  return nullptr;
}

model::Labels ObjectLabels(const Resource& resource, const Json& object,
                           const model::Labels& common) {
  const Json metadata = object["metadata"];
  model::Labels labels = common;
  labels.Set("namespace", metadata["namespace"].Text());
  labels.Set(resource.label, metadata["name"].Text());
  if (resource.has_uid) labels.Set("uid", metadata["uid"].Text());
  return labels;
}

ObjectSeries SeriesOf(const Resource& resource, const Json& object, bool labels) {
  ObjectSeries series;
  for (const SimpleFamily& simple : resource.simple) AddSimple(simple, object, &series);
  if (resource.extra != nullptr) resource.extra(object, &series);
  if (labels) AddLabels(resource.labels_family, object, &series);
  return series;
}

}  // namespace baro::agent
