#include "agent/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "agent/node/proc_file.h"
#include "agent/node/proc_parse.h"
#include "agent/node/proc_text.h"
#include "prometheus/metric_family.h"

namespace baro::agent {
namespace {

prometheus::MetricFamily Single(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  family.metric.push_back(std::move(metric));
  return family;
}

prometheus::MetricFamily BuildInfo(const std::string& version) {
  prometheus::MetricFamily family =
      Single("baro_agent_build_info", "1, with the version.", prometheus::MetricType::Gauge, 1);
  family.metric[0].label = {{"version", version}};
  return family;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

double OpenDescriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

// /proc/self/stat after the command's name: state is field 3; start time 22, virtual size 23,
// resident pages 24 (proc(5)).
struct SelfStat {
  double start_ticks = 0;
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

SelfStat ReadSelfStat() {
  SelfStat stat;
  ProcFile file("/proc/self/stat", 512);
  const auto text = file.Read();
  if (!text.ok() || text->rfind(')') == std::string_view::npos) return stat;
  std::string_view rest = text->substr(text->rfind(')') + 1);
  for (int field = 3; field < 22; ++field) TakeField(&rest);
  TakeNumber(&rest, &stat.start_ticks);
  TakeNumber(&rest, &stat.virtual_bytes);
  TakeNumber(&rest, &stat.resident_bytes);
  stat.resident_bytes *= static_cast<double>(sysconf(_SC_PAGESIZE));
  return stat;
}

double BootTimeSeconds() {
  ProcFile file("/proc/stat", 16'384);
  const auto text = file.Read();
  StatText stat;
  if (!text.ok() || !ParseStat(*text, &stat).ok()) return 0;
  return static_cast<double>(stat.boot_time_s);
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using prometheus::MetricType;
  const SelfStat stat = ReadSelfStat();
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  return {
      BuildInfo(version_),
      Single("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
             MetricType::Counter, CpuSeconds()),
      Single("process_open_fds", "Number of open file descriptors.", MetricType::Gauge,
             OpenDescriptors()),
      Single("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
             static_cast<double>(descriptors.rlim_cur)),
      Single("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
             stat.virtual_bytes),
      Single("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
             stat.resident_bytes),
      Single("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
             MetricType::Gauge,
             BootTimeSeconds() + stat.start_ticks / static_cast<double>(sysconf(_SC_CLK_TCK))),
  };
}

}  // namespace baro::agent
