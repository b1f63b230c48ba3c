// ReadLog: when a query last selected a metric. Coarse and cheap; for finding metrics that nobody
// looks at. Begins anew with each start.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"

namespace baro::tsdb {

// Thread-safe.
class ReadLog {
 public:
  // Metrics kept; beyond that new ones are not noted until a restart.
  static constexpr size_t kMetricsMax = 100'000;

  void Note(const std::vector<std::string>& metrics, int64_t now_ms) ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    for (const std::string& metric : metrics) {
      const auto it = read_ms_.find(metric);
      if (it != read_ms_.end()) {
        it->second = now_ms;
      } else if (read_ms_.size() < kMetricsMax) {
        read_ms_.emplace(metric, now_ms);
      }
    }
  }

  // 0: never.
  int64_t LastReadMs(std::string_view metric) const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    const auto it = read_ms_.find(base::ToAbsl(metric));
    return it == read_ms_.end() ? 0 : it->second;
  }

 private:
  mutable base::Mutex mutex_;
  absl::flat_hash_map<std::string, int64_t> read_ms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::tsdb
