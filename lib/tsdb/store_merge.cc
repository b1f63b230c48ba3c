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
#include "tier.h"

namespace baro::tsdb {
namespace {

// How often the merge thread looks for something to do.
constexpr absl::Duration kWakeInterval = absl::Seconds(5);
// With more batches than this waiting, writers need the machine more than a merge does.
constexpr size_t kQueueDepthMax = 64;
// In the background a merge rests as long as it has worked, so it takes half a core at most; and it
// gives way to writers for a while, but not for ever: it must end on a machine that is always busy.
constexpr absl::Duration kRestMax = absl::Milliseconds(100);
constexpr absl::Duration kGiveWay = absl::Milliseconds(20);
constexpr int kGiveWayMax = 50;

bool HasAll(const View& view, const std::vector<std::shared_ptr<const Part>>& parts) {
  return std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
    return std::find(view.parts.begin(), view.parts.end(), part) != view.parts.end();
  });
}

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
    CleanWhenDue();
  }
}

absl::Status StoreImpl::Merge(bool force) {
  base::MutexLock lock(&merge_mutex_);
  BARO_TRY(FinishSwap());
  while (true) {
    const MergePolicy policy{options_.slot_ms, options_.clock->NowMs(), force, &unmerged_};
    const std::vector<MergeJob> jobs = PlanMerges(CurrentView()->parts, policy);
    if (jobs.empty()) break;
    BARO_TRY(RunJob(jobs.front(), {}, !force && options_.background));
  }
  BARO_TRY(MakeTiers(force));
  DropFiles();
  return absl::OkStatus();
}

absl::Status StoreImpl::MakeTiers(bool force) {
  while (true) {
    const std::vector<TierJob> jobs = PlanTiers(CurrentView()->parts, *CurrentPolicy(),
                                                options_.slot_ms, options_.clock->NowMs());
    const auto job = std::find_if(jobs.begin(), jobs.end(), [&](const TierJob& one) {
      return std::none_of(one.merge.inputs.begin(), one.merge.inputs.end(),
                          [&](const auto& part) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                            return unmerged_.contains(part->number);
                          });
    });
    if (job == jobs.end()) return absl::OkStatus();
    BARO_TRY(RunJob(job->merge, job->outdated, !force && options_.background));
  }
}

void StoreImpl::DropFiles() {
  base::MutexLock lock(&maintain_mutex_);
  DeleteCondemned();
}

absl::Status StoreImpl::RewriteDeleted() {
  base::MutexLock lock(&merge_mutex_);
  BARO_TRY(FinishSwap());
  auto view = CurrentView();
  for (const auto& part : view->parts) {
    if (!view->tombstones->Touches(part->written, {part->time_ms_min, part->time_ms_max})) continue;
    const bool touched =
        std::any_of(part->targets->begin(), part->targets->end(), [&](const TargetLayout& one) {
          return view->tombstones->Touches(part->written, one.target,
                                           {part->time_ms_min, part->time_ms_max});
        });
    if (!touched || unmerged_.contains(part->number) || quarantine_->Has(part->number)) {
      continue;
    }
    const MergeJob job{{part}, std::max(part->generation, Generation::kHours), 0, 0};
    BARO_TRY(RunJob(job, {}, false));
  }
  view.reset();
  DropFiles();
  return absl::OkStatus();
}

// Between two batches of a merge in the background; the last one took so long.
absl::Status StoreImpl::MakeWay(absl::Duration worked) {
  base::MutexLock lock(&wake_mutex_);
  const auto stopping = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(wake_mutex_) {
    return stopping_ ? absl::CancelledError("cannot merge: the store is closing")
                     : absl::OkStatus();
  };
  BARO_TRY(stopping());
  wake_.WaitWithTimeout(&wake_mutex_, std::min(worked, kRestMax));
  for (int i = 0; i < kGiveWayMax && !stopping_ && committer_->depth() > kQueueDepthMax; ++i) {
    wake_.WaitWithTimeout(&wake_mutex_, kGiveWay);
  }
  return stopping();
}

absl::Status StoreImpl::RunJob(const MergeJob& job,
                               const std::vector<std::shared_ptr<const Part>>& outdated,
                               bool in_background) {
  ClassRouter router(dictionary_.get(), *CurrentPolicy());
  MergeContext context;
  context.router = &router;
  context.database = database_.get();
  context.dictionary = dictionary_.get();
  context.damaged_total = damaged_total_.get();
  context.tombstones = CurrentView()->tombstones;
  context.next_number = [this] {
    base::MutexLock lock(&maintain_mutex_);
    return next_part_++;
  };
  int64_t rested_ns = options_.clock->MonotonicNs();
  context.pause = [this, in_background, &rested_ns] {
    if (!in_background) return absl::OkStatus();
    BARO_TRY(MakeWay(absl::Nanoseconds(options_.clock->MonotonicNs() - rested_ns)));
    rested_ns = options_.clock->MonotonicNs();
    return absl::OkStatus();
  };
  auto merged = MergeParts(job, context);
  absl::Status status = merged.status();
  if (status.ok()) status = Swap(job.interval_ms == 0 ? job.inputs : outdated, *merged);
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
    if (job.inputs.size() == 1) {
      quarantine_->Add(*job.inputs.front(), base::FromAbsl(status.message()));
    }
    return absl::OkStatus();
  }
  return status;
}

// Nothing of it exists before SwapRecords(); after a failure of that it may or may not.
absl::Status StoreImpl::Swap(const std::vector<std::shared_ptr<const Part>>& out,
                             const std::vector<SealedPart>& merged) {
  base::MutexLock lock(&maintain_mutex_);
  absl::Status status = OnWriter([this] { return database_->Probe(); });
  if (status.ok()) status = IngestFiles(merged);
  RemoveFiles(*database_, merged);  // ingestion has linked or moved them
  if (status.ok()) {
    PartSwap swap{out, {}};
    for (const SealedPart& sealed : merged) {
      auto part = std::make_shared<Part>(sealed.part);
      part->targets = pool_.Share(part->targets);
      swap.in.push_back(std::move(part));
    }
    if (HasAll(*CurrentView(), swap.out)) {
      swap_ = std::move(swap);
      return SwapRecords();
    }
    status = absl::AbortedError("cannot merge parts: some have expired meanwhile");
  }
  // What stays is removed at the next start; its number is not used again before.
  for (const SealedPart& part : merged) {
    const auto [first, last] = part.part.KeyRange();
    static_cast<void>(database_->DeleteSlots(first, last));
  }
  return status;
}

// A failed write of the records is in doubt (docs/adr/0013): the same ones are written again before
// anything else is merged. Inputs that have expired meanwhile come back as a part of the outcome,
// until that expires.
absl::Status StoreImpl::FinishSwap() {
  base::MutexLock lock(&maintain_mutex_);
  return swap_ ? SwapRecords() : absl::OkStatus();
}

// A merge of samples changes nothing for readers. A new tier may, and so does what had expired and
// is back.
void StoreImpl::NoteSwapped(const PartSwap& swap, bool all_there) {
  for (const auto& parts : {swap.in, swap.out}) {
    for (const auto& part : parts) {
      if (all_there && part->interval_ms == 0) continue;
      changes_->Note(part->time_ms_min, part->time_ms_max);
    }
  }
}

// The moment of the merge: readers have the old parts or the new ones.
absl::Status StoreImpl::SwapRecords() {
  const PartSwap& swap = *swap_;
  const absl::Status written = OnWriter([&] {
    IndexPuts puts;
    std::vector<std::string> removals;
    for (const auto& part : swap.in) {
      puts.emplace_back(IdKey(kPartKey, part->number), EncodePart(*part));
    }
    for (const auto& part : swap.out) removals.push_back(IdKey(kPartKey, part->number));
    BARO_TRY(WriteWithPending({live_->epoch(), {}}, puts, removals));
    View view = *CurrentView();
    const bool all_there = HasAll(view, swap.out);
    std::erase_if(view.parts, [&](const auto& part) {
      return std::find(swap.out.begin(), swap.out.end(), part) != swap.out.end();
    });
    view.parts.insert(view.parts.end(), swap.in.begin(), swap.in.end());
    SetView(std::move(view));
    NoteSwapped(swap, all_there);
    return absl::OkStatus();
  });
  if (!written.ok()) return written;
  condemned_.insert(condemned_.end(), swap.out.begin(), swap.out.end());
  swap_.reset();
  return absl::OkStatus();
}

}  // namespace baro::tsdb
