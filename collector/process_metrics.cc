#include <dirent.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "self_metrics.h"

namespace baro::collector {
namespace {

// Fields of /proc/self/stat, counted as in proc(5).
struct ProcessStat {
  double cpu_ticks = 0;       // 14 + 15
  double start_ticks = 0;     // 22
  double virtual_bytes = 0;   // 23
  double resident_pages = 0;  // 24
  double threads = 0;         // 20
};

ProcessStat ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field is the name, which may hold anything but ends with the last parenthesis.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  ProcessStat stat;
  std::string field;
  for (int number = 3; rest >> field; ++number) {
    double value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    if (number == 14 || number == 15) stat.cpu_ticks += value;
    if (number == 20) stat.threads = value;
    if (number == 22) stat.start_ticks = value;
    if (number == 23) stat.virtual_bytes = value;
    if (number == 24) stat.resident_pages = value;
  }
  return stat;
}

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  std::string key;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

double OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  // ".", ".." and the folder's own descriptor.
  double count = -3;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace

void CollectDisk(const std::string& folder, std::vector<prometheus::MetricFamily>* families) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return;
  const auto block = static_cast<double>(disk.f_frsize);
  families->push_back(OneGauge("baro_store_disk_avail_bytes",
                               "Room on the store's disk for those who are not root.",
                               static_cast<double>(disk.f_bavail) * block));
  families->push_back(OneGauge("baro_store_disk_size_bytes", "Size of the store's disk.",
                               static_cast<double>(disk.f_blocks) * block));
}

void CollectProcess(std::vector<prometheus::MetricFamily>* families) {
  const ProcessStat stat = ReadStat();
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  families->push_back(OneCounter("process_cpu_seconds_total",
                                 "Total user and system CPU time spent in seconds.",
                                 stat.cpu_ticks / ticks_per_second));
  families->push_back(OneGauge("process_resident_memory_bytes", "Resident memory size in bytes.",
                               stat.resident_pages * page_bytes));
  families->push_back(OneGauge("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                               stat.virtual_bytes));
  families->push_back(OneGauge("process_start_time_seconds",
                               "Start time of the process since unix epoch in seconds.",
                               BootTimeSeconds() + stat.start_ticks / ticks_per_second));
  families->push_back(
      OneGauge("process_open_fds", "Number of open file descriptors.", OpenDescriptors()));
  families->push_back(OneGauge("process_max_fds", "Maximum number of open file descriptors.",
                               static_cast<double>(descriptors.rlim_cur)));
  families->push_back(
      OneGauge("process_threads", "Number of operating system threads.", stat.threads));
}

}  // namespace baro::collector
