#include "container_series.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "agent/node/proc_text.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

constexpr auto kCounter = model::MetricType::kCounter;
constexpr auto kGauge = model::MetricType::kGauge;

// A number of a group as a family.
struct NumberFamily {
  Family family;
  double CgroupNumbers::* member;
};
struct PressureFamily {
  Family family;
  CgroupPressure CgroupNumbers::* pressure;
  double CgroupPressure::* member;
};
struct FailureFamily {
  std::string_view failure_type;
  double CgroupNumbers::* member;
};
struct IoFamily {
  Family family;
  double CgroupIo::* member;
};
struct NetworkFamily {
  Family family;
  double NetworkNumbers::* member;
};

using Numbers = CgroupNumbers;

const Family kCpuUsage{"container_cpu_usage_seconds_total",
                       "Cumulative cpu time consumed in seconds.",
                       kCounter,
                       {"cpu"}};
const Family kMemoryFailures{"container_memory_failures_total",
                             "Cumulative count of memory allocation failures.",
                             kCounter,
                             {"failure_type", "scope"}};
const Family kWorkingSet{"container_memory_working_set_bytes", "Current working set in bytes.",
                         kGauge};
const Family kOomEvents{"container_oom_events_total",
                        "Count of out of memory events observed for the container", kCounter};
const Family kStartTime{"container_start_time_seconds",
                        "Start time of the container since unix epoch in seconds.", kGauge};
const Family kLastSeen{"container_last_seen", "Last time a container was seen by the exporter",
                       kGauge};

const std::array<NumberFamily, 28> kNumbers = {{
    {{"container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.",
      kCounter},
     &Numbers::cpu_user_seconds},
    {{"container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.",
      kCounter},
     &Numbers::cpu_system_seconds},
    {{"container_memory_cache", "Number of bytes of page cache memory.", kGauge}, &Numbers::cache},
    {{"container_memory_rss", "Size of RSS in bytes.", kGauge}, &Numbers::rss},
    {{"container_memory_kernel_usage", "Size of kernel memory allocated in bytes.", kGauge},
     &Numbers::kernel_memory},
    {{"container_memory_mapped_file", "Size of memory mapped files in bytes.", kGauge},
     &Numbers::mapped_file},
    {{"container_memory_swap", "Container swap usage in bytes.", kGauge}, &Numbers::swap_usage},
    {{"container_memory_failcnt", "Number of memory usage hits limits", kCounter},
     &Numbers::failcnt},
    {{"container_memory_usage_bytes",
      "Current memory usage in bytes, including all memory regardless of when it was accessed",
      kGauge},
     &Numbers::memory_usage},
    {{"container_memory_max_usage_bytes", "Maximum memory usage recorded in bytes", kGauge},
     &Numbers::memory_peak},
    {{"container_memory_total_active_file_bytes", "Current total active file in bytes.", kGauge},
     &Numbers::active_file},
    {{"container_memory_total_inactive_file_bytes", "Current total inactive file in bytes.",
      kGauge},
     &Numbers::inactive_file},
    {{"container_memory_file_dirty_bytes", "Current file dirty in bytes.", kGauge},
     &Numbers::file_dirty},
    {{"container_memory_file_writeback_bytes", "Current file writeback in bytes.", kGauge},
     &Numbers::file_writeback},
    {{"container_memory_workingset_refault_anon_total", "Number of refaults of anonymous pages.",
      kCounter},
     &Numbers::refault_anon},
    {{"container_memory_workingset_refault_file_total", "Number of refaults of file pages.",
      kCounter},
     &Numbers::refault_file},
    {{"container_memory_pgscan_total", "Number of pages scanned by reclaim.", kCounter},
     &Numbers::pgscan},
    {{"container_memory_pgsteal_total", "Number of pages reclaimed.", kCounter}, &Numbers::pgsteal},
    {{"container_memory_events_max_total", "Number of times the memory limit was hit.", kCounter},
     &Numbers::memory_max_events},
    {{"container_memory_events_high_total", "Number of times the memory throttle was hit.",
      kCounter},
     &Numbers::memory_high_events},
    {{"container_threads", "Number of threads running inside the container", kGauge},
     &Numbers::tasks},
    {{"container_threads_max",
      "Maximum number of threads allowed inside the container, infinity if value is zero", kGauge},
     &Numbers::tasks_max},
    {{"container_spec_cpu_period", "CPU period of the container.", kGauge},
     &Numbers::cpu_period_us},
    {{"container_spec_cpu_quota", "CPU quota of the container.", kGauge}, &Numbers::cpu_quota_us},
    {{"container_spec_cpu_shares", "CPU share of the container.", kGauge}, &Numbers::cpu_shares},
    {{"container_spec_memory_limit_bytes", "Memory limit for the container.", kGauge},
     &Numbers::memory_limit},
    {{"container_spec_memory_swap_limit_bytes", "Memory swap limit for the container.", kGauge},
     &Numbers::memory_swap_limit},
    {{"container_spec_memory_reservation_limit_bytes",
      "Memory reservation limit for the container.", kGauge},
     &Numbers::memory_reservation},
}};

// Told only of groups with a CPU limit, as cAdvisor does.
const std::array<NumberFamily, 3> kThrottling = {{
    {{"container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.",
      kCounter},
     &Numbers::cfs_periods},
    {{"container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.",
      kCounter},
     &Numbers::cfs_throttled_periods},
    {{"container_cpu_cfs_throttled_seconds_total",
      "Total time duration the container has been throttled.", kCounter},
     &Numbers::cfs_throttled_seconds},
}};

const std::array<PressureFamily, 6> kPressure = {{
    {{"container_pressure_cpu_waiting_seconds_total",
      "Total time duration tasks in the container have waited due to CPU congestion.", kCounter},
     &Numbers::cpu_pressure,
     &CgroupPressure::waiting_seconds},
    {{"container_pressure_cpu_stalled_seconds_total",
      "Total time duration no tasks in the container could make progress due to CPU congestion.",
      kCounter},
     &Numbers::cpu_pressure,
     &CgroupPressure::stalled_seconds},
    {{"container_pressure_memory_waiting_seconds_total",
      "Total time duration tasks in the container have waited due to memory congestion.", kCounter},
     &Numbers::memory_pressure,
     &CgroupPressure::waiting_seconds},
    {{"container_pressure_memory_stalled_seconds_total",
      "Total time duration no tasks in the container could make progress due to memory congestion.",
      kCounter},
     &Numbers::memory_pressure,
     &CgroupPressure::stalled_seconds},
    {{"container_pressure_io_waiting_seconds_total",
      "Total time duration tasks in the container have waited due to IO congestion.", kCounter},
     &Numbers::io_pressure,
     &CgroupPressure::waiting_seconds},
    {{"container_pressure_io_stalled_seconds_total",
      "Total time duration no tasks in the container could make progress due to IO congestion.",
      kCounter},
     &Numbers::io_pressure,
     &CgroupPressure::stalled_seconds},
}};

constexpr std::array<FailureFamily, 2> kFailures = {
    {{"pgfault", &Numbers::pgfault}, {"pgmajfault", &Numbers::pgmajfault}}};

const std::array<IoFamily, 4> kIo = {{
    {{"container_fs_reads_bytes_total", "Cumulative count of bytes read", kCounter, {"device"}},
     &CgroupIo::read_bytes},
    {{"container_fs_reads_total", "Cumulative count of reads completed", kCounter, {"device"}},
     &CgroupIo::reads},
    {{"container_fs_writes_bytes_total", "Cumulative count of bytes written", kCounter, {"device"}},
     &CgroupIo::write_bytes},
    {{"container_fs_writes_total", "Cumulative count of writes completed", kCounter, {"device"}},
     &CgroupIo::writes},
}};

const std::array<NetworkFamily, 8> kNetwork = {{
    {{"container_network_receive_bytes_total",
      "Cumulative count of bytes received",
      kCounter,
      {"interface"}},
     &NetworkNumbers::receive_bytes},
    {{"container_network_receive_packets_total",
      "Cumulative count of packets received",
      kCounter,
      {"interface"}},
     &NetworkNumbers::receive_packets},
    {{"container_network_receive_packets_dropped_total",
      "Cumulative count of packets dropped while receiving",
      kCounter,
      {"interface"}},
     &NetworkNumbers::receive_dropped},
    {{"container_network_receive_errors_total",
      "Cumulative count of errors encountered while receiving",
      kCounter,
      {"interface"}},
     &NetworkNumbers::receive_errors},
    {{"container_network_transmit_bytes_total",
      "Cumulative count of bytes transmitted",
      kCounter,
      {"interface"}},
     &NetworkNumbers::transmit_bytes},
    {{"container_network_transmit_packets_total",
      "Cumulative count of packets transmitted",
      kCounter,
      {"interface"}},
     &NetworkNumbers::transmit_packets},
    {{"container_network_transmit_packets_dropped_total",
      "Cumulative count of packets dropped while transmitting",
      kCounter,
      {"interface"}},
     &NetworkNumbers::transmit_dropped},
    {{"container_network_transmit_errors_total",
      "Cumulative count of errors encountered while transmitting",
      kCounter,
      {"interface"}},
     &NetworkNumbers::transmit_errors},
}};

void PutTold(const Family& family, double number, Section* section) {
  if (IsTold(number)) section->Put(family, number);
}

// What the kernel cannot easily take back: usage without the file pages it would drop first.
double WorkingSet(const CgroupNumbers& numbers) {
  if (!IsTold(numbers.inactive_file)) return numbers.memory_usage;
  return std::max(0.0, numbers.memory_usage - numbers.inactive_file);
}

}  // namespace

const std::string& DeviceNames::Name(uint32_t major, uint32_t minor) {
  const auto found = names_.find({major, minor});
  if (found != names_.end()) return found->second;
  if (names_.size() >= kNamesMax) names_.clear();
  std::string name = base::StrCat(major, ":", minor);
  std::ifstream file(base::StrCat(sysfs_, "/dev/block/", name, "/uevent"));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("DEVNAME=")) name = "/dev/" + line.substr(8);
  }
  return names_.emplace(std::pair(major, minor), std::move(name)).first->second;
}

void PutContainer(const CgroupNumbers& numbers, const ContainerExtras& extras, DeviceNames* devices,
                  Section* section) {
  if (IsTold(numbers.cpu_seconds)) section->Put(kCpuUsage, {"total"}, numbers.cpu_seconds);
  for (const NumberFamily& number : kNumbers) {
    PutTold(number.family, numbers.*number.member, section);
  }
  if (IsTold(numbers.cpu_quota_us) && numbers.cpu_quota_us > 0) {
    for (const NumberFamily& number : kThrottling) {
      PutTold(number.family, numbers.*number.member, section);
    }
  }
  if (IsTold(numbers.memory_usage)) section->Put(kWorkingSet, WorkingSet(numbers));
  for (const FailureFamily& failure : kFailures) {
    const double count = numbers.*failure.member;
    if (!IsTold(count)) continue;
    section->Put(kMemoryFailures, {failure.failure_type, "container"}, count);
    section->Put(kMemoryFailures, {failure.failure_type, "hierarchy"}, count);
  }
  for (const PressureFamily& pressure : kPressure) {
    PutTold(pressure.family, (numbers.*pressure.pressure).*pressure.member, section);
  }
  for (const CgroupIo& io : numbers.io) {
    const std::string& device = devices->Name(io.major, io.minor);
    for (const IoFamily& family : kIo) section->Put(family.family, {device}, io.*family.member);
  }
  PutTold(kOomEvents, extras.oom_events, section);
  if (extras.start_seconds > 0) section->Put(kStartTime, extras.start_seconds);
  section->Put(kLastSeen, extras.now_seconds);
}

void PutNetwork(const std::vector<NetworkNumbers>& interfaces, Section* section) {
  for (const NetworkNumbers& interface : interfaces) {
    for (const NetworkFamily& family : kNetwork) {
      section->Put(family.family, {interface.interface}, interface.*family.member);
    }
  }
}

std::vector<NetworkNumbers> ParseNetworkNumbers(std::string_view text) {
  constexpr size_t kInterfacesMax = 64;
  std::vector<NetworkNumbers> interfaces;
  std::string_view line;
  while (TakeLine(&text, &line) && interfaces.size() < kInterfacesMax) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    NetworkNumbers numbers;
    numbers.interface = TrimSpace(line.substr(0, colon));
    if (numbers.interface == "lo") continue;
    line.remove_prefix(colon + 1);
    std::array<uint64_t, 12> fields{};
    bool whole = true;
    for (uint64_t& field : fields) whole = whole && TakeNumber(&line, &field);
    if (!whole) continue;
    const auto at = [&](size_t i) { return static_cast<double>(fields[i]); };
    numbers.receive_bytes = at(0);
    numbers.receive_packets = at(1);
    numbers.receive_errors = at(2);
    numbers.receive_dropped = at(3);
    numbers.transmit_bytes = at(8);
    numbers.transmit_packets = at(9);
    numbers.transmit_errors = at(10);
    numbers.transmit_dropped = at(11);
    interfaces.push_back(std::move(numbers));
  }
  return interfaces;
}

std::vector<std::string_view> ContainerFamilyNames() {
  std::vector<std::string_view> names = {kCpuUsage.name,  kMemoryFailures.name, kWorkingSet.name,
                                         kOomEvents.name, kStartTime.name,      kLastSeen.name};
  for (const auto& entry : kNumbers) names.push_back(entry.family.name);
  for (const auto& entry : kThrottling) names.push_back(entry.family.name);
  for (const auto& entry : kPressure) names.push_back(entry.family.name);
  for (const auto& entry : kIo) names.push_back(entry.family.name);
  for (const auto& entry : kNetwork) names.push_back(entry.family.name);
  return names;
}

}  // namespace baro::agent
