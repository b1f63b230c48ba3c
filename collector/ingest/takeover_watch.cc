#include "takeover_watch.h"

#include <algorithm>

namespace baro::collector {

void TakeoverWatch::OnTakeover(const Uuid& uuid, int64_t now_ms) {
  if (entries_.size() >= kAgentsMax && !entries_.contains(uuid)) Forget(now_ms);
  Entry& entry = entries_[uuid];
  std::rotate(entry.takeovers_ms.begin(), entry.takeovers_ms.begin() + 1, entry.takeovers_ms.end());
  entry.takeovers_ms.back() = now_ms;
  entry.count = std::min(entry.count + 1, kTakeoversMax);
  if (entry.count == kTakeoversMax && now_ms - entry.takeovers_ms.front() < kWindowMs) {
    entry.contested_until_ms = now_ms + kWindowMs;
  }
}

bool TakeoverWatch::Refuses(const Uuid& uuid, int64_t now_ms) {
  const auto entry = entries_.find(uuid);
  if (entry == entries_.end() || now_ms >= entry->second.contested_until_ms) return false;
  entry->second.contested_until_ms = now_ms + kWindowMs;
  return true;
}

bool TakeoverWatch::ShallWarn(const Uuid& uuid, int64_t now_ms) {
  const auto entry = entries_.find(uuid);
  if (entry == entries_.end() || now_ms < entry->second.warn_at_ms) return false;
  entry->second.warn_at_ms = now_ms + kWindowMs;
  return true;
}

void TakeoverWatch::Forget(int64_t now_ms) {
  std::erase_if(entries_, [now_ms](const auto& item) {
    const Entry& entry = item.second;
    return now_ms >= entry.contested_until_ms && now_ms - entry.takeovers_ms.back() >= kWindowMs;
  });
  if (entries_.size() >= kAgentsMax) entries_.clear();
}

}  // namespace baro::collector
