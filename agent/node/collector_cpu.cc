// cpu: time per CPU and mode from /proc/stat, throttling and isolation from sysfs.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "collectors.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

using model::MetricType;

constexpr Family kSeconds{"node_cpu_seconds_total",
                          "Seconds the CPUs spent in each mode.",
                          MetricType::kCounter,
                          {"cpu", "mode"}};
constexpr Family kGuestSeconds{"node_cpu_guest_seconds_total",
                               "Seconds the CPUs spent in guests (VMs) for each mode.",
                               MetricType::kCounter,
                               {"cpu", "mode"}};
constexpr Family kCoreThrottles{"node_cpu_core_throttles_total",
                                "Number of times this CPU core has been throttled.",
                                MetricType::kCounter,
                                {"package", "core"}};
constexpr Family kPackageThrottles{"node_cpu_package_throttles_total",
                                   "Number of times this CPU package has been throttled.",
                                   MetricType::kCounter,
                                   {"package"}};
constexpr Family kIsolated{
    "node_cpu_isolated",
    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
    MetricType::kGauge,
    {"cpu"}};

constexpr std::array<std::string_view, 8> kModeNames = {"user",   "nice", "system",  "idle",
                                                        "iowait", "irq",  "softirq", "steal"};
constexpr double kTicksPerSecond = 100;  // USER_HZ, the same on every Linux
// A CPU whose idle time falls back by more was taken offline and back: its counters start anew.
constexpr uint64_t kHotplugTicks = 300;

// One CPU's counters as they are told: they never go back but after a hotplug, whatever the kernel
// says (idle and iowait do go back on tickless kernels).
struct CpuState {
  std::string label;
  std::array<uint64_t, kCpuModes> ticks{};
};

// A counter of thermal_throttle that many CPUs share.
struct Throttle {
  std::string package;
  std::string core;  // empty for a package's
  ProcFile file;
};

class CpuCollector final : public Collector {
 public:
  explicit CpuCollector(const CollectorContext& context)
      : stat_(context.stat), cpu_root_(context.options.paths.sysfs + "/devices/system/cpu") {}

  void Prepare() override { stat_->Invalidate(); }

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const StatText* stat, stat_->Read());
    if (SetChanged(stat->cpus)) Rediscover(stat->cpus);
    for (size_t i = 0; i < stat->cpus.size(); ++i) {
      Follow(stat->cpus[i], &cpus_[i]);
      PutCpu(cpus_[i], section);
    }
    PutThrottles(section);
    for (const std::string& cpu : isolated_) section->Put(kIsolated, {cpu}, 1);
    return absl::OkStatus();
  }

 private:
  bool SetChanged(const std::vector<CpuTimes>& cpus) const {
    if (cpus.size() != numbers_.size()) return true;
    for (size_t i = 0; i < cpus.size(); ++i) {
      if (cpus[i].cpu != numbers_[i]) return true;
    }
    return false;
  }

  // A CPU came or went: keeps the state of those that stay and looks again at their throttles.
  void Rediscover(const std::vector<CpuTimes>& cpus) {
    std::map<uint32_t, CpuState> known;
    for (size_t i = 0; i < cpus_.size(); ++i) known[numbers_[i]] = std::move(cpus_[i]);
    cpus_.clear();
    numbers_.clear();
    for (const CpuTimes& cpu : cpus) {
      CpuState state = std::move(known[cpu.cpu]);
      state.label = base::StrCat(cpu.cpu);
      cpus_.push_back(std::move(state));
      numbers_.push_back(cpu.cpu);
    }
    FindThrottles();
    FindIsolated();
  }

  void FindThrottles() {
    throttles_.clear();
    std::set<std::pair<std::string, std::string>> seen;
    for (const CpuState& cpu : cpus_) {
      const std::string folder = base::StrCat(cpu_root_, "/cpu", cpu.label);
      const std::string package = ReadTrimmed(folder + "/topology/physical_package_id");
      const std::string core = ReadTrimmed(folder + "/topology/core_id");
      if (package.empty() || core.empty()) continue;
      const std::string throttle = folder + "/thermal_throttle/";
      for (const auto& [key, name] : {std::pair(core, "core_throttle_count"),
                                      std::pair(std::string(), "package_throttle_count")}) {
        if (seen.contains({package, key})) continue;
        ProcFile file(throttle + name, 64);
        if (!file.Read().ok()) continue;
        seen.insert({package, key});
        throttles_.push_back({package, key, std::move(file)});
      }
    }
  }

  void FindIsolated() {
    isolated_.clear();
    ProcFile file(cpu_root_ + "/isolated", 256);
    const auto text = file.Read();
    std::vector<uint32_t> cpus;
    if (!text.ok() || !ParseCpuList(*text, &cpus).ok()) return;
    for (const uint32_t cpu : cpus) isolated_.push_back(base::StrCat(cpu));
  }

  static std::string ReadTrimmed(const std::string& path) {
    ProcFile file(path, 64);
    const auto text = file.Read();
    return text.ok() ? std::string(TrimSpace(*text)) : std::string();
  }

  static void Follow(const CpuTimes& times, CpuState* state) {
    const bool hotplug = state->ticks[kIdle] >= times.ticks[kIdle] + kHotplugTicks;
    for (size_t mode = 0; mode < kCpuModes; ++mode) {
      if (hotplug || times.ticks[mode] > state->ticks[mode]) state->ticks[mode] = times.ticks[mode];
    }
  }

  static void PutCpu(const CpuState& cpu, Section* section) {
    const auto seconds = [&](CpuMode mode) {
      return static_cast<double>(cpu.ticks[mode]) / kTicksPerSecond;
    };
    for (size_t mode = 0; mode < kModeNames.size(); ++mode) {
      section->Put(kSeconds, {cpu.label, kModeNames[mode]}, seconds(static_cast<CpuMode>(mode)));
    }
    section->Put(kGuestSeconds, {cpu.label, "user"}, seconds(kGuest));
    section->Put(kGuestSeconds, {cpu.label, "nice"}, seconds(kGuestNice));
  }

  void PutThrottles(Section* section) {
    for (Throttle& throttle : throttles_) {
      const auto text = throttle.file.Read();
      uint64_t count = 0;
      if (!text.ok() || !ParseNumber(TrimSpace(*text), &count)) continue;
      if (throttle.core.empty()) {
        section->Put(kPackageThrottles, {throttle.package}, static_cast<double>(count));
      } else {
        section->Put(kCoreThrottles, {throttle.package, throttle.core}, static_cast<double>(count));
      }
    }
  }

  const std::shared_ptr<StatSource> stat_;
  const std::string cpu_root_;
  std::vector<uint32_t> numbers_;  // of cpus_, in the kernel's order
  std::vector<CpuState> cpus_;
  std::vector<Throttle> throttles_;
  std::vector<std::string> isolated_;
};

constexpr Family kInterrupts{"node_intr_total", "Total number of interrupts serviced.",
                             MetricType::kCounter};
constexpr Family kContextSwitches{"node_context_switches_total",
                                  "Total number of context switches.", MetricType::kCounter};
constexpr Family kForks{"node_forks_total", "Total number of forks.", MetricType::kCounter};
constexpr Family kBootTime{"node_boot_time_seconds", "Node boot time, in unixtime."};
constexpr Family kProcsRunning{"node_procs_running", "Number of processes in runnable state."};
constexpr Family kProcsBlocked{"node_procs_blocked",
                               "Number of processes blocked waiting for I/O to complete."};

// stat: the rest of /proc/stat.
class StatCollector final : public Collector {
 public:
  explicit StatCollector(const CollectorContext& context) : stat_(context.stat) {}

  void Prepare() override { stat_->Invalidate(); }

  absl::Status Collect(Section* section) override {
    BARO_TRY_ASSIGN(const StatText* stat, stat_->Read());
    section->Put(kInterrupts, static_cast<double>(stat->interrupts));
    section->Put(kContextSwitches, static_cast<double>(stat->context_switches));
    section->Put(kForks, static_cast<double>(stat->forks));
    section->Put(kBootTime, static_cast<double>(stat->boot_time_s));
    section->Put(kProcsRunning, static_cast<double>(stat->procs_running));
    section->Put(kProcsBlocked, static_cast<double>(stat->procs_blocked));
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<StatSource> stat_;
};

}  // namespace

MadeCollector MakeCpuCollector(const CollectorContext& context) {
  return std::make_unique<CpuCollector>(context);
}

MadeCollector MakeStatCollector(const CollectorContext& context) {
  return std::make_unique<StatCollector>(context);
}

}  // namespace baro::agent
