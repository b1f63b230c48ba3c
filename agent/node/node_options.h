// NodeOptions: what the node collectors read, how often, and what they leave out.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace baro::agent {

// Where the node's own files are seen from inside a container; the flags of node_exporter.
struct NodePaths {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string rootfs = "/";
  std::string udev_data = "/run/udev/data";
  bool operator==(const NodePaths&) const = default;
};

// One collector's switch; unset: the default.
struct CollectorSwitch {
  std::optional<bool> enabled;
  std::optional<std::chrono::milliseconds> interval;
  bool operator==(const CollectorSwitch&) const = default;
};

// The default filters are node_exporter 1.11's, with its RE2 syntax.
struct NodeFilters {
  std::string diskstats_exclude = R"(^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$)";
  std::string filesystem_mount_points_exclude =
      R"(^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/))";
  std::string filesystem_types_exclude =
      "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|"
      "iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|"
      "erofs|sysfs|tracefs)$";
  std::string netdev_exclude;
  std::string netclass_exclude = "^$";
  std::string vmstat_include = "^(oom_kill|pgpg|pswp|pg.*fault).*";
  std::string netstat_include =
      "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|"
      "Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|"
      "TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|"
      "RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|"
      "SndbufErrors))$";
  bool operator==(const NodeFilters&) const = default;
};

struct NodeOptions {
  bool enabled = true;
  NodePaths paths;
  std::string job = "node";
  // Empty: $NODE_NAME, else the host name.
  std::string instance;
  std::chrono::milliseconds interval{15'000};
  std::map<std::string, CollectorSwitch> collectors;
  NodeFilters filters;
  // How long one statfs() may take before its mount counts as stuck.
  std::chrono::milliseconds mount_timeout{5'000};
  // The program that makes the statfs() calls; its own "--statfs-helper" mode by default.
  std::vector<std::string> statfs_program = {"/proc/self/exe", "--statfs-helper"};
  bool operator==(const NodeOptions&) const = default;
};

}  // namespace baro::agent
