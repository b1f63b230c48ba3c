#include "quarantine.h"

#include "absl/time/time.h"
#include "baro/base/strings.h"

namespace baro::tsdb {
namespace {

std::string TimeText(int64_t time_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(time_ms), absl::UTCTimeZone());
}

}  // namespace

void Quarantine::Add(const Part& part, std::string_view what) {
  std::string text =
      base::StrCat("part ", part.number, " is damaged, samples from ", TimeText(part.time_ms_min),
                   " to ", TimeText(part.time_ms_max), " may be missing: ", what);
  {
    base::MutexLock lock(&mutex_);
    const auto [it, inserted] =
        entries_.try_emplace(part.number, Entry{part.time_ms_min, part.time_ms_max, text});
    if (!inserted) return;
  }
  changes_->Note(part.time_ms_min, part.time_ms_max);
  if (on_damage_) on_damage_(text);
}

void Quarantine::Remove(uint32_t part) {
  base::MutexLock lock(&mutex_);
  entries_.erase(part);
}

bool Quarantine::Has(uint32_t part) const {
  base::MutexLock lock(&mutex_);
  return entries_.contains(part);
}

size_t Quarantine::size() const {
  base::MutexLock lock(&mutex_);
  return entries_.size();
}

std::vector<std::string> Quarantine::Warnings(const TimeRange& range) const {
  base::MutexLock lock(&mutex_);
  std::vector<std::string> warnings;
  for (const auto& [part, entry] : entries_) {
    if (range.Meets(entry.time_ms_min, entry.time_ms_max)) warnings.push_back(entry.text);
  }
  return warnings;
}

}  // namespace baro::tsdb
