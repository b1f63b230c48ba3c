// kube_pod_*: from a Pod object, as the API and the kubelet's /pods give it.
#include <algorithm>
#include <optional>
#include <string>

#include "baro/kubernetes/quantity.h"
#include "resources.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

constexpr SimpleFamily kSimple[] = {
    {{"kube_pod_created", "Unix creation timestamp"}, "metadata.creationTimestamp", Reading::kTime},
    {{"kube_pod_deletion_timestamp", "Unix deletion timestamp"},
     "metadata.deletionTimestamp",
     Reading::kTime},
    {{"kube_pod_start_time", "Start time in unix timestamp for a pod."},
     "status.startTime",
     Reading::kTime},
};

constexpr KubeFamily kInfo{"kube_pod_info", "Information about pod."};
constexpr KubeFamily kOwner{"kube_pod_owner", "Information about the Pod's owner."};
constexpr KubeFamily kIps{"kube_pod_ips", "Pod IP addresses"};
constexpr KubeFamily kRestartPolicy{"kube_pod_restart_policy",
                                    "Describes the restart policy in use by this pod."};
constexpr KubeFamily kServiceAccount{"kube_pod_service_account", "The service account for a pod."};
constexpr KubeFamily kScheduler{"kube_pod_scheduler", "The scheduler for a pod."};
constexpr KubeFamily kPhase{"kube_pod_status_phase", "The pods current phase."};
constexpr KubeFamily kQosClass{"kube_pod_status_qos_class", "The pods current qosClass."};
constexpr KubeFamily kReason{"kube_pod_status_reason", "The pod status reasons"};
constexpr KubeFamily kReady{"kube_pod_status_ready",
                            "Describes whether the pod is ready to serve requests."};
constexpr KubeFamily kReadyTime{"kube_pod_status_ready_time",
                                "Readiness achieved time in unix timestamp for a pod."};
constexpr KubeFamily kInitializedTime{"kube_pod_status_initialized_time",
                                      "Initialized time in unix timestamp for a pod."};
constexpr KubeFamily kContainerReadyTime{
    "kube_pod_status_container_ready_time",
    "Readiness achieved time in unix timestamp for a pod containers."};
constexpr KubeFamily kScheduled{"kube_pod_status_scheduled",
                                "Describes the status of the scheduling process for the pod."};
constexpr KubeFamily kScheduledTime{"kube_pod_status_scheduled_time",
                                    "Unix timestamp when pod moved into scheduled status"};
constexpr KubeFamily kUnschedulable{"kube_pod_status_unschedulable",
                                    "Describes the unschedulable status for the pod."};
constexpr KubeFamily kClaimInfo{"kube_pod_spec_volumes_persistentvolumeclaims_info",
                                "Information about persistentvolumeclaim volumes in a pod."};
constexpr KubeFamily kClaimReadonly{
    "kube_pod_spec_volumes_persistentvolumeclaims_readonly",
    "Describes whether a persistentvolumeclaim is mounted read only."};
constexpr KubeFamily kCompletionTime{"kube_pod_completion_time",
                                     "Completion time in unix timestamp for a pod."};
constexpr KubeFamily kStateStarted{"kube_pod_container_state_started",
                                   "Start time in unix timestamp for a pod container."};

// The families that containers and init containers both have.
struct ContainerFamilies {
  KubeFamily info;
  KubeFamily limits;
  KubeFamily requests;
  KubeFamily last_reason;
  KubeFamily last_exit_code;  // no name: not told
  KubeFamily last_time;
  KubeFamily ready;
  KubeFamily restarts;
  KubeFamily running;
  KubeFamily terminated;
  KubeFamily terminated_reason;
  KubeFamily waiting;
  KubeFamily waiting_reason;
};

constexpr ContainerFamilies kContainer = {
    {"kube_pod_container_info", "Information about a container in a pod."},
    {"kube_pod_container_resource_limits",
     "The number of requested limit resource by a container. It is recommended to use the "
     "kube_pod_resource_limits metric exposed by kube-scheduler instead, as it is more precise."},
    {"kube_pod_container_resource_requests",
     "The number of requested request resource by a container. It is recommended to use the "
     "kube_pod_resource_requests metric exposed by kube-scheduler instead, as it is more precise."},
    {"kube_pod_container_status_last_terminated_reason",
     "Describes the last reason the container was in terminated state."},
    {"kube_pod_container_status_last_terminated_exitcode",
     "Describes the exit code for the last container in terminated state."},
    {"kube_pod_container_status_last_terminated_timestamp",
     "Last terminated time for a pod container in unix timestamp."},
    {"kube_pod_container_status_ready",
     "Describes whether the containers readiness check succeeded."},
    {"kube_pod_container_status_restarts_total", "The number of container restarts per container.",
     model::MetricType::kCounter},
    {"kube_pod_container_status_running",
     "Describes whether the container is currently in running state."},
    {"kube_pod_container_status_terminated",
     "Describes whether the container is currently in terminated state."},
    {"kube_pod_container_status_terminated_reason",
     "Describes the reason the container is currently in terminated state."},
    {"kube_pod_container_status_waiting",
     "Describes whether the container is currently in waiting state."},
    {"kube_pod_container_status_waiting_reason",
     "Describes the reason the container is currently in waiting state."},
};

constexpr ContainerFamilies kInitContainer = {
    {"kube_pod_init_container_info", "Information about an init container in a pod."},
    {"kube_pod_init_container_resource_limits",
     "The number of requested limit resource by an init container."},
    {"kube_pod_init_container_resource_requests",
     "The number of requested request resource by an init container."},
    {"kube_pod_init_container_status_last_terminated_reason",
     "Describes the last reason the init container was in terminated state."},
    {},
    {},
    {"kube_pod_init_container_status_ready",
     "Describes whether the init containers readiness check succeeded."},
    {"kube_pod_init_container_status_restarts_total",
     "The number of restarts for the init container.", model::MetricType::kCounter},
    {"kube_pod_init_container_status_running",
     "Describes whether the init container is currently in running state."},
    {"kube_pod_init_container_status_terminated",
     "Describes whether the init container is currently in terminated state."},
    {"kube_pod_init_container_status_terminated_reason",
     "Describes the reason the init container is currently in terminated state."},
    {"kube_pod_init_container_status_waiting",
     "Describes whether the init container is currently in waiting state."},
    {"kube_pod_init_container_status_waiting_reason",
     "Describes the reason the init container is currently in waiting state."},
};

// Nothing when there is no such time.
void AddTime(const KubeFamily& family, std::initializer_list<KubeLabel> labels, const Json& time,
             ObjectSeries* series) {
  const std::optional<double> seconds = kubernetes::ParseTime(time.Text());
  if (seconds) series->Add(family, labels, *seconds);
}

void AddLastState(const ContainerFamilies& families, std::string_view name, const Json& last,
                  ObjectSeries* series) {
  if (!last.exists()) return;
  series->Add(families.last_reason, {{"container", name}, {"reason", last["reason"].Text()}}, 1);
  if (families.last_exit_code.name.empty()) return;
  series->Add(families.last_exit_code, {{"container", name}}, last["exitCode"].NumberOr(0));
  AddTime(families.last_time, {{"container", name}}, last["finishedAt"], series);
}

void AddStatus(const ContainerFamilies& families, const Json& status, ObjectSeries* series) {
  const std::string_view name = status["name"].Text();
  const Json running = status["state"]["running"];
  const Json terminated = status["state"]["terminated"];
  const Json waiting = status["state"]["waiting"];
  series->Add(families.ready, {{"container", name}}, status["ready"].IsTrue() ? 1 : 0);
  series->Add(families.restarts, {{"container", name}}, status["restartCount"].NumberOr(0));
  series->Add(families.running, {{"container", name}}, running.exists() ? 1 : 0);
  series->Add(families.terminated, {{"container", name}}, terminated.exists() ? 1 : 0);
  series->Add(families.waiting, {{"container", name}}, waiting.exists() ? 1 : 0);
  if (terminated.exists()) {
    series->Add(families.terminated_reason,
                {{"container", name}, {"reason", terminated["reason"].Text()}}, 1);
  }
  if (waiting.exists()) {
    series->Add(families.waiting_reason,
                {{"container", name}, {"reason", waiting["reason"].Text()}}, 1);
  }
  AddLastState(families, name, status["lastState"]["terminated"], series);
}

void AddContainers(const ContainerFamilies& families, const Json& specs, const Json& statuses,
                   std::string_view node, ObjectSeries* series) {
  const std::vector<Json> all = statuses.Items();
  for (const Json& spec : specs.Items()) {
    const std::string_view name = spec["name"].Text();
    for (const Json& status : all) {
      if (status["name"].Text() != name) continue;
      series->Add(families.info,
                  {{"container", name},
                   {"image_spec", spec["image"].Text()},
                   {"image", status["image"].Text()},
                   {"image_id", status["imageID"].Text()},
                   {"container_id", status["containerID"].Text()}},
                  1);
    }
    const Json resources = spec["resources"];
    AddResources(families.limits, {{"container", name}, {"node", node}}, resources["limits"],
                 series);
    AddResources(families.requests, {{"container", name}, {"node", node}}, resources["requests"],
                 series);
  }
  for (const Json& status : all) AddStatus(families, status, series);
}

void AddInfo(const Json& pod, ObjectSeries* series) {
  const Json spec = pod["spec"];
  const Json status = pod["status"];
  Json creator;
  for (const Json& owner : pod["metadata"]["ownerReferences"].Items()) {
    if (owner["controller"].IsTrue()) creator = owner;
  }
  series->Add(kInfo,
              {{"host_ip", status["hostIP"].Text()},
               {"pod_ip", status["podIP"].Text()},
               {"node", spec["nodeName"].Text()},
               {"created_by_kind", creator["kind"].Text()},
               {"created_by_name", creator["name"].Text()},
               {"priority_class", spec["priorityClassName"].Text()},
               {"host_network", spec["hostNetwork"].IsTrue() ? "true" : "false"}},
              1);
  for (const Json& ip : status["podIPs"].Items()) {
    const std::string_view address = ip["ip"].Text();
    const bool is_ipv6 = address.find(':') != std::string_view::npos;
    series->Add(kIps, {{"ip", address}, {"ip_family", is_ipv6 ? "6" : "4"}}, 1);
  }
  series->Add(kRestartPolicy, {{"type", spec["restartPolicy"].Text()}}, 1);
  series->Add(kServiceAccount, {{"service_account", spec["serviceAccountName"].Text()}}, 1);
  series->Add(kScheduler, {{"name", spec["schedulerName"].Text()}}, 1);
}

void AddPodConditions(const Json& status, ObjectSeries* series) {
  for (const Json& condition : status["conditions"].Items()) {
    const std::string_view type = condition["type"].Text();
    const std::string_view is = condition["status"].Text();
    const Json since = condition["lastTransitionTime"];
    if (type == "Ready") AddCondition(kReady, {}, "condition", is, series);
    if (type == "PodScheduled") AddCondition(kScheduled, {}, "condition", is, series);
    if (type == "PodScheduled" && is == "False") series->Add(kUnschedulable, 1);
    if (is != "True") continue;
    if (type == "Ready") AddTime(kReadyTime, {}, since, series);
    if (type == "PodScheduled") AddTime(kScheduledTime, {}, since, series);
    if (type == "Initialized") AddTime(kInitializedTime, {}, since, series);
    if (type == "ContainersReady") AddTime(kContainerReadyTime, {}, since, series);
  }
}

void AddTimesOfContainers(const Json& statuses, ObjectSeries* series) {
  double completion = 0;
  for (const Json& status : statuses.Items()) {
    const Json state = status["state"];
    const bool is_running = state["running"].exists();
    AddTime(kStateStarted, {{"container", status["name"].Text()}},
            state[is_running ? "running" : "terminated"]["startedAt"], series);
    const auto finished = kubernetes::ParseTime(state["terminated"]["finishedAt"].Text());
    completion = std::max(completion, finished.value_or(0));
  }
  if (completion > 0) series->Add(kCompletionTime, completion);
}

void AddClaims(const Json& volumes, ObjectSeries* series) {
  for (const Json& volume : volumes.Items()) {
    const Json claim = volume["persistentVolumeClaim"];
    if (!claim.exists()) continue;
    const std::initializer_list<KubeLabel> labels = {
        {"volume", volume["name"].Text()}, {"persistentvolumeclaim", claim["claimName"].Text()}};
    series->Add(kClaimInfo, labels, 1);
    series->Add(kClaimReadonly, labels, claim["readOnly"].IsTrue() ? 1 : 0);
  }
}

}  // namespace

const std::span<const SimpleFamily> kPodSimple = kSimple;

void AddPod(const Json& pod, ObjectSeries* series) {
  const Json spec = pod["spec"];
  const Json status = pod["status"];
  const std::string_view node = spec["nodeName"].Text();
  AddInfo(pod, series);
  AddOwners(kOwner, pod, series);
  AddPhases(kPhase, {"Pending", "Succeeded", "Failed", "Unknown", "Running"}, "phase",
            status["phase"].Text(), series);
  AddPhases(kQosClass, {"BestEffort", "Burstable", "Guaranteed"}, "qos_class",
            status["qosClass"].Text(), series);
  for (const std::string_view reason :
       {"Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"}) {
    series->Add(kReason, {{"reason", reason}}, status["reason"].Text() == reason ? 1 : 0);
  }
  AddPodConditions(status, series);
  AddContainers(kContainer, spec["containers"], status["containerStatuses"], node, series);
  AddContainers(kInitContainer, spec["initContainers"], status["initContainerStatuses"], node,
                series);
  AddTimesOfContainers(status["containerStatuses"], series);
  AddClaims(spec["volumes"], series);
}

}  // namespace baro::agent
