// The series of a control group, with the names, labels and help that cAdvisor gives them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/node/section.h"
#include "cgroup_numbers.h"

namespace baro::agent {

// One interface of a pod's network namespace.
struct NetworkNumbers {
  std::string interface;
  double receive_bytes = 0;
  double receive_packets = 0;
  double receive_errors = 0;
  double receive_dropped = 0;
  double transmit_bytes = 0;
  double transmit_packets = 0;
  double transmit_errors = 0;
  double transmit_dropped = 0;
};

// Names of block devices ("/dev/sda") by number. Thread-compatible.
class DeviceNames {
 public:
  explicit DeviceNames(std::string sysfs) : sysfs_(std::move(sysfs)) {}
  // "8:0" when sysfs does not know it.
  const std::string& Name(uint32_t major, uint32_t minor);

 private:
  static constexpr size_t kNamesMax = 1024;

  const std::string sysfs_;
  std::map<std::pair<uint32_t, uint32_t>, std::string> names_;
};

struct ContainerExtras {
  double oom_events = kUntold;
  double start_seconds = 0;  // 0: not known
  double now_seconds = 0;
};

// Puts what is told; the section's Begin() and End() are the caller's.
void PutContainer(const CgroupNumbers& numbers, const ContainerExtras& extras, DeviceNames* devices,
                  Section* section);
void PutNetwork(const std::vector<NetworkNumbers>& interfaces, Section* section);

// /proc/<pid>/net/dev without the loopback and what Kubernetes leaves out of it.
std::vector<NetworkNumbers> ParseNetworkNumbers(std::string_view text);

// Every family that PutContainer() and PutNetwork() can put: the table of coverage.
std::vector<std::string_view> ContainerFamilyNames();

}  // namespace baro::agent
