// Merging sealed parts, and rewriting them without what was deleted. Every step leaves a state that
// Open() understands:
//
//   1 files written and synced                 crash: the folder is emptied
//   2 files ingested                           crash: parts without a record are removed
//   3 old records out, new ones in     writer  crash before: the old parts; after: the new one
//   4 old files dropped, when no view holds them; crash: parts without a record are removed
#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

constexpr absl::Duration kWakeInterval = absl::Seconds(1);
// With more batches than this waiting, writers need the machine more than a merge does.
constexpr size_t kQueueDepthMax = 64;
// How long a merge gives way at a time, and at most for one batch of its work: it must end some day
// on a machine that is always busy.
constexpr absl::Duration kGiveWay = absl::Milliseconds(20);
constexpr int kGiveWayMax = 50;

}  // namespace

void StoreImpl::MergeLoop() {
  while (true) {
    {
      base::MutexLock lock(&wake_mutex_);
      if (stopping_) return;
      wake_.WaitWithTimeout(&wake_mutex_, kWakeInterval);
      if (stopping_) return;
    }
    // A failure is counted where it happened and tried again at the next turn.
    static_cast<void>(Merge(false));
  }
}

absl::Status StoreImpl::Merge(bool force) {
  base::MutexLock lock(&merge_mutex_);
  while (true) {
    const MergePolicy policy{options_.slot_ms, options_.clock->NowMs(), force, &unmerged_};
    const std::vector<MergeJob> jobs = PlanMerges(CurrentView()->parts, policy);
    if (jobs.empty()) return absl::OkStatus();
    BARO_TRY(RunJob(jobs.front(), !force && options_.background));
  }
}

absl::Status StoreImpl::RewriteDeleted() {
  base::MutexLock lock(&merge_mutex_);
  const auto view = CurrentView();
  for (const auto& part : view->parts) {
    if (!view->tombstones->Touches(part->written, {part->time_ms_min, part->time_ms_max})) continue;
    const bool touched = std::any_of(
        part->targets->begin(), part->targets->end(), [&](const TargetLayout& one) {
          return view->tombstones->Touches(part->written, one.target,
                                           {part->time_ms_min, part->time_ms_max});
        });
    if (!touched) continue;
    BARO_TRY(RunJob({{part}, std::max(part->generation, Generation::kHours)}, false));
  }
  return absl::OkStatus();
}

// Between two batches of a merge in the background.
absl::Status StoreImpl::MakeWay() {
  for (int i = 0; i < kGiveWayMax; ++i) {
    base::MutexLock lock(&wake_mutex_);
    if (stopping_) return absl::CancelledError("cannot merge: the store is closing");
    if (committer_->depth() <= kQueueDepthMax) return absl::OkStatus();
    merge_wake_.WaitWithTimeout(&wake_mutex_, kGiveWay);
  }
  return absl::OkStatus();
}

absl::Status StoreImpl::RunJob(const MergeJob& job, bool in_background) {
  MergeContext context;
  context.database = database_.get();
  context.dictionary = dictionary_.get();
  context.slot_ms = options_.slot_ms;
  context.damaged_total = damaged_total_.get();
  context.tombstones = CurrentView()->tombstones;
  context.next_number = [this] {
    base::MutexLock lock(&maintain_mutex_);
    return next_part_++;
  };
  context.pause = [this, in_background] { return in_background ? MakeWay() : absl::OkStatus(); };
  auto merged = MergeParts(job, context);
  absl::Status status = merged.status();
  if (status.ok()) status = Swap(job, *merged);
  if (status.ok()) {
    totals_.merges.fetch_add(1, std::memory_order_relaxed);
    return status;
  }
  if (absl::IsCancelled(status)) return status;
  totals_.merge_failures.fetch_add(1, std::memory_order_relaxed);
  // Damage does not go away by itself: whoever looks after the store deals with it, and the rest is
  // merged around it.
  if (absl::IsDataLoss(status)) {
    for (const auto& part : job.inputs) unmerged_.insert(part->number);
    return absl::OkStatus();
  }
  return status;
}

// The moment of the merge: readers have the old parts or the new ones.
absl::Status StoreImpl::Swap(const MergeJob& job, const std::vector<SealedPart>& merged) {
  base::MutexLock lock(&maintain_mutex_);
  BARO_TRY(OnWriter([this] { return database_->Probe(); }));
  absl::Status status = IngestFiles(merged);
  RemoveFiles(*database_, merged);  // ingestion has linked or moved them
  bool records_in_doubt = false;
  if (status.ok()) status = SwapRecords(job, merged, &records_in_doubt);
  if (status.ok()) {
    condemned_.insert(condemned_.end(), job.inputs.begin(), job.inputs.end());
    return status;
  }
  // Files whose records may be in the log after all stay. The next start removes what has no
  // record.
  if (records_in_doubt) return status;
  for (const SealedPart& part : merged) {
    const auto [first, last] = part.part.KeyRange();
    static_cast<void>(database_->DeleteSlots(first, last));
  }
  return status;
}

absl::Status StoreImpl::SwapRecords(const MergeJob& job, const std::vector<SealedPart>& merged,
                                    bool* in_doubt) {
  std::vector<std::shared_ptr<const Part>> published;
  for (const SealedPart& sealed : merged) {
    auto part = std::make_shared<Part>(sealed.part);
    part->targets = pool_.Share(part->targets);
    published.push_back(std::move(part));
  }
  return OnWriter([&] {
    View view = *CurrentView();
    for (const auto& input : job.inputs) {
      if (std::erase(view.parts, input) == 0) {
        return absl::AbortedError(base::StrCat("cannot merge part ", input->number, ": it is gone"));
      }
    }
    IndexPuts index;
    for (const auto& part : published) {
      index.emplace_back(IdKey(kPartKey, part->number), EncodePart(*part));
    }
    std::vector<std::string> gone;
    for (const auto& input : job.inputs) gone.push_back(IdKey(kPartKey, input->number));
    *in_doubt = true;
    BARO_TRY(WriteWithPending({live_->epoch(), {}}, index, gone));
    view.parts.insert(view.parts.end(), published.begin(), published.end());
    SetView(std::move(view));
    return absl::OkStatus();
  });
}

}  // namespace baro::tsdb
