#include "sequence_set.h"

#include <algorithm>
#include <iterator>

#include "bytes.h"

namespace baro::tsdb {

void SequenceSet::Add(uint64_t first, uint64_t last) {
  auto it = last_by_first_.upper_bound(first);
  if (it != last_by_first_.begin()) {
    const auto before = std::prev(it);
    // Without `+ 1` on a last sequence that may be the largest number there is.
    if (before->second >= first || before->second == first - 1) {
      first = before->first;
      last = std::max(last, before->second);
      it = last_by_first_.erase(before);
    }
  }
  while (it != last_by_first_.end() && (it->first <= last || it->first - 1 == last)) {
    last = std::max(last, it->second);
    it = last_by_first_.erase(it);
  }
  last_by_first_.emplace(first, last);
}

bool SequenceSet::Has(uint64_t sequence) const { return HasAll(sequence, sequence); }

bool SequenceSet::HasAll(uint64_t first, uint64_t last) const {
  const auto it = last_by_first_.upper_bound(first);
  return it != last_by_first_.begin() && std::prev(it)->second >= last;
}

std::vector<SequenceRange> SequenceSet::Ranges() const {
  std::vector<SequenceRange> ranges;
  ranges.reserve(last_by_first_.size());
  for (const auto& [first, last] : last_by_first_) ranges.push_back({first, last});
  return ranges;
}

void SequenceSet::Encode(std::string* bytes) const {
  PutVarint(last_by_first_.size(), bytes);
  for (const auto& [first, last] : last_by_first_) {
    PutVarint(first, bytes);
    PutVarint(last - first, bytes);
  }
}

bool SequenceSet::Decode(std::string_view* bytes, SequenceSet* set) {
  uint64_t count = 0;
  if (!TakeVarint(bytes, &count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t first = 0;
    uint64_t length = 0;
    if (!TakeVarint(bytes, &first) || !TakeVarint(bytes, &length)) return false;
    if (length > UINT64_MAX - first) return false;
    set->Add(first, first + length);
  }
  return true;
}

}  // namespace baro::tsdb
