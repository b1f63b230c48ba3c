// LabelCache: label sets as model::Labels, made when first asked for and kept for all selections
// that hold the cache. The dictionary replaces it by an empty one when it has grown too large; the
// old one goes with its last selection.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "baro/base/mutex.h"
#include "baro/model/labels.h"

namespace baro::tsdb {

class Dictionary;

// Thread-safe. The dictionary outlives it.
class LabelCache {
 public:
  explicit LabelCache(const Dictionary& dictionary) : dictionary_(dictionary) {}

  // Valid as long as the cache. The number is known and stays so, as a view has it.
  const model::Labels* Target(uint32_t id) const;
  const model::Labels* Column(uint32_t id) const;
  // Label sets made.
  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Sets = absl::flat_hash_map<uint32_t, std::unique_ptr<const model::Labels>>;
  const model::Labels* Get(bool of_target, uint32_t id) const ABSL_LOCKS_EXCLUDED(mutex_);

  const Dictionary& dictionary_;
  mutable base::Mutex mutex_;
  mutable Sets targets_ ABSL_GUARDED_BY(mutex_);
  mutable Sets columns_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::tsdb
