// MemoryBudget: one limit for all that a process holds: head, caches, queries, RocksDB, requests.
//
// What is in use is what the system says (resident memory), so nothing escapes by not being
// counted; what was promised to queries and is not touched yet comes on top. Three answers to
// running short, in this order: seal early, refuse what is new, refuse everything. None of them
// ends the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "baro/base/clock.h"

namespace baro::base {

// Physical memory of this process, pages of files not included. 0 when the system does not tell.
uint64_t ResidentBytes();
// The least of the cgroup's limits on the way up to the root (v2 and v1); none without a cgroup.
std::optional<uint64_t> CgroupLimitBytes();
uint64_t MachineMemoryBytes();
// What a process takes by default: 80 % of its cgroup's limit, 60 % of the machine.
uint64_t DefaultMemoryLimit();

// From 70 % of the limit on heads are sealed early, from 85 % no new series are taken in, from 95 %
// nothing is: senders have to wait.
enum class Pressure : uint8_t { kNone, kSeal, kRefuse, kStop };

// Thread-safe.
class MemoryBudget {
 public:
  struct Options {
    uint64_t limit_bytes = 0;  // 0: no limit
    std::function<uint64_t()> resident_bytes = ResidentBytes;
    const Clock* clock = RealClock();
  };
  explicit MemoryBudget(Options options) : options_(std::move(options)) {}

  uint64_t limit_bytes() const { return options_.limit_bytes; }
  uint64_t resident_bytes() const;  // at most 50 ms old
  uint64_t reserved_bytes() const { return reserved_.load(std::memory_order_relaxed); }
  Pressure pressure() const;

  // A piece of the limit for a while (a query's arrays). False when it does not fit: in all,
  // queries may have a third of the limit, and never what would take the process beyond 95 % of it.
  bool Reserve(uint64_t bytes);
  void Release(uint64_t bytes) { reserved_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t refused_total() const { return refused_total_.load(std::memory_order_relaxed); }

 private:
  const Options options_;
  std::atomic<uint64_t> reserved_{0};
  std::atomic<uint64_t> refused_total_{0};
  mutable std::atomic<uint64_t> resident_{0};
  mutable std::atomic<int64_t> read_at_ns_{INT64_MIN};
};

// A reservation that grows and is given back at the end. Thread-compatible.
class MemoryShare {
 public:
  // Null: without limit.
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}
  ~MemoryShare() { Shrink(0); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;

  // At least so many bytes from now on. False: refused, the share stays as it was.
  bool Grow(uint64_t bytes);
  void Shrink(uint64_t bytes);
  uint64_t bytes() const { return bytes_; }

 private:
  MemoryBudget* const budget_;
  uint64_t bytes_ = 0;
};

}  // namespace baro::base
