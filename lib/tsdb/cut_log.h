// CutLog: in which ways selected series were cut into halves. Series of the same label names that
// are cut in two ways may be twins (twins.h), in one selection or in two.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"
#include "label_table.h"

namespace baro::tsdb {

using Cut = std::pair<ShapeId, ShapeId>;  // of the target, of the column

// Thread-safe. As large as there are pairs of shapes: thousands in a large fleet.
class CutLog {
 public:
  // Notes the cut, whose two halves have `names` together. True when another cut with the same
  // names has been noted, by whomever.
  bool HaveSameNames(const Cut& cut, const std::vector<std::string>& names)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    const auto [known, inserted] = names_of_.try_emplace(cut, nullptr);
    if (inserted) {
      known->second = &cuts_by_names_.try_emplace(names, 0).first->second;
      ++*known->second;
    }
    return *known->second > 1;
  }

 private:
  base::Mutex mutex_;
  std::map<std::vector<std::string>, size_t> cuts_by_names_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Cut, size_t*> names_of_ ABSL_GUARDED_BY(mutex_);  // into cuts_by_names_
};

}  // namespace baro::tsdb
