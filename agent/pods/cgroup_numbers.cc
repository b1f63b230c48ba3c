#include "cgroup_numbers.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "agent/node/proc_text.h"

namespace baro::agent {
namespace {

// Version 1 has no "max": its limits are the largest multiple of a page.
constexpr double kNoLimitV1 = 0x7FFFFFFFFFFFF000p0;

struct Field {
  std::string_view key;
  double CgroupNumbers::* member;
  double per = 1;  // divided by, so that 11000000 µs are 11 s exactly
};

// "key value" lines. Keys come in the kernel's order, so that looking goes on where it stopped.
template <size_t Count>
void ParseFields(const std::array<Field, Count>& fields, std::string_view text,
                 CgroupNumbers* numbers) {
  std::string_view line;
  while (TakeLine(&text, &line)) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, space);
    for (const Field& field : fields) {
      if (field.key.size() != key.size() || field.key != key) continue;
      uint64_t number = 0;
      if (ParseNumber(TrimSpace(line.substr(space)), &number)) {
        numbers->*field.member = static_cast<double>(number) / field.per;
      }
      break;
    }
  }
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" and the same of "full".
void ParsePressure(std::string_view text, CgroupPressure* pressure) {
  std::string_view line;
  while (TakeLine(&text, &line)) {
    const size_t total = line.rfind("total=");
    uint64_t microseconds = 0;
    if (total == std::string_view::npos || !ParseNumber(line.substr(total + 6), &microseconds)) {
      continue;
    }
    const double seconds = static_cast<double>(microseconds) / 1e6;
    if (line.starts_with("some ")) pressure->waiting_seconds = seconds;
    if (line.starts_with("full ")) pressure->stalled_seconds = seconds;
  }
}

// "8:0" at the front of a line.
bool TakeDevice(std::string_view* line, CgroupIo* io) {
  const std::string_view device = TakeField(line);
  const size_t colon = device.find(':');
  return colon != std::string_view::npos && ParseNumber(device.substr(0, colon), &io->major) &&
         ParseNumber(device.substr(colon + 1), &io->minor);
}

// "rbytes=1": adds to the member of that name.
void AddIoField(std::string_view field, CgroupIo* io) {
  constexpr std::array<std::pair<std::string_view, double CgroupIo::*>, 4> kFields = {
      {{"rbytes", &CgroupIo::read_bytes},
       {"wbytes", &CgroupIo::write_bytes},
       {"rios", &CgroupIo::reads},
       {"wios", &CgroupIo::writes}}};
  const size_t equals = field.find('=');
  uint64_t number = 0;
  if (equals == std::string_view::npos || !ParseNumber(field.substr(equals + 1), &number)) return;
  for (const auto& [name, member] : kFields) {
    if (name == field.substr(0, equals)) io->*member = static_cast<double>(number);
  }
}

CgroupIo* FindDevice(const CgroupIo& device, std::vector<CgroupIo>* all) {
  for (CgroupIo& io : *all) {
    if (io.major == device.major && io.minor == device.minor) return &io;
  }
  if (all->size() >= kCgroupDevicesMax) return nullptr;
  all->push_back(device);
  return &all->back();
}

// "8:0 Read 4096" lines, of bytes or of operations.
void ParseBlkio(std::string_view text, double CgroupIo::* read, double CgroupIo::* write,
                CgroupNumbers* numbers) {
  std::string_view line;
  while (TakeLine(&text, &line)) {
    CgroupIo device;
    if (!TakeDevice(&line, &device)) continue;
    const std::string_view operation = TakeField(&line);
    uint64_t number = 0;
    if (!TakeNumber(&line, &number)) continue;
    CgroupIo* const io = FindDevice(device, &numbers->io);
    if (io == nullptr) continue;
    if (operation == "Read") io->*read = static_cast<double>(number);
    if (operation == "Write") io->*write = static_cast<double>(number);
  }
}

}  // namespace

double OneNumber(std::string_view text) {
  text = TrimSpace(text);
  if (text == "max") return 0;
  int64_t number = 0;
  uint64_t large = 0;
  if (ParseNumber(text, &number)) {
    const auto value = static_cast<double>(number);
    return value >= kNoLimitV1 ? 0 : value;
  }
  return ParseNumber(text, &large) ? 0 : kUntold;  // 2^64-1: no limit
}

void ParseCpuStat(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 6> kFields = {
      {{"usage_usec", &CgroupNumbers::cpu_seconds, 1e6},
       {"user_usec", &CgroupNumbers::cpu_user_seconds, 1e6},
       {"system_usec", &CgroupNumbers::cpu_system_seconds, 1e6},
       {"nr_periods", &CgroupNumbers::cfs_periods},
       {"nr_throttled", &CgroupNumbers::cfs_throttled_periods},
       {"throttled_usec", &CgroupNumbers::cfs_throttled_seconds, 1e6}}};
  ParseFields(kFields, text, numbers);
}

// "50000 100000" or "max 100000".
void ParseCpuMax(std::string_view text, CgroupNumbers* numbers) {
  std::string_view line;
  if (!TakeLine(&text, &line)) return;
  uint64_t number = 0;
  numbers->cpu_quota_us = TakeNumber(&line, &number) ? static_cast<double>(number) : kUntold;
  if (TakeNumber(&line, &number)) numbers->cpu_period_us = static_cast<double>(number);
}

// The inverse of what container runtimes make of cpu.shares (KEP-2254): shares 2 … 262144 are
// weights 1 … 10000.
void ParseCpuWeight(std::string_view text, CgroupNumbers* numbers) {
  const double weight = OneNumber(text);
  if (!IsTold(weight) || weight < 1) return;
  numbers->cpu_shares = std::floor(2 + (weight - 1) * 262142 / 9999);
}

void ParseMemoryStat(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 14> kFields = {
      {{"anon", &CgroupNumbers::rss},
       {"file", &CgroupNumbers::cache},
       {"kernel", &CgroupNumbers::kernel_memory},
       {"file_mapped", &CgroupNumbers::mapped_file},
       {"file_dirty", &CgroupNumbers::file_dirty},
       {"file_writeback", &CgroupNumbers::file_writeback},
       {"inactive_file", &CgroupNumbers::inactive_file},
       {"active_file", &CgroupNumbers::active_file},
       {"workingset_refault_anon", &CgroupNumbers::refault_anon},
       {"workingset_refault_file", &CgroupNumbers::refault_file},
       {"pgscan", &CgroupNumbers::pgscan},
       {"pgsteal", &CgroupNumbers::pgsteal},
       {"pgfault", &CgroupNumbers::pgfault},
       {"pgmajfault", &CgroupNumbers::pgmajfault}}};
  ParseFields(kFields, text, numbers);
}

void ParseMemoryEvents(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 3> kFields = {{{"high", &CgroupNumbers::memory_high_events},
                                                    {"max", &CgroupNumbers::memory_max_events},
                                                    {"oom_kill", &CgroupNumbers::oom_kills}}};
  ParseFields(kFields, text, numbers);
}

void ParseIoStat(std::string_view text, CgroupNumbers* numbers) {
  numbers->io.clear();
  std::string_view line;
  while (TakeLine(&text, &line)) {
    CgroupIo device;
    if (!TakeDevice(&line, &device)) continue;
    for (std::string_view field = TakeField(&line); !field.empty(); field = TakeField(&line)) {
      AddIoField(field, &device);
    }
    CgroupIo* const io = FindDevice(device, &numbers->io);
    if (io != nullptr) *io = device;
  }
}

void ParseCpuPressure(std::string_view text, CgroupNumbers* numbers) {
  ParsePressure(text, &numbers->cpu_pressure);
}
void ParseMemoryPressure(std::string_view text, CgroupNumbers* numbers) {
  ParsePressure(text, &numbers->memory_pressure);
}
void ParseIoPressure(std::string_view text, CgroupNumbers* numbers) {
  ParsePressure(text, &numbers->io_pressure);
}

void ParseCpuStatV1(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 3> kFields = {
      {{"nr_periods", &CgroupNumbers::cfs_periods},
       {"nr_throttled", &CgroupNumbers::cfs_throttled_periods},
       {"throttled_time", &CgroupNumbers::cfs_throttled_seconds, 1e9}}};
  ParseFields(kFields, text, numbers);
}

void ParseCpuacctStat(std::string_view text, CgroupNumbers* numbers) {
  static const double ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const std::array<Field, 2> kFields = {
      {{"user", &CgroupNumbers::cpu_user_seconds, ticks_per_second},
       {"system", &CgroupNumbers::cpu_system_seconds, ticks_per_second}}};
  ParseFields(kFields, text, numbers);
}

void ParseMemoryStatV1(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 10> kFields = {
      {{"total_cache", &CgroupNumbers::cache},
       {"total_rss", &CgroupNumbers::rss},
       {"total_mapped_file", &CgroupNumbers::mapped_file},
       {"total_dirty", &CgroupNumbers::file_dirty},
       {"total_writeback", &CgroupNumbers::file_writeback},
       {"total_swap", &CgroupNumbers::swap_usage},
       {"total_pgfault", &CgroupNumbers::pgfault},
       {"total_pgmajfault", &CgroupNumbers::pgmajfault},
       {"total_inactive_file", &CgroupNumbers::inactive_file},
       {"total_active_file", &CgroupNumbers::active_file}}};
  ParseFields(kFields, text, numbers);
}

void ParseOomControl(std::string_view text, CgroupNumbers* numbers) {
  static constexpr std::array<Field, 1> kFields = {{{"oom_kill", &CgroupNumbers::oom_kills}}};
  ParseFields(kFields, text, numbers);
}

void ParseBlkioBytes(std::string_view text, CgroupNumbers* numbers) {
  ParseBlkio(text, &CgroupIo::read_bytes, &CgroupIo::write_bytes, numbers);
}
void ParseBlkioCounts(std::string_view text, CgroupNumbers* numbers) {
  ParseBlkio(text, &CgroupIo::reads, &CgroupIo::writes, numbers);
}

}  // namespace baro::agent
