#include "cpu_governor.h"

#include <algorithm>
#include <fstream>

#include "baro/agent/scrape_manager.h"

namespace baro::agent {
namespace {

// Of the limit: above, a burst of scrapes in one period of 100 ms is throttled already; below, all
// intervals can be as they were without coming near it again.
constexpr double kBusy = 0.7;
constexpr double kCalm = 0.4;
constexpr double kStep = 1.5;
constexpr int64_t kObserveNsMin = 500'000'000;

}  // namespace

double CgroupCpuLimit(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota_us = 0;
  double period_us = 0;
  // "max 100000" when there is no limit.
  if (!(file >> quota_us >> period_us) || quota_us <= 0 || period_us <= 0) return 0;
  return quota_us / period_us;
}

void CpuGovernor::Observe(int64_t cpu_ns, int64_t now_ns) {
  if (cpus_ <= 0) return;
  if (cpu_ns_ < 0) {
    cpu_ns_ = cpu_ns;
    now_ns_ = now_ns;
    return;
  }
  if (now_ns - now_ns_ < kObserveNsMin) return;
  const double used =
      static_cast<double>(cpu_ns - cpu_ns_) / static_cast<double>(now_ns - now_ns_) / cpus_;
  cpu_ns_ = cpu_ns;
  now_ns_ = now_ns;
  if (used > kBusy) stretch_ = std::min(stretch_ * kStep, kStretchMax);
  if (used < kCalm) stretch_ = std::max(stretch_ / kStep, 1.0);
}

}  // namespace baro::agent
