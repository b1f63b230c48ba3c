#include "workload_families.h"

#include <cmath>
#include <optional>
#include <string>

#include "baro/base/strings.h"
#include "baro/kubernetes/quantity.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

constexpr KubeFamily kDeploymentCondition{"kube_deployment_status_condition",
                                          "The current status conditions of a deployment."};
constexpr KubeFamily kMaxUnavailable{
    "kube_deployment_spec_strategy_rollingupdate_max_unavailable",
    "Maximum number of unavailable replicas during a rolling update of a deployment."};
constexpr KubeFamily kMaxSurge{
    "kube_deployment_spec_strategy_rollingupdate_max_surge",
    "Maximum number of replicas that can be scheduled above the desired number of replicas during "
    "a rolling update of a deployment."};
constexpr KubeFamily kCurrentRevision{
    "kube_statefulset_status_current_revision",
    "Indicates the version of the StatefulSet used to generate Pods in the sequence "
    "[0,currentReplicas)."};
constexpr KubeFamily kUpdateRevision{
    "kube_statefulset_status_update_revision",
    "Indicates the version of the StatefulSet used to generate Pods in the sequence "
    "[replicas-updatedReplicas,replicas)"};
constexpr KubeFamily kClaimRetention{"kube_statefulset_persistentvolumeclaim_retention_policy",
                                     "Count of retention policy for StatefulSet template PVCs"};
constexpr KubeFamily kReplicaSetOwner{"kube_replicaset_owner",
                                      "Information about the ReplicaSet's owner."};
constexpr KubeFamily kJobOwner{"kube_job_owner", "Information about the Job's owner."};
constexpr KubeFamily kJobStatusFailed{
    "kube_job_status_failed",
    "The number of pods which reached Phase Failed and the reason for failure."};
constexpr KubeFamily kJobComplete{"kube_job_complete", "The job has completed its execution."};
constexpr KubeFamily kJobFailed{"kube_job_failed", "The job has failed its execution."};
constexpr KubeFamily kCronJobInfo{"kube_cronjob_info", "Info about cronjob."};
constexpr KubeFamily kAutoscalerInfo{"kube_horizontalpodautoscaler_info",
                                     "Information about this autoscaler."};
constexpr KubeFamily kAutoscalerCondition{"kube_horizontalpodautoscaler_status_condition",
                                          "The condition of this autoscaler."};
constexpr KubeFamily kClaimInfo{"kube_persistentvolumeclaim_info",
                                "Information about persistent volume claim."};
constexpr KubeFamily kClaimPhase{"kube_persistentvolumeclaim_status_phase",
                                 "The phase the persistent volume claim is currently in."};
constexpr KubeFamily kClaimMode{"kube_persistentvolumeclaim_access_mode",
                                "The access mode(s) specified by the persistent volume claim."};
constexpr KubeFamily kClaimCondition{
    "kube_persistentvolumeclaim_status_condition",
    "Information about status of different conditions of persistent volume claim."};
constexpr KubeFamily kVolumePhase{
    "kube_persistentvolume_status_phase",
    "The phase indicates if a volume is available, bound to a claim, or released by a claim."};
constexpr KubeFamily kVolumeClaim{"kube_persistentvolume_claim_ref",
                                  "Information about the Persistent Volume Claim Reference."};
constexpr KubeFamily kVolumeInfo{"kube_persistentvolume_info",
                                 "Information about persistentvolume."};
constexpr KubeFamily kVolumeMode{"kube_persistentvolume_volume_mode",
                                 "Volume Mode information for the PersistentVolume."};
constexpr KubeFamily kNamespacePhase{"kube_namespace_status_phase",
                                     "kubernetes namespace status phase."};
constexpr KubeFamily kNamespaceCondition{"kube_namespace_status_condition",
                                         "The condition of a namespace."};
constexpr KubeFamily kQuota{"kube_resourcequota", "Information about resource quota."};
constexpr KubeFamily kServiceInfo{"kube_service_info", "Information about service."};
constexpr KubeFamily kServiceType{"kube_service_spec_type", "Type about service."};
constexpr KubeFamily kServiceExternalIp{"kube_service_spec_external_ip",
                                        "Service external ips. One series for each ip"};
constexpr KubeFamily kServiceIngress{"kube_service_status_load_balancer_ingress",
                                     "Service load balancer ingress status"};
constexpr KubeFamily kEndpointAddress{
    "kube_endpoint_address", "Information about Endpoint available and non available addresses."};
constexpr KubeFamily kEndpointAvailable{"kube_endpoint_address_available",
                                        "Number of addresses available in endpoint."};
constexpr KubeFamily kEndpointNotReady{"kube_endpoint_address_not_ready",
                                       "Number of addresses not ready in endpoint"};
constexpr KubeFamily kEndpointPorts{"kube_endpoint_ports", "Information about the Endpoint ports."};
constexpr KubeFamily kIngressInfo{"kube_ingress_info", "Information about ingress."};
constexpr KubeFamily kIngressPath{"kube_ingress_path",
                                  "Ingress host, paths and backend service information."};
constexpr KubeFamily kIngressTls{"kube_ingress_tls", "Ingress TLS host and secret information."};
constexpr KubeFamily kSecretOwner{"kube_secret_owner", "Information about the Secret's owner."};

// "25%" of the replicas or a whole number, as a rolling update counts.
std::optional<double> IntOrPercent(const Json& value, double replicas, bool round_up) {
  if (value.Number()) return value.Number();
  const std::string_view text = value.Text();
  if (!text.ends_with('%')) return std::nullopt;
  const std::optional<double> percent = kubernetes::ParseQuantity(text.substr(0, text.size() - 1));
  if (!percent) return std::nullopt;
  const double exact = *percent * replicas / 100;
  return round_up ? std::ceil(exact) : std::floor(exact);
}

void AddJobCondition(const KubeFamily& family, std::string_view type, const Json& job,
                     ObjectSeries* series) {
  for (const Json& condition : job["status"]["conditions"].Items()) {
    if (condition["type"].Text() != type) continue;
    AddCondition(family, {}, "condition", condition["status"].Text(), series);
  }
}

// 0 without a reason; else one series a known reason, or the number of failed pods when the reason
// is none of them.
void AddJobFailures(const Json& job, ObjectSeries* series) {
  const double failed = job["status"]["failed"].NumberOr(0);
  if (failed == 0) {
    series->Add(kJobStatusFailed, 0);
    return;
  }
  bool reason_known = false;
  for (const Json& condition : job["status"]["conditions"].Items()) {
    if (condition["type"].Text() != "Failed") continue;
    for (const std::string_view reason : {"BackoffLimitExceeded", "DeadlineExceeded", "Evicted"}) {
      const bool is_it = condition["reason"].Text() == reason;
      reason_known = reason_known || is_it;
      series->Add(kJobStatusFailed, {{"reason", reason}}, is_it ? 1 : 0);
    }
  }
  if (!reason_known) series->Add(kJobStatusFailed, failed);
}

std::string PortText(const Json& port) {
  const std::optional<double> number = port.Number();
  return number ? base::StrCat(static_cast<int64_t>(*number)) : "";
}

}  // namespace

void AddDeployment(const Json& object, ObjectSeries* series) {
  AddConditions(kDeploymentCondition, object, series);
  const double replicas = object["spec"]["replicas"].NumberOr(1);
  const Json rolling = object["spec"]["strategy"]["rollingUpdate"];
  const auto unavailable = IntOrPercent(rolling["maxUnavailable"], replicas, false);
  const auto surge = IntOrPercent(rolling["maxSurge"], replicas, true);
  if (unavailable) series->Add(kMaxUnavailable, *unavailable);
  if (surge) series->Add(kMaxSurge, *surge);
}

void AddStatefulSet(const Json& object, ObjectSeries* series) {
  const Json status = object["status"];
  series->Add(kCurrentRevision, {{"revision", status["currentRevision"].Text()}}, 1);
  series->Add(kUpdateRevision, {{"revision", status["updateRevision"].Text()}}, 1);
  const Json policy = object["spec"]["persistentVolumeClaimRetentionPolicy"];
  if (!policy.exists()) return;
  series->Add(kClaimRetention,
              {{"when_deleted", policy["whenDeleted"].Text()},
               {"when_scaled", policy["whenScaled"].Text()}},
              1);
}

void AddReplicaSet(const Json& object, ObjectSeries* series) {
  AddOwners(kReplicaSetOwner, object, series);
}

void AddJob(const Json& object, ObjectSeries* series) {
  AddOwners(kJobOwner, object, series);
  AddJobFailures(object, series);
  AddJobCondition(kJobComplete, "Complete", object, series);
  AddJobCondition(kJobFailed, "Failed", object, series);
}

void AddCronJob(const Json& object, ObjectSeries* series) {
  const Json spec = object["spec"];
  series->Add(kCronJobInfo,
              {{"schedule", spec["schedule"].Text()},
               {"concurrency_policy", spec["concurrencyPolicy"].Text()}},
              1);
}

void AddAutoscaler(const Json& object, ObjectSeries* series) {
  const Json scales = object["spec"]["scaleTargetRef"];
  series->Add(kAutoscalerInfo,
              {{"scaletargetref_kind", scales["kind"].Text()},
               {"scaletargetref_name", scales["name"].Text()},
               {"scaletargetref_api_version", scales["apiVersion"].Text()}},
              1);
  AddConditions(kAutoscalerCondition, object, series);
}

void AddVolumeClaim(const Json& object, ObjectSeries* series) {
  const Json spec = object["spec"];
  std::string_view storage_class =
      object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].Text();
  if (storage_class.empty()) storage_class = spec["storageClassName"].Text();
  series->Add(kClaimInfo,
              {{"storageclass", storage_class},
               {"volumename", spec["volumeName"].Text()},
               {"volumemode", spec["volumeMode"].Text()}},
              1);
  AddPhases(kClaimPhase, {"Lost", "Bound", "Pending"}, "phase", object["status"]["phase"].Text(),
            series);
  for (const Json& mode : spec["accessModes"].Items()) {
    series->Add(kClaimMode, {{"access_mode", mode.Text()}}, 1);
  }
  AddConditions(kClaimCondition, object, series);
}

void AddVolume(const Json& object, ObjectSeries* series) {
  const Json spec = object["spec"];
  AddPhases(kVolumePhase, {"Pending", "Available", "Bound", "Released", "Failed"}, "phase",
            object["status"]["phase"].Text(), series);
  const Json claim = spec["claimRef"];
  if (claim.exists()) {
    series->Add(kVolumeClaim,
                {{"name", claim["name"].Text()}, {"claim_namespace", claim["namespace"].Text()}},
                1);
  }
  series->Add(kVolumeInfo,
              {{"storageclass", spec["storageClassName"].Text()},
               {"csi_driver", spec["csi"]["driver"].Text()},
               {"csi_volume_handle", spec["csi"]["volumeHandle"].Text()},
               {"local_path", spec["local"]["path"].Text()},
               {"host_path", spec["hostPath"]["path"].Text()},
               {"nfs_server", spec["nfs"]["server"].Text()},
               {"nfs_path", spec["nfs"]["path"].Text()}},
              1);
  series->Add(kVolumeMode, {{"volumemode", spec["volumeMode"].Text()}}, 1);
}

void AddNamespace(const Json& object, ObjectSeries* series) {
  const std::string_view phase = object["status"]["phase"].Text();
  for (const std::string_view one : {"Active", "Terminating"}) {
    series->Add(kNamespacePhase, {{"phase", one}}, one == phase ? 1 : 0);
  }
  AddConditions(kNamespaceCondition, object, series);
}

void AddQuota(const Json& object, ObjectSeries* series) {
  for (const char* type : {"hard", "used"}) {
    object["status"][type].ForEachField([&](std::string_view resource, const Json& quantity) {
      const auto value = kubernetes::ParseQuantity(quantity.Text());
      if (value) series->Add(kQuota, {{"resource", resource}, {"type", type}}, *value);
    });
  }
}

void AddService(const Json& object, ObjectSeries* series) {
  const Json spec = object["spec"];
  series->Add(kServiceInfo,
              {{"cluster_ip", spec["clusterIP"].Text()},
               {"external_name", spec["externalName"].Text()},
               {"external_traffic_policy", spec["externalTrafficPolicy"].Text()},
               {"load_balancer_ip", spec["loadBalancerIP"].Text()}},
              1);
  series->Add(kServiceType, {{"type", spec["type"].Text()}}, 1);
  for (const Json& ip : spec["externalIPs"].Items()) {
    series->Add(kServiceExternalIp, {{"external_ip", ip.Text()}}, 1);
  }
  for (const Json& ingress : object["status"]["loadBalancer"]["ingress"].Items()) {
    series->Add(kServiceIngress,
                {{"ip", ingress["ip"].Text()}, {"hostname", ingress["hostname"].Text()}}, 1);
  }
}

void AddEndpoints(const Json& object, ObjectSeries* series) {
  double available = 0;
  double not_ready = 0;
  for (const Json& subset : object["subsets"].Items()) {
    const std::vector<Json> ports = subset["ports"].Items();
    const auto ports_count = static_cast<double>(ports.size());
    for (const char* key : {"addresses", "notReadyAddresses"}) {
      const bool is_ready = std::string_view(key) == "addresses";
      const std::vector<Json> addresses = subset[key].Items();
      (is_ready ? available : not_ready) += static_cast<double>(addresses.size()) * ports_count;
      for (const Json& address : addresses) {
        series->Add(kEndpointAddress,
                    {{"ip", address["ip"].Text()}, {"ready", is_ready ? "true" : "false"}}, 1);
      }
    }
    for (const Json& port : ports) {
      series->Add(kEndpointPorts,
                  {{"port_name", port["name"].Text()},
                   {"port_protocol", port["protocol"].Text()},
                   {"port_number", PortText(port["port"])}},
                  1);
    }
  }
  series->Add(kEndpointAvailable, available);
  series->Add(kEndpointNotReady, not_ready);
}

void AddIngress(const Json& object, ObjectSeries* series) {
  const Json spec = object["spec"];
  std::string_view ingress_class = spec["ingressClassName"].Text();
  if (ingress_class.empty()) {
    ingress_class = object["metadata"]["annotations"]["kubernetes.io/ingress.class"].Text();
  }
  // kube-state-metrics' word for "none".
  if (ingress_class.empty()) ingress_class = "_default";
  series->Add(kIngressInfo, {{"ingressclass", ingress_class}}, 1);
  for (const Json& rule : spec["rules"].Items()) {
    for (const Json& path : rule["http"]["paths"].Items()) {
      const Json service = path["backend"]["service"];
      if (!service.exists()) continue;
      const std::string port = PortText(service["port"]["number"]);
      series->Add(kIngressPath,
                  {{"host", rule["host"].Text()},
                   {"path", path["path"].Text()},
                   {"service_name", service["name"].Text()},
                   {"service_port", port}},
                  1);
    }
  }
  for (const Json& tls : spec["tls"].Items()) {
    for (const Json& host : tls["hosts"].Items()) {
      series->Add(kIngressTls, {{"tls_host", host.Text()}, {"secret", tls["secretName"].Text()}},
                  1);
    }
  }
}

void AddSecret(const Json& object, ObjectSeries* series) {
  AddOwners(kSecretOwner, object, series);
}

}  // namespace baro::agent
