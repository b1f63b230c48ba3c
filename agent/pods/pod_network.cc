#include "pod_network.h"

#include <dirent.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

#include "agent/node/proc_text.h"
#include "baro/base/strings.h"
#include "cgroup_tree.h"

namespace baro::agent {

PodNetwork::PodNetwork(std::string procfs, std::string group_folder, std::string container_id)
    : procfs_(std::move(procfs)),
      group_folder_(std::move(group_folder)),
      container_id_(std::move(container_id)) {}

int PodNetwork::FindPid(ProcessIndex* pids) const {
  ProcFile processes(group_folder_ + "/cgroup.procs");
  const auto text = processes.Read();
  int pid = 0;
  if (text.ok()) {
    std::string_view rest = *text;
    std::string_view line;
    if (TakeLine(&rest, &line) && !ParseNumber(line, &pid)) pid = 0;
  }
  return pid > 0 ? pid : pids->PidOf(container_id_);
}

std::vector<NetworkNumbers> PodNetwork::Read(ProcessIndex* pids) {
  if (file_ == nullptr) {
    const int pid = FindPid(pids);
    if (pid <= 0) return {};
    file_ = std::make_unique<ProcFile>(base::StrCat(procfs_, "/", pid, "/net/dev"));
  }
  const auto text = file_->Read();
  if (!text.ok()) {
    file_ = nullptr;
    return {};
  }
  return ParseNetworkNumbers(*text);
}

int ProcessIndex::PidOf(const std::string& container_id) {
  if (!fresh_) Scan();
  fresh_ = true;
  const auto found = pids_.find(container_id);
  return found == pids_.end() ? 0 : found->second;
}

void ProcessIndex::Scan() {
  pids_.clear();
  DIR* const directory = opendir(procfs_.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    int pid = 0;
    if (pids_.size() >= kProcessesMax || !ParseNumber(std::string_view(entry->d_name), &pid)) {
      continue;
    }
    ProcFile file(base::StrCat(procfs_, "/", pid, "/cgroup"), 512);
    const auto text = file.Read();
    if (!text.ok()) continue;
    // "0::/kubepods.slice/…"; in a namespace of our own with "/../.." in front.
    std::string_view rest = *text;
    std::string_view line;
    while (TakeLine(&rest, &line)) {
      const CgroupName name = ParseCgroupName(line.substr(line.rfind(':') + 1));
      if (name.kind == CgroupName::Kind::kContainer) pids_.emplace(name.container_id, pid);
    }
  }
  closedir(directory);
}

}  // namespace baro::agent
