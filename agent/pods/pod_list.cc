#include "pod_list.h"

#include <algorithm>

#include "baro/kubernetes/quantity.h"

namespace baro::agent {
namespace {

using kubernetes::Json;

constexpr std::string_view kStaticPodHash = "kubernetes.io/config.hash";

double TimeOf(const Json& time) { return kubernetes::ParseTime(time.Text()).value_or(0); }

// "containerd://<id>".
std::string PlainId(std::string_view id) {
  const size_t mark = id.find("://");
  return std::string(mark == std::string_view::npos ? id : id.substr(mark + 3));
}

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

// `name` without its last part, when that looks generated.
std::string WithoutSuffix(std::string_view name, bool digits_only) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash + 1 == name.size()) return std::string(name);
  const std::string_view suffix = name.substr(dash + 1);
  const bool generated = std::all_of(suffix.begin(), suffix.end(), [&](char c) {
    return digits_only ? c >= '0' && c <= '9' : IsAlphanumeric(c);
  });
  return std::string(generated ? name.substr(0, dash) : name);
}

void AddContainers(const Json& statuses, PodRecord* pod) {
  for (const Json& status : statuses.Items()) {
    ContainerRecord container;
    container.name = status["name"].Text();
    container.image = status["image"].Text();
    container.id = PlainId(status["containerID"].Text());
    container.started_seconds = TimeOf(status["state"]["running"]["startedAt"]);
    const Json ended = status["lastState"]["terminated"];
    container.oom_killed_last = ended["reason"].Text() == "OOMKilled";
    container.last_end_seconds = TimeOf(ended["finishedAt"]);
    pod->containers.push_back(std::move(container));
  }
}

}  // namespace

Workload WorkloadOf(const Json& pod) {
  for (const Json& owner : pod["metadata"]["ownerReferences"].Items()) {
    if (!owner["controller"].IsTrue()) continue;
    Workload workload{std::string(owner["kind"].Text()), std::string(owner["name"].Text())};
    const std::string_view hash = pod["metadata"]["labels"]["pod-template-hash"].Text();
    if (workload.kind == "ReplicaSet" && !hash.empty() &&
        std::string_view(workload.name).ends_with(hash)) {
      return {"Deployment", WithoutSuffix(workload.name, false)};
    }
    if (workload.kind == "Job") {
      std::string cron_job = WithoutSuffix(workload.name, true);
      if (cron_job != workload.name) return {"CronJob", std::move(cron_job)};
    }
    return workload;
  }
  return {};
}

PodRecord ReadPodRecord(const Json& pod) {
  const Json metadata = pod["metadata"];
  PodRecord record;
  record.uid = metadata["annotations"][kStaticPodHash].Text();
  if (record.uid.empty()) record.uid = metadata["uid"].Text();
  record.space = metadata["namespace"].Text();
  record.name = metadata["name"].Text();
  record.workload = WorkloadOf(pod);
  record.host_network = pod["spec"]["hostNetwork"].IsTrue();
  record.created_seconds = TimeOf(metadata["creationTimestamp"]);
  for (const char* key :
       {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) {
    AddContainers(pod["status"][key], &record);
  }
  return record;
}

PodRecords ReadPodRecords(const Json& list) {
  PodRecords records;
  for (const Json& pod : list["items"].Items()) {
    const std::string_view phase = pod["status"]["phase"].Text();
    if (phase == "Succeeded" || phase == "Failed") continue;
    PodRecord record = ReadPodRecord(pod);
    if (record.uid.empty() || records.size() >= kPodsOfNodeMax) continue;
    std::string uid = record.uid;
    records[std::move(uid)] = std::move(record);
  }
  return records;
}

}  // namespace baro::agent
