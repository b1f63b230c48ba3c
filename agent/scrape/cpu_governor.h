// CpuGovernor: makes scrapes rarer before the kernel makes everything slower.
//
// A cgroup that is throttled delays all that runs in it, the node's own collection and delivery as
// well. So when the process comes near its CPU share, the intervals of targets that nobody called
// critical are stretched, step by step, and come back when there is room again.
#pragma once

#include <cstdint>

namespace baro::agent {

// Thread-compatible.
class CpuGovernor {
 public:
  // `cpus` is what the process may use; 0: no limit, and stretch() stays 1.
  explicit CpuGovernor(double cpus) : cpus_(cpus) {}

  // Once a second or so: the process's CPU time and a monotonic clock.
  void Observe(int64_t cpu_ns, int64_t now_ns);
  // What intervals are to be multiplied by: 1 … kStretchMax.
  double stretch() const { return stretch_; }

  static constexpr double kStretchMax = 16;

 private:
  const double cpus_;
  int64_t cpu_ns_ = -1;
  int64_t now_ns_ = 0;
  double stretch_ = 1;
};

}  // namespace baro::agent
