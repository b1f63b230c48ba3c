// LinkDump: the traffic counters of every interface in one netlink dump (RTM_GETLINK), which costs
// a fiftieth of reading them from sysfs and does not truncate as /proc/net/dev may.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
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

}  // namespace baro::agent
