// LinkDump: the traffic counters of every interface in one netlink dump (RTM_GETLINK), which costs
// a fiftieth of reading them from sysfs and does not truncate as /proc/net/dev may.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proc_parse.h"

namespace baro::agent {

// Thread-compatible. Keeps its socket.
class LinkDump {
 public:
  LinkDump() = default;
  ~LinkDump();
  LinkDump(const LinkDump&) = delete;
  LinkDump& operator=(const LinkDump&) = delete;

  // Errors: Unavailable (no netlink here, no answer within a second), DataLoss (an answer that is
  // none).
  absl::Status Read(std::vector<NetDevice>* devices);

 private:
  absl::Status Open();
  absl::Status ReadOnce(std::vector<NetDevice>* devices);
  void Close();

  int socket_ = -1;
  std::string bytes_;
};

// One dump a pass for the two collectors that need it. Thread-compatible.
class LinkSource {
 public:
  // The next Read() asks anew.
  void Invalidate() { fresh_ = false; }
  // Errors: as LinkDump::Read().
  absl::StatusOr<const std::vector<NetDevice>*> Read();
  // True when the network namespace of the procfs at that path (its process 1) is ours: netlink
  // knows no other.
  static bool SeesNode(const std::string& procfs);

 private:
  LinkDump dump_;
  std::vector<NetDevice> devices_;
  bool fresh_ = false;
};

}  // namespace baro::agent
