// PodNetwork: the network numbers of pods: /proc/<pid>/net/dev of any process inside.
//
// An agent with a process namespace of its own reads pid 0 in cgroup.procs; it then finds the
// process by the control group that the node's own procfs names. Needs no capability.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/node/proc_file.h"
#include "container_series.h"

namespace baro::agent {

// Thread-compatible.
class PodNetwork {
 public:
  // `group_folder` is the sandbox's control group, `container_id` its id.
  PodNetwork(std::string procfs, std::string group_folder, std::string container_id);

  // The interfaces' numbers now; none when no process can be found. `pids` is asked only while
  // there is no open file; it may be expensive to make.
  std::vector<NetworkNumbers> Read(class ProcessIndex* pids);

 private:
  int FindPid(class ProcessIndex* pids) const;

  const std::string procfs_;
  const std::string group_folder_;
  const std::string container_id_;
  // Stays with the namespace that it was opened in, even when the process ends.
  std::unique_ptr<ProcFile> file_;
};

// Which process belongs to which container, by /proc/*/cgroup; made when first asked for.
// Thread-compatible.
class ProcessIndex {
 public:
  explicit ProcessIndex(std::string procfs) : procfs_(std::move(procfs)) {}
  // 0: none.
  int PidOf(const std::string& container_id);
  // The next question looks again.
  void Invalidate() { fresh_ = false; }

 private:
  static constexpr size_t kProcessesMax = 65'536;
  void Scan();

  const std::string procfs_;
  bool fresh_ = false;
  std::map<std::string, int> pids_;
};

}  // namespace baro::agent
