#include "plan_cache.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace baro::tsdb {
namespace {

// Lengths before texts: no two selectors have the same key.
void AppendText(std::string_view text, std::string* key) {
  const auto size = static_cast<uint32_t>(text.size());
  key->append(reinterpret_cast<const char*>(&size), sizeof(size));
  key->append(text);
}

std::string KeyOf(const std::vector<model::Matcher>& matchers, bool histograms) {
  std::string key(1, histograms ? 'h' : 'f');
  for (const model::Matcher& matcher : matchers) {
    key.push_back(static_cast<char>('0' + static_cast<int>(matcher.type())));
    AppendText(matcher.name(), &key);
    AppendText(matcher.value(), &key);
  }
  return key;
}

}  // namespace

SharedPlan PlanCache::Get(const std::shared_ptr<const View>& view,
                          const std::vector<model::Matcher>& matchers, bool histograms) {
  const std::string key = KeyOf(matchers, histograms);
  SharedPlan before;
  {
    base::MutexLock lock(&mutex_);
    before = Find(key, view);
    if (before != nullptr && IsUpToDate(*before, *view)) {
      ++stats_.hits_total;
      return before;
    }
    ++(before == nullptr ? stats_.misses_total : stats_.updates_total);
  }
  SharedPlan plan = MakePlan(view, *dictionary_, matchers, histograms, before.get());
  base::MutexLock lock(&mutex_);
  // The view may have gone meanwhile.
  if (!view_.owner_before(view) && !view.owner_before(view_)) Keep(key, plan);
  return plan;
}

SharedPlan PlanCache::Find(const std::string& key, const std::shared_ptr<const View>& view) {
  if (view_.owner_before(view) || view.owner_before(view_)) {
    Clear();
    view_ = view;
  }
  const auto it = plans_.find(key);
  if (it == plans_.end()) return nullptr;
  it->second.used = ++turn_;
  return it->second.plan;
}

void PlanCache::Keep(const std::string& key, SharedPlan plan) {
  if (plan->bytes > kBytesMax) return;
  Entry& entry = plans_[key];
  if (entry.plan != nullptr) stats_.bytes -= entry.plan->bytes;
  stats_.bytes += plan->bytes;
  entry = {std::move(plan), ++turn_};
  while (plans_.size() > kPlansMax || stats_.bytes > kBytesMax) EvictOldest();
  memory_.Shrink(stats_.bytes);
  // Short of memory nothing is kept.
  if (!memory_.Grow(stats_.bytes)) Clear();
}

void PlanCache::EvictOldest() {
  const auto oldest =
      std::min_element(plans_.begin(), plans_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  stats_.bytes -= oldest->second.plan->bytes;
  ++stats_.evictions_total;
  plans_.erase(oldest);
}

void PlanCache::Clear() {
  stats_.evictions_total += plans_.size();
  stats_.bytes = 0;
  plans_.clear();
  memory_.Shrink(0);
}

Stats::CacheStats PlanCache::GetStats() const {
  base::MutexLock lock(&mutex_);
  Stats::CacheStats stats = stats_;
  stats.entries = plans_.size();
  return stats;
}

}  // namespace baro::tsdb
