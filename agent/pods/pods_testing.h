// A tree of control groups as Kubernetes makes it, in a folder; and what the kubelet says of it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "baro/base/strings.h"

namespace baro::agent {

// Goes away with the test.
class CgroupFolder {
 public:
  CgroupFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "cgroups_XXXXXX";
    path_ = mkdtemp(pattern.data());
    Write("fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    Write("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\n");
    Write("proc/meminfo", "MemTotal:       16384 kB\n");
    Write("proc/sys/kernel/random/boot_id", "boot-1\n");
    Write("etc/machine-id", "machine-1\n");
    Write("dev/block/8:0/uevent", "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n");
    WriteGroup("", 1);
    WriteGroup("/kubepods.slice", 1);
    WriteGroup("/kubepods.slice/kubepods-burstable.slice", 1);
    WriteGroup("/system.slice", 1);
    WriteGroup("/system.slice/containerd.service", 1);
  }
  ~CgroupFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  std::string proc() const { return path_ + "/proc"; }
  void Write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }

  static std::string Uid(int pod) { return absl::StrFormat("8c9d0e1f-0000-4000-8000-%012d", pod); }
  static std::string Id(int pod, int container) {
    return absl::StrFormat("%060x%04x", pod, container);
  }
  static std::string PodGroup(int pod) {
    std::string uid = Uid(pod);
    for (char& c : uid) c = c == '-' ? '_' : c;
    return base::StrCat("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod", uid,
                        ".slice");
  }
  static std::string ContainerGroup(int pod, int container) {
    return base::StrCat(PodGroup(pod), "/cri-containerd-", Id(pod, container), ".scope");
  }

  // All files of a group; `n` makes its numbers.
  void WriteGroup(const std::string& group, int n) const {
    const std::string folder = "fs/cgroup" + group + "/";
    Write(folder + "cpu.stat", absl::StrFormat("usage_usec %d000000\nuser_usec %d\nsystem_usec %d\n"
                                               "nr_periods %d\nnr_throttled 2\nthrottled_usec 3\n",
                                               n, n, n, n));
    Write(folder + "cpu.max", "50000 100000\n");
    Write(folder + "cpu.weight", "100\n");
    Write(folder + "memory.current", absl::StrFormat("%d000\n", n));
    Write(folder + "memory.max", "max\n");
    Write(folder + "memory.swap.current", "0\n");
    Write(folder + "memory.stat", MemoryStat(n));
    WriteOomKills(group, 0);
    for (const char* file : {"cpu.pressure", "memory.pressure", "io.pressure"}) {
      Write(folder + file, absl::StrFormat("some avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n"
                                           "full avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n",
                                           n, n));
    }
    Write(folder + "io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n");
    Write(folder + "pids.current", "5\n");
    Write(folder + "pids.max", "max\n");
    Write(folder + "cgroup.procs", "");
  }
  void WriteOomKills(const std::string& group, int kills) const {
    Write("fs/cgroup" + group + "/memory.events",
          absl::StrFormat("low 0\nhigh 0\nmax 0\noom %d\noom_kill %d\n", kills, kills));
  }
  void WritePod(int pod, int containers) const {
    WriteGroup(PodGroup(pod), pod);
    for (int i = 0; i < containers; ++i) WriteGroup(ContainerGroup(pod, i), 10 * pod + i);
  }
  void Remove(const std::string& group) const {
    std::filesystem::remove_all(path_ + "/fs/cgroup" + group);
  }

  // A pod of /pods whose container i is "c<i>"; the sandbox is container `sandbox`.
  static std::string PodJson(int pod, int containers, std::string_view more_status = "") {
    std::string statuses;
    for (int i = 0; i < containers; ++i) {
      base::StrAppend(&statuses, i > 0 ? "," : "", R"({"name":"c)", i,
                      R"(","image":"shop/web:1","containerID":"containerd://)", Id(pod, i),
                      R"(","state":{"running":{"startedAt":"2024-05-01T10:00:00Z"}})", more_status,
                      "}");
    }
    return base::StrCat(R"({"metadata":{"namespace":"shop","name":"web-)", pod, R"(","uid":")",
                        Uid(pod), R"(","labels":{"pod-template-hash":"abc"},"ownerReferences":)",
                        R"([{"kind":"ReplicaSet","name":"web-abc","controller":true}]},)",
                        R"("spec":{"nodeName":"n1"},"status":{"phase":"Running",)",
                        R"("containerStatuses":[)", statuses, "]}}");
  }

 private:
  // As long as the kernel's.
  static std::string MemoryStat(int n) {
    std::string text =
        absl::StrFormat("anon %d00\nfile %d00\nkernel 4096\nkernel_stack 16384\n", n, n);
    for (const char* key : {"pagetables",
                            "sec_pagetables",
                            "percpu",
                            "sock",
                            "vmalloc",
                            "shmem",
                            "zswap",
                            "zswapped",
                            "file_mapped",
                            "file_dirty",
                            "file_writeback",
                            "swapcached",
                            "anon_thp",
                            "file_thp",
                            "shmem_thp",
                            "inactive_anon",
                            "active_anon",
                            "inactive_file",
                            "active_file",
                            "unevictable",
                            "slab_reclaimable",
                            "slab_unreclaimable",
                            "slab",
                            "workingset_refault_anon",
                            "workingset_refault_file",
                            "workingset_activate_anon",
                            "workingset_activate_file",
                            "workingset_restore_anon",
                            "workingset_restore_file",
                            "workingset_nodereclaim",
                            "pgscan",
                            "pgsteal",
                            "pgscan_kswapd",
                            "pgscan_direct",
                            "pgsteal_kswapd",
                            "pgsteal_direct",
                            "pgfault",
                            "pgmajfault",
                            "pgrefill",
                            "pgactivate",
                            "pgdeactivate",
                            "pglazyfree",
                            "pglazyfreed",
                            "thp_fault_alloc",
                            "thp_collapse_alloc"}) {
      base::StrAppend(&text, key, " 100\n");
    }
    return text;
  }

  std::string path_;
};

}  // namespace baro::agent
