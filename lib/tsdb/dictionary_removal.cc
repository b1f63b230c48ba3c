// What nothing refers to any more leaves the dictionary.
//
// A number may be on its way: given to a sender that has not sent yet, in a journal record whose
// sample was refused, in the state of a chain. So a number goes only when it was neither live nor
// asked for at two calls in a row, between which everything journaled before was sealed.
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "baro/base/strings.h"
#include "bytes.h"
#include "dictionary.h"
#include "keys.h"

namespace baro::tsdb {
namespace {

// What the metrics of a family are called.
constexpr std::array<std::string_view, 9> kFamilySuffixes = {
    "", "_bucket", "_count", "_created", "_gcount", "_gsum", "_info", "_sum", "_total",
};

std::string BindingKey(uint64_t pair) {
  std::string key = IdKey(kBindingKey, static_cast<TargetId>(pair >> 32));
  PutBigEndian(static_cast<LayoutId>(pair), &key);
  return key;
}

void Unite(const LiveNumbers& from, LiveNumbers* into) {
  into->targets |= from.targets;
  into->columns |= from.columns;
  into->layouts |= from.layouts;
}

}  // namespace

Dictionary::Removed Dictionary::RemoveUnused(const LiveNumbers& live) {
  base::MutexLock lock(&mutex_);
  LiveNumbers keep = live;
  for (const Recent& recent : recent_) Unite(recent, &keep);
  KeepReferred(&keep);
  removed_layouts_.clear();
  const Removed removed = RemoveAllBut(keep);
  recent_[1] = std::move(recent_[0]);
  recent_[0] = {};
  Unite(live, &recent_[1]);
  ++pass_;
  if (removed.targets + removed.columns + removed.layouts > 0) {
    std::string next;
    PutVarint(targets_.size(), &next);
    PutVarint(columns_.size(), &next);
    PutVarint(layouts_.size(), &next);
    pending_.emplace_back(IdKey(kNextKey, 0), std::move(next));
    label_cache_ = nullptr;
    removals_.fetch_add(1, std::memory_order_acq_rel);
  }
  return removed;
}

// What is kept keeps what it is made of.
void Dictionary::KeepReferred(LiveNumbers* keep) const {
  for (const auto& [pair, binding] : bindings_) {
    const bool kept = keep->targets.contains(static_cast<TargetId>(pair >> 32)) &&
                      keep->layouts.contains(static_cast<LayoutId>(pair));
    if (kept) keep->layouts.add(binding->stored->id);
  }
  for (const auto& [target, usage] : usage_) {
    if (keep->targets.contains(target) && usage.layout != nullptr) {
      keep->layouts.add(usage.layout->id);
    }
  }
  for (const LayoutId layout : keep->layouts) {
    if (!HasLayout(layout)) continue;
    const std::vector<ColumnId>& columns = layouts_[layout]->columns;
    keep->columns.addMany(columns.size(), columns.data());
  }
  // Columns of histograms are not removed, so neither is what they belong to.
  components_.ForEach(columns_.postings().all(),
                      [&](ColumnId base, const auto&) { keep->columns.add(base); });
}

Dictionary::Removed Dictionary::RemoveAllBut(const LiveNumbers& keep) {
  Removed removed;
  const Roaring targets = targets_.postings().all() - keep.targets;
  const Roaring columns = columns_.postings().all() - keep.columns;
  for (auto it = usage_.begin(); it != usage_.end();) {
    const bool gone = targets.contains(it->first);
    const bool loses = gone || it->second.single_columns.intersect(columns);
    if (loses) {
      CountSeries(&it->second, -1);
      it->second.single_columns -= columns;
      if (!gone) CountSeries(&it->second, 1);
    }
    if (gone) {
      usage_.erase(it++);
    } else {
      ++it;
    }
  }
  RemoveBindings(keep);
  removed.layouts = RemoveLayouts(keep.layouts);
  for (const TargetId target : targets) {
    targets_.Remove(target);
    pending_removals_.push_back(IdKey(kTargetKey, target));
  }
  for (const ColumnId column : columns) {
    columns_.Remove(column);
    pending_removals_.push_back(IdKey(kColumnKey, column));
  }
  removed.targets = targets.cardinality();
  removed.columns = columns.cardinality();
  if (removed.targets > 0) targets_.Sweep();
  if (removed.columns > 0) columns_.Sweep();
  removed.families = RemoveFamilies();
  return removed;
}

uint64_t Dictionary::RemoveBindings(const LiveNumbers& keep) {
  uint64_t count = 0;
  for (auto it = bindings_.begin(); it != bindings_.end();) {
    if (keep.targets.contains(static_cast<TargetId>(it->first >> 32)) &&
        keep.layouts.contains(static_cast<LayoutId>(it->first))) {
      ++it;
      continue;
    }
    if (!it->second->all) pending_removals_.push_back(BindingKey(it->first));
    bindings_.erase(it++);
    ++count;
  }
  return count;
}

uint64_t Dictionary::RemoveLayouts(const Roaring& keep) {
  uint64_t count = 0;
  for (auto it = layout_by_hash_.begin(); it != layout_by_hash_.end();) {
    const LayoutId id = it->second;
    if (keep.contains(id)) {
      ++it;
      continue;
    }
    removed_layouts_.push_back(std::move(layouts_[id]));
    pending_removals_.push_back(IdKey(kLayoutKey, id));
    layout_by_hash_.erase(it++);
    ++count;
  }
  return count;
}

// Families of which no metric is left.
uint64_t Dictionary::RemoveFamilies() {
  uint64_t count = 0;
  std::vector<PairId> found;
  uint64_t hash = 0;
  const auto is_there = [&](const std::string& family) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const std::string_view suffix : kFamilySuffixes) {
      const std::string metric = base::StrCat(family, suffix);
      const Postings::LabelView label{model::kMetricName, metric};
      if (columns_.postings().Lookup({&label, 1}, &found, &hash)) return true;
    }
    return false;
  };
  for (auto it = metadata_.begin(); it != metadata_.end();) {
    if (it->second.pass + 1 >= pass_ || is_there(it->first)) {
      ++it;
      continue;
    }
    pending_removals_.push_back(kMetadataKey + it->first);
    it = metadata_.erase(it);
    ++count;
  }
  return count;
}

Dictionary::Unwritten Dictionary::NotWritten() const {
  base::MutexLock lock(&mutex_);
  Unwritten unwritten{{}, pending_removals_, pending_.size()};
  if (pending_removals_.empty()) {
    unwritten.entries = pending_;
    return unwritten;
  }
  const std::set<std::string_view> removed(pending_removals_.begin(), pending_removals_.end());
  for (const Entry& entry : pending_) {
    // Numbers are given out once; a family's metadata may be declared again after its removal.
    if (entry.first.front() == kMetadataKey || !removed.contains(entry.first)) {
      unwritten.entries.push_back(entry);
    }
  }
  return unwritten;
}

void Dictionary::RemovalsAreDurable(size_t count) {
  base::MutexLock lock(&mutex_);
  pending_removals_.erase(pending_removals_.begin(),
                          pending_removals_.begin() + static_cast<ptrdiff_t>(count));
}

uint64_t Dictionary::MaterialisedBytes(uint64_t label_sets) const {
  // Two strings a label, five labels or so, beside their texts.
  constexpr uint64_t kBytesPerSet = 400;
  base::MutexLock lock(&mutex_);
  const uint64_t known = uint64_t{1} + targets_.count() + columns_.count();
  // An average that moves slowly and costs a walk over all labels.
  if (known > averaged_sets_ + averaged_sets_ / 16 ||
      known < averaged_sets_ - averaged_sets_ / 16) {
    averaged_sets_ = known;
    average_bytes_ = (targets_.bytes() + columns_.bytes()) / known;
  }
  return label_sets * (kBytesPerSet + average_bytes_);
}

uint64_t Dictionary::bytes() const {
  base::MutexLock lock(&mutex_);
  uint64_t bytes = targets_.bytes() + columns_.bytes();
  for (const auto& layout : layouts_) {
    if (layout != nullptr)
      bytes += sizeof(StoredLayout) + layout->columns.size() * sizeof(ColumnId);
  }
  return bytes + bindings_.size() * (sizeof(Binding) + 2 * sizeof(void*) + sizeof(uint64_t));
}

}  // namespace baro::tsdb
