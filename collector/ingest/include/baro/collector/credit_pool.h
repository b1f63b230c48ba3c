// CreditPool: how many bytes of batches all agents together may have under way to the store.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace baro::collector {

struct CreditPoolOptions {
  // About half an hour of a million series: catching up must not cost more memory than a head.
  int64_t total_bytes = int64_t{32} << 20;
  // One agent's part: total / agents, inside these.
  int64_t share_bytes_min = int64_t{64} << 10;
  int64_t share_bytes_max = int64_t{4} << 20;
};

// Thread-safe. Bound on memory: max(total_bytes, agents · share_bytes_min), and one message an
// agent.
class CreditPool {
 public:
  explicit CreditPool(CreditPoolOptions options = {}) : options_(options) {}

  void Join() { members_.fetch_add(1, std::memory_order_relaxed); }
  void Leave() { members_.fetch_sub(1, std::memory_order_relaxed); }
  // What one member may have granted and unprocessed; shrinks as others join.
  int64_t Share() const {
    const int64_t members = std::max<int64_t>(members_.load(std::memory_order_relaxed), 1);
    return std::clamp(options_.total_bytes / members, options_.share_bytes_min,
                      options_.share_bytes_max);
  }

 private:
  const CreditPoolOptions options_;
  std::atomic<int64_t> members_{0};
};

}  // namespace baro::collector
