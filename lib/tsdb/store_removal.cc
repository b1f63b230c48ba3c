// Which numbers of the dictionary something refers to, and the removal of all others.
#include <set>

#include "baro/base/status.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

void AddGroup(const GroupSnapshot& group, LiveNumbers* live) {
  if (group.rows->layout() != nullptr) {
    live->layouts.add(group.rows->layout()->id);
    return;
  }
  for (uint32_t i = 0; i < group.rows->column_count(); ++i) {
    live->columns.add(group.rows->column(i));
  }
}

void AddHead(const Head& head, LiveNumbers* live) {
  const Roaring targets = head.Targets();
  live->targets |= targets;
  for (const TargetId target : targets) {
    const TargetSnapshot snapshot = head.Find(target)->Snapshot();
    for (const GroupSnapshot& group : snapshot.groups) AddGroup(group, live);
    for (const SideSample& sample : snapshot.side) live->columns.add(sample.column);
  }
}

void AddTargets(const TargetLayouts& list, LiveNumbers* live) {
  std::vector<TargetId> targets;
  std::vector<LayoutId> layouts;
  targets.reserve(list.size());
  layouts.reserve(list.size());
  for (const TargetLayout& one : list) {
    targets.push_back(one.target);
    layouts.push_back(one.layout);
  }
  live->targets.addMany(targets.size(), targets.data());
  live->layouts.addMany(layouts.size(), layouts.data());
}

}  // namespace

// Everything in a view that somebody holds: a reader that selected before a seal or an expiry goes
// on with what it has.
LiveNumbers StoreImpl::FindLive() {
  std::vector<std::shared_ptr<const View>> views;
  {
    base::MutexLock lock(&view_mutex_);
    for (const auto& held : held_views_) {
      if (auto view = held.lock()) views.push_back(std::move(view));
    }
  }
  LiveNumbers live;
  std::set<const void*> seen;
  for (const auto& view : views) {
    for (const auto& part : view->parts) {
      if (seen.insert(part->targets.get()).second) AddTargets(*part->targets, &live);
    }
    for (const auto& head : view->heads) {
      if (seen.insert(head.get()).second) AddHead(*head, &live);
    }
  }
  for (const SeriesId series : exemplars_.Series()) {
    live.targets.add(series.target);
    live.columns.add(series.column);
  }
  ingest_->AddLive(&live);
  return live;
}

// At most once a slot, and only when the journal that was live the last time is sealed: then no
// record refers to what was not live at both times (dictionary_removal.cc).
absl::Status StoreImpl::RemoveUnused() {
  if (!ReplayComplete()) return absl::OkStatus();
  const auto view = CurrentView();
  const int64_t now_ms = options_.clock->NowMs();
  const bool waited = !removal_ms_ || now_ms < *removal_ms_ ||  // the clock was put back
                      now_ms - *removal_ms_ >= options_.slot_ms;
  if (!waited || !sealing_.empty() || view->heads.size() != 1) return absl::OkStatus();
  // Parts on their way into the view.
  if (!ingested_.empty() || swap_.has_value()) return absl::OkStatus();
  const uint64_t epoch = view->heads.front()->epoch();
  if (epoch == removal_epoch_ && !view->heads.front()->empty()) return absl::OkStatus();
  removal_ms_ = now_ms;
  removal_epoch_ = epoch;
  return OnWriter([this] {
    // On the writer thread nothing becomes live between the look and the removal.
    const Dictionary::Removed removed = dictionary_->RemoveUnused(FindLive());
    totals_.targets_removed.fetch_add(removed.targets, std::memory_order_relaxed);
    totals_.columns_removed.fetch_add(removed.columns, std::memory_order_relaxed);
    totals_.layouts_removed.fetch_add(removed.layouts, std::memory_order_relaxed);
    if (removed.targets + removed.columns + removed.layouts + removed.families == 0) {
      return absl::OkStatus();
    }
    return WriteWithPending({live_->epoch(), {}}, {});
  });
}

}  // namespace baro::tsdb
