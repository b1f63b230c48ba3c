// CgroupNumbers: what the kernel tells of one control group, and the parsers of its files, of both
// versions of the interface (kernel.org/doc/html/latest/admin-guide/{cgroup-v2,cgroup-v1}).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace baro::agent {

// "Not told": the file is not there, or does not know it.
inline constexpr double kUntold = std::numeric_limits<double>::quiet_NaN();
inline bool IsTold(double number) { return !std::isnan(number); }

struct CgroupIo {
  uint32_t major = 0;
  uint32_t minor = 0;
  double read_bytes = 0;
  double write_bytes = 0;
  double reads = 0;
  double writes = 0;
};
// Of one group; beyond, devices are not told.
inline constexpr size_t kCgroupDevicesMax = 256;

struct CgroupPressure {
  double waiting_seconds = kUntold;  // "some"
  double stalled_seconds = kUntold;  // "full"
};

struct CgroupNumbers {
  double cpu_seconds = kUntold;
  double cpu_user_seconds = kUntold;
  double cpu_system_seconds = kUntold;
  double cfs_periods = kUntold;
  double cfs_throttled_periods = kUntold;
  double cfs_throttled_seconds = kUntold;
  double cpu_quota_us = kUntold;  // untold: no limit
  double cpu_period_us = kUntold;
  double cpu_shares = kUntold;
  double memory_usage = kUntold;
  double memory_peak = kUntold;
  double memory_limit = kUntold;        // 0: none
  double memory_swap_limit = kUntold;   // 0: none
  double memory_reservation = kUntold;  // 0: none
  double swap_usage = kUntold;
  double failcnt = kUntold;
  double cache = kUntold;
  double rss = kUntold;
  double mapped_file = kUntold;
  double kernel_memory = kUntold;
  double file_dirty = kUntold;
  double file_writeback = kUntold;
  double active_file = kUntold;
  double inactive_file = kUntold;
  double pgfault = kUntold;
  double pgmajfault = kUntold;
  double refault_anon = kUntold;
  double refault_file = kUntold;
  double pgscan = kUntold;
  double pgsteal = kUntold;
  double oom_kills = kUntold;  // with those of all groups below
  double memory_max_events = kUntold;
  double memory_high_events = kUntold;
  double tasks = kUntold;
  double tasks_max = kUntold;  // 0: none
  CgroupPressure cpu_pressure;
  CgroupPressure memory_pressure;
  CgroupPressure io_pressure;
  std::vector<CgroupIo> io;
};

// A file's text into what it tells. Lines that are not understood are skipped: kernels add some.
using CgroupParser = void (*)(std::string_view text, CgroupNumbers* numbers);

// Version 2.
void ParseCpuStat(std::string_view text, CgroupNumbers* numbers);
void ParseCpuMax(std::string_view text, CgroupNumbers* numbers);
void ParseCpuWeight(std::string_view text, CgroupNumbers* numbers);
void ParseMemoryStat(std::string_view text, CgroupNumbers* numbers);
void ParseMemoryEvents(std::string_view text, CgroupNumbers* numbers);
void ParseIoStat(std::string_view text, CgroupNumbers* numbers);
void ParseCpuPressure(std::string_view text, CgroupNumbers* numbers);
void ParseMemoryPressure(std::string_view text, CgroupNumbers* numbers);
void ParseIoPressure(std::string_view text, CgroupNumbers* numbers);

// Version 1, where it differs.
void ParseCpuStatV1(std::string_view text, CgroupNumbers* numbers);
void ParseCpuacctStat(std::string_view text, CgroupNumbers* numbers);
void ParseMemoryStatV1(std::string_view text, CgroupNumbers* numbers);
void ParseOomControl(std::string_view text, CgroupNumbers* numbers);
void ParseBlkioBytes(std::string_view text, CgroupNumbers* numbers);
void ParseBlkioCounts(std::string_view text, CgroupNumbers* numbers);

// The number of a file of one; untold when it is none, 0 for "max" and version 1's "no limit".
double OneNumber(std::string_view text);

// Such a file, its number divided by `Per`.
template <double CgroupNumbers::* Member, int64_t Per = 1>
void ParseOneNumber(std::string_view text, CgroupNumbers* numbers) {
  numbers->*Member = OneNumber(text) / static_cast<double>(Per);
}

}  // namespace baro::agent
