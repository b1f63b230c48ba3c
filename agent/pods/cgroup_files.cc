#include "cgroup_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

// Most that is read of one file; the longest is a memory.stat of about 2 KiB, or an io.stat of
// 100 B a device.
constexpr size_t kFileBytesMax = size_t{64} << 10;

// One buffer for all groups: they are read one after the other.
std::string& ReadBuffer() {
  thread_local std::string buffer(8192, '\0');
  return buffer;
}

}  // namespace

struct CgroupFiles::Kind {
  const char* controller;  // a folder of version 1; empty in version 2
  const char* name;
  CgroupParser parse;
  bool seldom = false;  // limits and the like: one pass in kSeldomPasses, never kept open
};

CgroupVersion FindCgroupVersion(const std::string& sysfs) {
  const std::string file = sysfs + "/fs/cgroup/cgroup.controllers";
  return access(file.c_str(), F_OK) == 0 ? CgroupVersion::kV2 : CgroupVersion::kV1;
}

const std::vector<CgroupFiles::Kind>& CgroupFiles::Kinds(CgroupVersion version) {
  using Numbers = CgroupNumbers;
  static const std::vector<Kind> v2 = {
      {"", "cpu.stat", ParseCpuStat},
      {"", "memory.current", ParseOneNumber<&Numbers::memory_usage>},
      {"", "memory.stat", ParseMemoryStat},
      {"", "memory.events", ParseMemoryEvents},
      {"", "io.stat", ParseIoStat},
      {"", "cpu.pressure", ParseCpuPressure},
      {"", "memory.pressure", ParseMemoryPressure},
      {"", "io.pressure", ParseIoPressure},
      {"", "pids.current", ParseOneNumber<&Numbers::tasks>},
      {"", "memory.swap.current", ParseOneNumber<&Numbers::swap_usage>},
      {"", "memory.peak", ParseOneNumber<&Numbers::memory_peak>, true},
      {"", "cpu.max", ParseCpuMax, true},
      {"", "cpu.weight", ParseCpuWeight, true},
      {"", "memory.max", ParseOneNumber<&Numbers::memory_limit>, true},
      {"", "memory.swap.max", ParseOneNumber<&Numbers::memory_swap_limit>, true},
      {"", "memory.low", ParseOneNumber<&Numbers::memory_reservation>, true},
      {"", "pids.max", ParseOneNumber<&Numbers::tasks_max>, true},
  };
  static const std::vector<Kind> v1 = {
      {"cpuacct", "cpuacct.usage", ParseOneNumber<&Numbers::cpu_seconds, 1'000'000'000>},
      {"cpuacct", "cpuacct.stat", ParseCpuacctStat},
      {"cpu", "cpu.stat", ParseCpuStatV1},
      {"cpu", "cpu.shares", ParseOneNumber<&Numbers::cpu_shares>, true},
      {"cpu", "cpu.cfs_period_us", ParseOneNumber<&Numbers::cpu_period_us>, true},
      {"cpu", "cpu.cfs_quota_us", ParseOneNumber<&Numbers::cpu_quota_us>, true},
      {"memory", "memory.usage_in_bytes", ParseOneNumber<&Numbers::memory_usage>},
      {"memory", "memory.max_usage_in_bytes", ParseOneNumber<&Numbers::memory_peak>, true},
      {"memory", "memory.stat", ParseMemoryStatV1},
      {"memory", "memory.failcnt", ParseOneNumber<&Numbers::failcnt>},
      {"memory", "memory.kmem.usage_in_bytes", ParseOneNumber<&Numbers::kernel_memory>},
      {"memory", "memory.limit_in_bytes", ParseOneNumber<&Numbers::memory_limit>, true},
      {"memory", "memory.memsw.limit_in_bytes", ParseOneNumber<&Numbers::memory_swap_limit>, true},
      {"memory", "memory.soft_limit_in_bytes", ParseOneNumber<&Numbers::memory_reservation>, true},
      {"memory", "memory.oom_control", ParseOomControl},
      {"blkio", "blkio.throttle.io_service_bytes_recursive", ParseBlkioBytes},
      {"blkio", "blkio.throttle.io_serviced_recursive", ParseBlkioCounts},
      {"pids", "pids.current", ParseOneNumber<&Numbers::tasks>},
      {"pids", "pids.max", ParseOneNumber<&Numbers::tasks_max>, true},
  };
  return version == CgroupVersion::kV2 ? v2 : v1;
}

CgroupFiles::CgroupFiles(CgroupVersion version, const std::string& root, std::string path,
                         DescriptorBudget* budget)
    : version_(version),
      root_(root),
      path_(std::move(path)),
      budget_(budget),
      files_(Kinds(version).size()) {}

CgroupFiles::~CgroupFiles() {
  for (File& file : files_) Close(&file);
}

void CgroupFiles::Close(File* file) {
  if (file->descriptor >= 0) close(file->descriptor);
  file->descriptor = -1;
  if (file->kept) budget_->Return();
  file->kept = false;
}

std::string CgroupFiles::FileName(const Kind& kind) const {
  return base::StrCat(root_, version_ == CgroupVersion::kV1 ? "/" : "", kind.controller,
                      path_ == "/" ? "" : path_, "/", kind.name);
}

bool CgroupFiles::Open(const Kind& kind, File* file) {
  if (file->descriptor >= 0) return true;
  if (file->absent) return false;
  file->descriptor = open(FileName(kind).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor < 0) {
    file->absent = errno == ENOENT || errno == EACCES;
    return false;
  }
  file->kept = !kind.seldom && budget_->Take();
  return true;
}

std::string_view CgroupFiles::ReadFile(const Kind& kind, File* file) {
  if (!Open(kind, file)) return {};
  std::string& buffer = ReadBuffer();
  ssize_t got = pread(file->descriptor, buffer.data(), buffer.size(), 0);
  // The kernel tells such a file in one piece: less than was asked for is all of it.
  while (got > 0 && static_cast<size_t>(got) == buffer.size() && buffer.size() < kFileBytesMax) {
    buffer.resize(2 * buffer.size());
    got = pread(file->descriptor, buffer.data(), buffer.size(), 0);
  }
  if (!file->kept || got < 0) Close(file);
  if (got <= 0) return {};
  return std::string_view(buffer).substr(0, static_cast<size_t>(got));
}

bool CgroupFiles::Read(CgroupNumbers* numbers) {
  const std::vector<Kind>& kinds = Kinds(version_);
  // Groups take turns with their seldom read files.
  const bool all = passes_ == 0 || (passes_ + std::hash<std::string>()(path_)) % kSeldomPasses == 0;
  ++passes_;
  bool any = false;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i].seldom && !all) continue;
    const std::string_view text = ReadFile(kinds[i], &files_[i]);
    if (text.empty()) continue;
    kinds[i].parse(text, numbers);
    any = true;
  }
  return any;
}

}  // namespace baro::agent
