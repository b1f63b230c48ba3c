#include "change_log.h"

#include <algorithm>
#include <atomic>

#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

// Versions up to 2^44: a thousand a second for five centuries.
constexpr int kNumberBits = 44;

uint64_t NextLog() {
  static std::atomic<uint64_t> last{0};
  return (last.fetch_add(1, std::memory_order_relaxed) + 1) << kNumberBits;
}

}  // namespace

ChangeLog::ChangeLog() : log_(NextLog()) {}

void ChangeLog::Note(int64_t first_ms, int64_t last_ms) {
  if (first_ms > last_ms) return;
  base::MutexLock lock(&mutex_);
  if (!runs_.empty() && runs_.back().number == open_) {
    Run& run = runs_.back();
    run.first_ms = std::min(run.first_ms, first_ms);
    run.last_ms = std::max(run.last_ms, last_ms);
    return;
  }
  if (runs_.size() == kRunsMax) JoinOlder();
  runs_.push_back({open_, first_ms, last_ms});
}

// The newest quarter stays as it is: that is what most versions ask for.
void ChangeLog::JoinOlder() {
  const size_t joined = kRunsMax / 4 * 3;
  for (size_t i = 0; i < joined; i += 2) {
    const Run& a = runs_[i];
    const Run& b = runs_[i + 1];
    runs_[i / 2] = {b.number, std::min(a.first_ms, b.first_ms), std::max(a.last_ms, b.last_ms)};
  }
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(joined / 2),
              runs_.begin() + static_cast<std::ptrdiff_t>(joined));
}

uint64_t ChangeLog::Version() {
  base::MutexLock lock(&mutex_);
  // A run without changes need not be closed.
  if (!runs_.empty() && runs_.back().number == open_) ++open_;
  return log_ | open_;
}

int64_t ChangeLog::OldestSince(uint64_t version, int64_t from_ms) const {
  constexpr uint64_t kNumberMask = (uint64_t{1} << kNumberBits) - 1;
  if ((version & ~kNumberMask) != log_) return model::kTimeMsMin;
  const uint64_t number = version & kNumberMask;
  int64_t oldest_ms = model::kTimeMsMax;
  base::MutexLock lock(&mutex_);
  for (auto run = runs_.rbegin(); run != runs_.rend() && run->number >= number; ++run) {
    if (run->last_ms >= from_ms) oldest_ms = std::min(oldest_ms, run->first_ms);
  }
  return oldest_ms;
}

}  // namespace baro::tsdb
