#include "pods_collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "agent/node/proc_file.h"
#include "agent/node/proc_text.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

using Kind = CgroupName::Kind;

constexpr auto kGauge = model::MetricType::kGauge;
const Family kUp{"up", "1 when the control groups could be read.", kGauge};
const Family kDuration{"scrape_duration_seconds", "Duration of the pass.", kGauge};
const Family kSamples{"scrape_samples_scraped", "Samples of the pass.", kGauge};
const Family kScrapeError{"container_scrape_error",
                          "1 if there was an error while getting container metrics, 0 otherwise",
                          kGauge};
const Family kCollectorState{"baro_collector_state",
                             "1 for a reason why a collector does not tell all it should.",
                             kGauge,
                             {"collector", "reason"}};
const Family kCores{"machine_cpu_cores",
                    "Number of logical CPU cores.",
                    kGauge,
                    {"boot_id", "machine_id", "system_uuid"}};
const Family kMemory{"machine_memory_bytes",
                     "Amount of memory installed on the machine.",
                     kGauge,
                     {"boot_id", "machine_id", "system_uuid"}};

// Polls of the kubelet after which a group that it does not name is the pod's sandbox.
constexpr int kSandboxPolls = 2;

std::string FirstLine(const std::string& path) {
  ProcFile file(path, 256);
  const auto text = file.Read();
  return text.ok() ? std::string(TrimSpace(text->substr(0, text->find('\n')))) : "";
}

// Lines "cpu0 …" of /proc/stat.
double CountCpus(const std::string& procfs) {
  ProcFile file(procfs + "/stat", 16'384);
  const auto text = file.Read();
  if (!text.ok()) return 0;
  double cpus = 0;
  std::string_view rest = *text;
  std::string_view line;
  while (TakeLine(&rest, &line)) {
    if (line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9') ++cpus;
  }
  return cpus;
}

double MemoryBytes(const std::string& procfs) {
  ProcFile file(procfs + "/meminfo");
  const auto text = file.Read();
  if (!text.ok()) return 0;
  std::string_view rest = *text;
  std::string_view line;
  while (TakeLine(&rest, &line)) {
    uint64_t kilobytes = 0;
    if (TakeField(&line) == "MemTotal:" && TakeNumber(&line, &kilobytes)) {
      return static_cast<double>(kilobytes) * 1024;
    }
  }
  return 0;
}

const ContainerRecord* FindContainer(const PodRecord& pod, const std::string& id) {
  for (const ContainerRecord& container : pod.containers) {
    if (container.id == id) return &container;
  }
  return nullptr;
}

}  // namespace

struct PodsCollector::Group {
  Group(CgroupName group_name, CgroupVersion version, const std::string& root,
        const std::string& path, DescriptorBudget* budget)
      : name(std::move(group_name)), files(version, root, path, budget) {}

  const CgroupName name;
  CgroupFiles files;
  CgroupNumbers numbers;
  bool readable = false;
  // Who it is, as of pods_version.
  uint64_t pods_version = 0;
  int unknown_polls = 0;
  bool is_known = false;
  bool is_sandbox = false;
  std::string container;  // its name in the pod; empty: the sandbox, or no container
  std::string image;
  double start_seconds = 0;
  Section section;
  std::unique_ptr<RowTarget> row;  // null until it is known
  std::unique_ptr<PodNetwork> network;
};

PodsCollector::PodsCollector(PodsOptions options, RowSink* sink, const base::Clock* clock)
    : options_(std::move(options)),
      sink_(sink),
      clock_(clock),
      tree_(options_.paths.sysfs, clock),
      budget_(options_.descriptors_max),
      devices_(options_.paths.sysfs),
      processes_(options_.paths.procfs),
      pod_rows_(FindResource("pods"),
                {{{"job", options_.kube_job}, {"instance", options_.kube_instance}},
                 options_.object_labels},
                sink, clock),
      node_rows_(FindResource("nodes"),
                 {{{"job", options_.kube_job}, {"instance", options_.kube_instance}},
                  options_.object_labels},
                 sink, clock),
      own_row_({{"job", options_.job},
                {"metrics_path", options_.metrics_path},
                {"instance", options_.instance}},
               sink) {
  common_ = own_row_.labels();
}

PodsCollector::~PodsCollector() = default;

void PodsCollector::SetPods(const kubernetes::Json& list) {
  stats_.kubelet_error.clear();
  PodRecords pods = ReadPodRecords(list);
  for (const auto& [uid, pod] : pods_) {
    if (!pods.contains(uid)) ledger_.Forget(uid);
  }
  pods_ = std::move(pods);
  ++pods_version_;
  stats_.pods = pods_.size();
  std::vector<std::string> keys;
  for (const kubernetes::Json& pod : list["items"].Items()) {
    std::string key = kubernetes::ObjectKey(pod);
    if (key.empty() || keys.size() >= kPodsOfNodeMax) continue;
    pod_rows_.Set(key, pod);
    keys.push_back(std::move(key));
  }
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : pod_keys_) {
    if (!std::binary_search(keys.begin(), keys.end(), key)) pod_rows_.Remove(key);
  }
  pod_keys_ = std::move(keys);
}

void PodsCollector::SetNode(const kubernetes::Json& node) {
  stats_.node_error.clear();
  node_rows_.Set(kubernetes::ObjectKey(node), node);
}

void PodsCollector::SyncGroups() {
  if (!tree_.Refresh()) return;
  for (auto at = groups_.begin(); at != groups_.end();) {
    const auto current = at++;
    if (tree_.groups().contains(current->first)) continue;
    if (current->second->row != nullptr) current->second->row->Retire();
    groups_.erase(current);
  }
  for (const auto& [path, name] : tree_.groups()) {
    auto& group = groups_[path];
    if (group != nullptr) continue;
    group = std::make_unique<Group>(name, tree_.version(), tree_.root(), path, &budget_);
  }
  processes_.Invalidate();
  stats_.groups = groups_.size();
  stats_.groups_left_out = tree_.groups_left_out();
}

model::Labels PodsCollector::LabelsOf(const Group& group) const {
  model::Labels labels = common_;
  labels.Set("id", group.files.path());
  labels.Set("name", group.name.container_id);
  labels.Set("container", group.container);
  labels.Set("image", group.image);
  const auto pod = pods_.find(group.name.pod_uid);
  if (pod == pods_.end()) return labels;
  labels.Set("namespace", pod->second.space);
  labels.Set("pod", pod->second.name);
  if (options_.workload_labels && !pod->second.workload.name.empty()) {
    labels.Set("workload", pod->second.workload.name);
    labels.Set("workload_type", absl::AsciiStrToLower(pod->second.workload.kind));
  }
  return labels;
}

void PodsCollector::SetIdentity(Group* group, model::Labels labels) {
  group->is_known = true;
  if (group->row != nullptr && group->row->labels() == labels) return;
  if (group->row != nullptr) group->row->Retire();
  group->row = std::make_unique<RowTarget>(std::move(labels), sink_);
  group->section = Section();  // its columns are declared anew
}

// Finds out who a group is: at first, and again when the kubelet has told anew.
void PodsCollector::Resolve(Group* group) {
  const bool told_anew = std::exchange(group->pods_version, pods_version_) != pods_version_;
  if (group->is_known && !told_anew) return;
  const CgroupName& name = group->name;
  const bool anonymous = options_.kubelet.server.empty();
  if (name.kind != Kind::kPod && name.kind != Kind::kContainer) {
    return SetIdentity(group, LabelsOf(*group));
  }
  const auto pod = pods_.find(name.pod_uid);
  if (pod == pods_.end()) {
    // A pod that the kubelet has let go keeps its labels until its groups are gone.
    if (anonymous && !group->is_known) SetIdentity(group, LabelsOf(*group));
    return;
  }
  group->start_seconds = pod->second.created_seconds;
  if (name.kind == Kind::kContainer) {
    const ContainerRecord* const record = FindContainer(pod->second, name.container_id);
    if (record == nullptr && group->is_known) return;
    if (record == nullptr && told_anew) ++group->unknown_polls;
    if (record == nullptr && group->unknown_polls < kSandboxPolls) return;
    group->is_sandbox = record == nullptr;
    if (record != nullptr) {
      group->container = record->name;
      group->image = record->image;
      group->start_seconds = record->started_seconds;
    } else if (!pod->second.host_network && group->network == nullptr) {
      const std::string controller = tree_.version() == CgroupVersion::kV2 ? "" : "/memory";
      group->network = std::make_unique<PodNetwork>(
          options_.paths.procfs, base::StrCat(tree_.root(), controller, group->files.path()),
          name.container_id);
    }
  }
  SetIdentity(group, LabelsOf(*group));
}

void PodsCollector::ReadGroups() {
  stats_.groups_unknown = 0;
  for (auto& [path, group] : groups_) {
    Resolve(group.get());
    if (!group->is_known) ++stats_.groups_unknown;
    group->readable = group->files.Read(&group->numbers);
  }
}

void PodsCollector::UpdateLedger() {
  std::map<std::string, std::map<std::string, double>> living;
  for (const auto& [path, group] : groups_) {
    if (group->container.empty() || !group->readable || !IsTold(group->numbers.oom_kills)) continue;
    living[group->name.pod_uid][group->container] = group->numbers.oom_kills;
  }
  for (const auto& [path, group] : groups_) {
    if (group->name.kind != Kind::kPod || !IsTold(group->numbers.oom_kills)) continue;
    const auto pod = pods_.find(group->name.pod_uid);
    if (pod == pods_.end()) continue;
    ledger_.Update(pod->second, group->numbers.oom_kills, living[pod->first]);
  }
}

void PodsCollector::AppendGroup(Group* group, int64_t time_ms) {
  ContainerExtras extras;
  extras.now_seconds = static_cast<double>(time_ms / 1000);
  extras.start_seconds = group->start_seconds;
  extras.oom_events = group->container.empty()
                          ? group->numbers.oom_kills
                          : ledger_.Kills(group->name.pod_uid, group->container);
  Section& section = group->section;
  section.Begin();
  PutContainer(group->numbers, extras, &devices_, &section);
  if (group->network != nullptr) PutNetwork(group->network->Read(&processes_), &section);
  section.End();
  absl::Status status;
  if (section.TakeChanged() || !group->row->declared()) {
    status = group->row->SetColumns(section.columns(), time_ms);
  }
  if (status.ok()) {
    values_.clear();
    section.AppendValues(&values_);
    status = group->row->Append(time_ms, values_);
  }
  if (!status.ok()) ++stats_.rows_refused;
}

void PodsCollector::AppendGroups(int64_t time_ms) {
  for (auto& [path, group] : groups_) {
    if (group->is_known && group->readable) AppendGroup(group.get(), time_ms);
  }
}

void PodsCollector::PutMachine() {
  const NodePaths& paths = options_.paths;
  const std::string boot_id = FirstLine(paths.procfs + "/sys/kernel/random/boot_id");
  const std::string machine_id = FirstLine(paths.rootfs + "/etc/machine-id");
  const std::string uuid = FirstLine(paths.sysfs + "/class/dmi/id/product_uuid");
  const std::string& system_uuid = uuid.empty() ? machine_id : uuid;
  const double cores = CountCpus(paths.procfs);
  const double memory = MemoryBytes(paths.procfs);
  if (cores > 0) own_.Put(kCores, {boot_id, machine_id, system_uuid}, cores);
  if (memory > 0) own_.Put(kMemory, {boot_id, machine_id, system_uuid}, memory);
}

void PodsCollector::AppendOwn(int64_t time_ms, double seconds) {
  size_t samples = 0;
  bool any_readable = false;
  for (const auto& [path, group] : groups_) {
    if (group->row != nullptr) samples += group->row->column_count();
    any_readable = any_readable || group->readable;
  }
  own_.Begin();
  own_.Put(kUp, any_readable ? 1 : 0);
  own_.Put(kDuration, seconds);
  own_.Put(kSamples, static_cast<double>(samples));
  own_.Put(kScrapeError, any_readable ? 0 : 1);
  PutMachine();
  if (!any_readable) own_.Put(kCollectorState, {"pods", "no_control_groups"}, 1);
  if (!stats_.kubelet_error.empty()) own_.Put(kCollectorState, {"pods", "kubelet_silent"}, 1);
  if (!stats_.node_error.empty()) own_.Put(kCollectorState, {"pods", "node_object"}, 1);
  own_.End();
  absl::Status status;
  if (own_.TakeChanged() || !own_row_.declared()) {
    status = own_row_.SetColumns(own_.columns(), time_ms);
  }
  if (!status.ok()) return;
  values_.clear();
  own_.AppendValues(&values_);
  (void)own_row_.Append(time_ms, values_);  // counted by the sink
}

void PodsCollector::Pass() {
  const int64_t start_ns = clock_->MonotonicNs();
  const int64_t time_ms = clock_->NowMs();
  SyncGroups();
  ReadGroups();
  UpdateLedger();
  AppendGroups(time_ms);
  pod_rows_.AppendAll(time_ms);
  node_rows_.AppendAll(time_ms);
  const int64_t spent_ns = clock_->MonotonicNs() - start_ns;
  AppendOwn(time_ms, static_cast<double>(spent_ns) * 1e-9);
  stats_.last_pass_ms = time_ms;
  stats_.last_pass_us = spent_ns / 1000;
  ++stats_.passes;
}

void PodsCollector::Retire() {
  for (auto& [path, group] : groups_) {
    if (group->row != nullptr) group->row->Retire();
  }
  groups_.clear();
  pod_rows_.RetireAll();
  node_rows_.RetireAll();
  own_row_.Retire();
}

}  // namespace baro::agent
