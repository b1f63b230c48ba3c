// SequenceSet: which frames of an agent are stored, as disjoint ranges.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "baro/tsdb/store.h"

namespace baro::tsdb {

// Value type, thread-compatible. Neighbouring ranges are joined, so an agent that sends in order
// costs one range.
class SequenceSet {
 public:
  void Add(uint64_t first, uint64_t last);
  bool Has(uint64_t sequence) const;
  bool HasAll(uint64_t first, uint64_t last) const;
  bool empty() const { return last_by_first_.empty(); }
  std::vector<SequenceRange> Ranges() const;

  void Encode(std::string* bytes) const;
  // False when the bytes are not what Encode() writes.
  static bool Decode(std::string_view* bytes, SequenceSet* set);

  bool operator==(const SequenceSet&) const = default;

 private:
  std::map<uint64_t, uint64_t> last_by_first_;
};

}  // namespace baro::tsdb
