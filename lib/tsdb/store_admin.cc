// What an operator does to a running store: deleting. Snapshots, backups and verification are in
// files of their own.
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "keys.h"
#include "selection.h"
#include "selector.h"
#include "store_impl.h"
#include "tombstones.h"

namespace baro::tsdb {
namespace {

std::vector<Rectangle> RectanglesOf(const DeleteRequest& request, const Dictionary& dictionary) {
  std::vector<Rectangle> all;
  for (const std::vector<model::Matcher>& matchers : request.selectors) {
    std::vector<Rectangle> some =
        dictionary.With([&](const LabelTable& targets, const LabelTable& columns) {
          return EvaluateSelector(matchers, targets.postings(), columns.postings());
        });
    for (Rectangle& one : some) {
      // Histograms lie in components beside their column.
      Roaring components;
      dictionary.ForEachComponents(one.columns,
                                   [&](ColumnId, const std::shared_ptr<const ComponentList>& list) {
                                     for (const Component& component : *list)
                                       components.add(component.column);
                                   });
      one.columns |= components;
      if (!one.targets.isEmpty() && !one.columns.isEmpty()) all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace

absl::Status StoreImpl::Delete(const DeleteRequest& request) {
  if (request.end_ms < request.start_ms) return absl::OkStatus();
  BARO_TRY(AwaitReplay());
  base::MutexLock lock(&maintain_mutex_);
  std::shared_ptr<Head> rotated;
  const absl::Status status = OnWriter([&] { return DeleteOnWriter(request, &rotated); });
  if (rotated != nullptr) sealing_.push_back(std::move(rotated));
  return status;
}

absl::Status StoreImpl::DeleteOnWriter(const DeleteRequest& request,
                                       std::shared_ptr<Head>* rotated) {
  const auto tombstones = CurrentView()->tombstones;
  if (tombstones->list().size() >= kTombstonesMax) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot delete: ", kTombstonesMax,
                     " deletes wait to be made physical; clean tombstones first"));
  }
  Tombstone tombstone;
  tombstone.range = {request.start_ms, request.end_ms};
  tombstone.series = RectanglesOf(request, *dictionary_);
  if (tombstone.series.empty()) return absl::OkStatus();
  if (IsInLiveHead(request)) {
    const std::shared_ptr<Head> before = live_;
    BARO_TRY(Rotate());
    *rotated = before;
  }
  tombstone.number = next_tombstone_;
  tombstone.epoch = live_->epoch() - 1;
  // A write that failed may be in the log all the same; the next delete has its number then.
  BARO_TRY(WriteWithPending({live_->epoch(), {}}, {{IdKey(kTombstoneKey, tombstone.number),
                                                    EncodeTombstone(tombstone)}}));
  ++next_tombstone_;
  Tombstones::List list = tombstones->list();
  list.push_back(std::make_shared<const Tombstone>(std::move(tombstone)));
  View view = *CurrentView();
  view.tombstones = std::make_shared<const Tombstones>(std::move(list));
  SetView(std::move(view));
  changes_->Note(request.start_ms, request.end_ms);
  return absl::OkStatus();
}

// A delete that finds nothing in the live head need not begin a new one.
bool StoreImpl::IsInLiveHead(const DeleteRequest& request) const {
  View view;
  view.heads.push_back(live_);
  const auto live = std::make_shared<const View>(std::move(view));
  PartReader reader(*database_, damaged_total_.get());
  for (const std::vector<model::Matcher>& matchers : request.selectors) {
    const auto selection =
        tsdb::Select(live, *dictionary_, &reader, {request.start_ms, request.end_ms, matchers, 0});
    if (!selection.ok() || !(*selection)->series.empty()) return true;
  }
  return false;
}

absl::StatusOr<DeleteCount> StoreImpl::CountDelete(const DeleteRequest& request) const {
  DeleteCount count;
  // A series may match several selectors.
  absl::flat_hash_set<uint64_t> seen;
  for (const std::vector<model::Matcher>& matchers : request.selectors) {
    BARO_TRY_ASSIGN(const auto set, Select({request.start_ms, request.end_ms, matchers, 0}));
    const auto reader = set->Read(0, set->size());
    model::SeriesView view;
    while (true) {
      BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
      if (!more) break;
      if (request.selectors.size() > 1 && !seen.insert(set->labels(view.index).Hash()).second) {
        continue;
      }
      ++count.series;
      count.samples += view.times_ms.size();
    }
  }
  return count;
}

}  // namespace baro::tsdb
