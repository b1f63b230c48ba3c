#include "baro/base/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include "baro/base/strings.h"

namespace baro::base {
namespace {

constexpr int64_t kReadEveryNs = 50'000'000;
constexpr uint64_t kSealPercent = 70;
constexpr uint64_t kRefusePercent = 85;
constexpr uint64_t kStopPercent = 95;
constexpr uint64_t kQueryShare = 3;
// Shares grow in steps, so that a query does not ask for every row.
constexpr uint64_t kShareStepBytes = uint64_t{256} << 10;

uint64_t Percent(uint64_t bytes, uint64_t percent) { return bytes / 100 * percent; }

// The first word of a file as a number.
std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  uint64_t value = 0;
  const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;  // "max"
  return value;
}

// /proc/self/cgroup: "0::/path" is v2; "7:memory:/path" is v1.
struct CgroupPaths {
  std::string unified;
  std::string memory;
};
CgroupPaths ReadCgroupPaths() {
  CgroupPaths paths;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) paths.unified = path;
    if (StrCat(",", controllers, ",").find(",memory,") != std::string::npos) paths.memory = path;
  }
  return paths;
}

// The least limit from `path` up to the root of the hierarchy. In a container the path may be that
// of the host and not there: the root is looked at in any case.
void LeastLimit(const std::string& root, std::string path, std::string_view name,
                std::optional<uint64_t>* least) {
  // v1 says "no limit" with a number near the largest there is.
  constexpr uint64_t kNoLimit = uint64_t{1} << 60;
  for (;;) {
    const auto limit = ReadNumber(StrCat(root, path, "/", name));
    if (limit && *limit < kNoLimit) *least = std::min(least->value_or(*limit), *limit);
    if (path.empty() || path == "/") return;
    path.resize(path.rfind('/'));
  }
}

}  // namespace

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  uint64_t shared = 0;  // pages of files: they can be read again and go first
  if (!(file >> size >> resident >> shared)) return 0;
  return (resident - std::min(shared, resident)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<uint64_t> CgroupLimitBytes() {
  std::optional<uint64_t> least;
  const CgroupPaths paths = ReadCgroupPaths();
  LeastLimit("/sys/fs/cgroup", paths.unified, "memory.max", &least);
  LeastLimit("/sys/fs/cgroup/memory", paths.memory, "memory.limit_in_bytes", &least);
  return least;
}

uint64_t MachineMemoryBytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t DefaultMemoryLimit() {
  constexpr uint64_t kCgroupPercent = 80;
  constexpr uint64_t kMachinePercent = 60;
  const uint64_t machine = Percent(MachineMemoryBytes(), kMachinePercent);
  const auto cgroup = CgroupLimitBytes();
  return cgroup ? std::min(machine, Percent(*cgroup, kCgroupPercent)) : machine;
}

uint64_t MemoryBudget::resident_bytes() const {
  const int64_t now_ns = options_.clock->MonotonicNs();
  int64_t read_at_ns = read_at_ns_.load(std::memory_order_relaxed);
  const bool stale = read_at_ns == INT64_MIN || now_ns - read_at_ns >= kReadEveryNs;
  // Of several that find it stale one reads.
  if (stale && read_at_ns_.compare_exchange_strong(read_at_ns, now_ns)) {
    resident_.store(options_.resident_bytes(), std::memory_order_relaxed);
  }
  return resident_.load(std::memory_order_relaxed);
}

Pressure MemoryBudget::pressure() const {
  if (options_.limit_bytes == 0) return Pressure::kNone;
  const uint64_t used = resident_bytes();
  if (used >= Percent(options_.limit_bytes, kStopPercent)) return Pressure::kStop;
  if (used >= Percent(options_.limit_bytes, kRefusePercent)) return Pressure::kRefuse;
  return used >= Percent(options_.limit_bytes, kSealPercent) ? Pressure::kSeal : Pressure::kNone;
}

bool MemoryBudget::Reserve(uint64_t bytes) {
  const uint64_t before = reserved_.fetch_add(bytes, std::memory_order_relaxed);
  if (options_.limit_bytes == 0) return true;
  const bool fits = before + bytes <= options_.limit_bytes / kQueryShare &&
                    resident_bytes() + bytes <= Percent(options_.limit_bytes, kStopPercent);
  if (fits) return true;
  Release(bytes);
  refused_total_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool MemoryShare::Grow(uint64_t bytes) {
  if (bytes <= bytes_ || budget_ == nullptr) return true;
  const uint64_t more = std::max(bytes - bytes_, kShareStepBytes);
  if (!budget_->Reserve(more)) return false;
  bytes_ += more;
  return true;
}

void MemoryShare::Shrink(uint64_t bytes) {
  if (budget_ == nullptr || bytes >= bytes_) return;
  budget_->Release(bytes_ - bytes);
  bytes_ = bytes;
}

}  // namespace baro::base
