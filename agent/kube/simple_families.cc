#include "simple_families.h"

namespace baro::agent {
namespace {

constexpr SimpleFamily kDeployments[] = {
    {{"kube_deployment_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_deployment_status_replicas", "The number of replicas per deployment."},
     "status.replicas"},
    {{"kube_deployment_status_replicas_ready", "The number of ready replicas per deployment."},
     "status.readyReplicas"},
    {{"kube_deployment_status_replicas_available",
      "The number of available replicas per deployment."},
     "status.availableReplicas"},
    {{"kube_deployment_status_replicas_unavailable",
      "The number of unavailable replicas per deployment."},
     "status.unavailableReplicas"},
    {{"kube_deployment_status_replicas_updated", "The number of updated replicas per deployment."},
     "status.updatedReplicas"},
    {{"kube_deployment_status_observed_generation",
      "The generation observed by the deployment controller."},
     "status.observedGeneration"},
    {{"kube_deployment_spec_replicas", "Number of desired pods for a deployment."},
     "spec.replicas",
     Reading::kNumber},
    {{"kube_deployment_spec_paused",
      "Whether the deployment is paused and will not be processed by the deployment controller."},
     "spec.paused",
     Reading::kFlag},
    {{"kube_deployment_metadata_generation",
      "Sequence number representing a specific generation of the desired state."},
     "metadata.generation"},
};

constexpr SimpleFamily kStatefulSets[] = {
    {{"kube_statefulset_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_statefulset_status_replicas", "The number of replicas per StatefulSet."},
     "status.replicas"},
    {{"kube_statefulset_status_replicas_available",
      "The number of available replicas per StatefulSet."},
     "status.availableReplicas"},
    {{"kube_statefulset_status_replicas_current",
      "The number of current replicas per StatefulSet."},
     "status.currentReplicas"},
    {{"kube_statefulset_status_replicas_ready", "The number of ready replicas per StatefulSet."},
     "status.readyReplicas"},
    {{"kube_statefulset_status_replicas_updated",
      "The number of updated replicas per StatefulSet."},
     "status.updatedReplicas"},
    {{"kube_statefulset_status_observed_generation",
      "The generation observed by the StatefulSet controller."},
     "status.observedGeneration"},
    {{"kube_statefulset_replicas", "Number of desired pods for a StatefulSet."},
     "spec.replicas",
     Reading::kNumber},
    {{"kube_statefulset_ordinals_start", "Start ordinal of the StatefulSet."},
     "spec.ordinals.start",
     Reading::kNumber},
    {{"kube_statefulset_metadata_generation",
      "Sequence number representing a specific generation of the desired state for the "
      "StatefulSet."},
     "metadata.generation"},
};

constexpr SimpleFamily kDaemonSets[] = {
    {{"kube_daemonset_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_daemonset_status_current_number_scheduled",
      "The number of nodes running at least one daemon pod and are supposed to."},
     "status.currentNumberScheduled"},
    {{"kube_daemonset_status_desired_number_scheduled",
      "The number of nodes that should be running the daemon pod."},
     "status.desiredNumberScheduled"},
    {{"kube_daemonset_status_number_available",
      "The number of nodes that should be running the daemon pod and have one or more of the "
      "daemon pod running and available"},
     "status.numberAvailable"},
    {{"kube_daemonset_status_number_misscheduled",
      "The number of nodes running a daemon pod but are not supposed to."},
     "status.numberMisscheduled"},
    {{"kube_daemonset_status_number_ready",
      "The number of nodes that should be running the daemon pod and have one or more of the "
      "daemon pod running and ready."},
     "status.numberReady"},
    {{"kube_daemonset_status_number_unavailable",
      "The number of nodes that should be running the daemon pod and have none of the daemon pod "
      "running and available"},
     "status.numberUnavailable"},
    {{"kube_daemonset_status_observed_generation",
      "The most recent generation observed by the daemon set controller."},
     "status.observedGeneration"},
    {{"kube_daemonset_status_updated_number_scheduled",
      "The total number of nodes that are running updated daemon pod"},
     "status.updatedNumberScheduled"},
    {{"kube_daemonset_metadata_generation",
      "Sequence number representing a specific generation of the desired state."},
     "metadata.generation"},
};

constexpr SimpleFamily kReplicaSets[] = {
    {{"kube_replicaset_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_replicaset_status_replicas", "The number of replicas per ReplicaSet."},
     "status.replicas"},
    {{"kube_replicaset_status_fully_labeled_replicas",
      "The number of fully labeled replicas per ReplicaSet."},
     "status.fullyLabeledReplicas"},
    {{"kube_replicaset_status_ready_replicas", "The number of ready replicas per ReplicaSet."},
     "status.readyReplicas"},
    {{"kube_replicaset_status_observed_generation",
      "The generation observed by the ReplicaSet controller."},
     "status.observedGeneration"},
    {{"kube_replicaset_spec_replicas", "Number of desired pods for a ReplicaSet."},
     "spec.replicas",
     Reading::kNumber},
    {{"kube_replicaset_metadata_generation",
      "Sequence number representing a specific generation of the desired state."},
     "metadata.generation"},
};

constexpr SimpleFamily kJobs[] = {
    {{"kube_job_info", "Information about job."}, "", Reading::kOne},
    {{"kube_job_created", "Unix creation timestamp"}, "metadata.creationTimestamp", Reading::kTime},
    {{"kube_job_spec_parallelism",
      "The maximum desired number of pods the job should run at any given time."},
     "spec.parallelism",
     Reading::kNumber},
    {{"kube_job_spec_completions",
      "The desired number of successfully finished pods the job should be run with."},
     "spec.completions",
     Reading::kNumber},
    {{"kube_job_spec_active_deadline_seconds",
      "The duration in seconds relative to the startTime that the job may be active before the "
      "system tries to terminate it."},
     "spec.activeDeadlineSeconds",
     Reading::kNumber},
    {{"kube_job_status_succeeded", "The number of pods which reached Phase Succeeded."},
     "status.succeeded"},
    {{"kube_job_status_active", "The number of actively running pods."}, "status.active"},
    {{"kube_job_status_start_time",
      "StartTime represents time when the job was acknowledged by the Job Manager."},
     "status.startTime",
     Reading::kTime},
    {{"kube_job_status_completion_time",
      "CompletionTime represents time when the job was completed."},
     "status.completionTime",
     Reading::kTime},
};

constexpr SimpleFamily kCronJobs[] = {
    {{"kube_cronjob_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_cronjob_status_active", "Active holds pointers to currently running jobs."},
     "status.active",
     Reading::kItems},
    {{"kube_cronjob_status_last_schedule_time",
      "LastScheduleTime keeps information of when was the last time the job was successfully "
      "scheduled."},
     "status.lastScheduleTime",
     Reading::kTime},
    {{"kube_cronjob_status_last_successful_time",
      "LastSuccessfulTime keeps information of when was the last time the job was completed "
      "successfully."},
     "status.lastSuccessfulTime",
     Reading::kTime},
    {{"kube_cronjob_spec_suspend",
      "Suspend flag tells the controller to suspend subsequent executions."},
     "spec.suspend",
     Reading::kFlagIfSet},
    {{"kube_cronjob_spec_starting_deadline_seconds",
      "Deadline in seconds for starting the job if it misses scheduled time for any reason."},
     "spec.startingDeadlineSeconds",
     Reading::kNumber},
    {{"kube_cronjob_spec_successful_job_history_limit",
      "Successful job history limit tells the controller how many completed jobs should be "
      "preserved."},
     "spec.successfulJobsHistoryLimit",
     Reading::kNumber},
    {{"kube_cronjob_spec_failed_job_history_limit",
      "Failed job history limit tells the controller how many failed jobs should be preserved."},
     "spec.failedJobsHistoryLimit",
     Reading::kNumber},
};

constexpr SimpleFamily kHorizontalPodAutoscalers[] = {
    {{"kube_horizontalpodautoscaler_metadata_generation",
      "The generation observed by the HorizontalPodAutoscaler controller."},
     "metadata.generation"},
    {{"kube_horizontalpodautoscaler_spec_max_replicas",
      "Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller "
      "than MinReplicas."},
     "spec.maxReplicas"},
    {{"kube_horizontalpodautoscaler_spec_min_replicas",
      "Lower limit for the number of pods that can be set by the autoscaler, default 1."},
     "spec.minReplicas",
     Reading::kNumber},
    {{"kube_horizontalpodautoscaler_status_current_replicas",
      "Current number of replicas of pods managed by this autoscaler."},
     "status.currentReplicas"},
    {{"kube_horizontalpodautoscaler_status_desired_replicas",
      "Desired number of replicas of pods managed by this autoscaler."},
     "status.desiredReplicas"},
};

constexpr SimpleFamily kPersistentVolumeClaims[] = {
    {{"kube_persistentvolumeclaim_resource_requests_storage_bytes",
      "The capacity of storage requested by the persistent volume claim."},
     "spec.resources.requests.storage",
     Reading::kQuantity},
    {{"kube_persistentvolumeclaim_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_persistentvolumeclaim_deletion_timestamp", "Unix deletion timestamp"},
     "metadata.deletionTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kPersistentVolumes[] = {
    {{"kube_persistentvolume_capacity_bytes", "Persistentvolume capacity in bytes."},
     "spec.capacity.storage",
     Reading::kQuantity},
    {{"kube_persistentvolume_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_persistentvolume_deletion_timestamp", "Unix deletion timestamp"},
     "metadata.deletionTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kNamespaces[] = {
    {{"kube_namespace_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kResourceQuotas[] = {
    {{"kube_resourcequota_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kServices[] = {
    {{"kube_service_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kEndpoints[] = {
    {{"kube_endpoint_info", "Information about endpoint."}, "", Reading::kOne},
    {{"kube_endpoint_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kIngresss[] = {
    {{"kube_ingress_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kPodDisruptionBudgets[] = {
    {{"kube_poddisruptionbudget_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_poddisruptionbudget_status_current_healthy", "Current number of healthy pods"},
     "status.currentHealthy"},
    {{"kube_poddisruptionbudget_status_desired_healthy", "Minimum desired number of healthy pods"},
     "status.desiredHealthy"},
    {{"kube_poddisruptionbudget_status_pod_disruptions_allowed",
      "Number of pod disruptions that are currently allowed"},
     "status.disruptionsAllowed"},
    {{"kube_poddisruptionbudget_status_expected_pods",
      "Total number of pods counted by this disruption budget"},
     "status.expectedPods"},
    {{"kube_poddisruptionbudget_status_observed_generation",
      "Most recent generation observed when updating this PDB status"},
     "status.observedGeneration"},
};

constexpr SimpleFamily kConfigMaps[] = {
    {{"kube_configmap_info", "Information about configmap."}, "", Reading::kOne},
    {{"kube_configmap_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kSecrets[] = {
    {{"kube_secret_info", "Information about secret."}, "", Reading::kOne},
    {{"kube_secret_created", "Unix creation timestamp"},
     "metadata.creationTimestamp",
     Reading::kTime},
};

constexpr SimpleFamily kNetworkPolicys[] = {
    {{"kube_networkpolicy_created", "Unix creation timestamp of network policy"},
     "metadata.creationTimestamp",
     Reading::kTime},
    {{"kube_networkpolicy_spec_ingress_rules", "Number of ingress rules on the networkpolicy"},
     "spec.ingress",
     Reading::kItems},
    {{"kube_networkpolicy_spec_egress_rules", "Number of egress rules on the networkpolicy"},
     "spec.egress",
     Reading::kItems},
};

}  // namespace

const std::span<const SimpleFamily> kDeploymentSimple = kDeployments;
const std::span<const SimpleFamily> kStatefulSetSimple = kStatefulSets;
const std::span<const SimpleFamily> kDaemonSetSimple = kDaemonSets;
const std::span<const SimpleFamily> kReplicaSetSimple = kReplicaSets;
const std::span<const SimpleFamily> kJobSimple = kJobs;
const std::span<const SimpleFamily> kCronJobSimple = kCronJobs;
const std::span<const SimpleFamily> kHorizontalPodAutoscalerSimple = kHorizontalPodAutoscalers;
const std::span<const SimpleFamily> kPersistentVolumeClaimSimple = kPersistentVolumeClaims;
const std::span<const SimpleFamily> kPersistentVolumeSimple = kPersistentVolumes;
const std::span<const SimpleFamily> kNamespaceSimple = kNamespaces;
const std::span<const SimpleFamily> kResourceQuotaSimple = kResourceQuotas;
const std::span<const SimpleFamily> kServiceSimple = kServices;
const std::span<const SimpleFamily> kEndpointSimple = kEndpoints;
const std::span<const SimpleFamily> kIngressSimple = kIngresss;
const std::span<const SimpleFamily> kPodDisruptionBudgetSimple = kPodDisruptionBudgets;
const std::span<const SimpleFamily> kConfigMapSimple = kConfigMaps;
const std::span<const SimpleFamily> kSecretSimple = kSecrets;
const std::span<const SimpleFamily> kNetworkPolicySimple = kNetworkPolicys;

}  // namespace baro::agent
