// CgroupTree: which control groups there are, and what their names say: the node itself, its system
// services, and of Kubernetes the classes of service, pods and containers.
//
// Names are the container runtimes': with systemd
//   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice/cri-containerd-<id>.scope
// and without
//   /kubepods/burstable/pod<uid>/<id>
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "baro/base/clock.h"
#include "cgroup_files.h"

namespace baro::agent {

struct CgroupName {
  enum class Kind : uint8_t {
    kRoot,       // "/"
    kSlice,      // "/kubepods.slice" and classes of service, "/system.slice"
    kService,    // "/system.slice/containerd.service"
    kPod,        // has pod_uid
    kOther,      // inside of a pod, but no container: a runtime's own
    kContainer,  // has pod_uid and container_id (the pod's sandbox is one, too)
  };
  Kind kind = Kind::kSlice;
  std::string pod_uid;       // as the API has it, with dashes
  std::string container_id;  // without the runtime's prefix
};

// What the last part of a path says, under its parent.
CgroupName ParseCgroupName(std::string_view path);

// Thread-compatible.
class CgroupTree {
 public:
  // Groups at most; beyond, they are left out and counted.
  static constexpr size_t kGroupsMax = 4096;

  CgroupTree(std::string sysfs, const base::Clock* clock);
  ~CgroupTree();
  CgroupTree(const CgroupTree&) = delete;
  CgroupTree& operator=(const CgroupTree&) = delete;

  // Looks again when the kernel has told of a new or removed group (inotify), and in any case once
  // a minute. True when groups() has changed.
  bool Refresh();
  // By path.
  const std::map<std::string, CgroupName>& groups() const { return groups_; }
  CgroupVersion version() const { return version_; }
  const std::string& root() const { return root_; }
  uint64_t groups_left_out() const { return groups_left_out_; }

 private:
  void Walk(const std::string& path, int depth, std::map<std::string, CgroupName>* found);
  std::string FolderOf(const std::string& path) const;
  bool TakeEvents();
  void Watch(const std::string& folder);

  const base::Clock* const clock_;
  const CgroupVersion version_;
  const std::string root_;    // <sysfs>/fs/cgroup
  const std::string folder_;  // where names are looked for (a controller's, in version 1)
  int notify_ = -1;
  bool dirty_ = true;
  int64_t next_walk_ns_ = 0;
  std::map<std::string, CgroupName> groups_;
  uint64_t groups_left_out_ = 0;
};

}  // namespace baro::agent
