// Quarantine: parts found damaged. They stay where they are and what can be read of them is
// answered; they are named, counted, left out of merges, and warned of in answers that they touch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baro/base/mutex.h"
#include "change_log.h"
#include "part.h"
#include "time_range.h"

namespace baro::tsdb {

// Thread-safe.
class Quarantine {
 public:
  // `on_damage` gets one line a part, when its first damage is found; may be empty. `changes`
  // learns of it as well: answers over the part carry a warning from then on.
  explicit Quarantine(std::function<void(const std::string&)> on_damage,
                      std::shared_ptr<ChangeLog> changes = std::make_shared<ChangeLog>())
      : on_damage_(std::move(on_damage)), changes_(std::move(changes)) {}

  void Add(const Part& part, std::string_view what) ABSL_LOCKS_EXCLUDED(mutex_);
  // The part has expired.
  void Remove(uint32_t part) ABSL_LOCKS_EXCLUDED(mutex_);

  bool Has(uint32_t part) const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What a reader of the range is to know.
  std::vector<std::string> Warnings(const TimeRange& range) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    int64_t time_ms_min = 0;
    int64_t time_ms_max = 0;
    std::string text;
  };

  const std::function<void(const std::string&)> on_damage_;
  const std::shared_ptr<ChangeLog> changes_;
  mutable base::Mutex mutex_;
  std::map<uint32_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by part; no more than there are
};

}  // namespace baro::tsdb
