// Making deletes physical. A delete that has been made so everywhere ends: its tombstone goes.
#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "keys.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

// Deletes are gathered for so long, so that a hundred of them rewrite a part once.
constexpr int64_t kGatherNs = int64_t{15} * 1'000'000'000;

bool IsIn(const Tombstone& tombstone, const Part& part) {
  return tombstone.Covers(part.written) &&
         tombstone.range.Meets(part.time_ms_min, part.time_ms_max) &&
         std::any_of(part.targets->begin(), part.targets->end(),
                     [&](const TargetLayout& one) { return tombstone.HasTarget(one.target); });
}

}  // namespace

absl::Status StoreImpl::CleanTombstones() {
  if (CurrentView()->tombstones->empty()) return absl::OkStatus();
  {
    base::MutexLock lock(&maintain_mutex_);
    // Heads that a delete covers are not written to any more: SealDue() has them in its list.
    BARO_TRY(SealDue(false));
  }
  BARO_TRY(RewriteDeleted());
  base::MutexLock lock(&maintain_mutex_);
  return OnWriter([this] { return EndTombstones(); });
}

void StoreImpl::CleanWhenDue() {
  const int64_t now_ns = options_.clock->MonotonicNs();
  if (CurrentView()->tombstones->empty()) {
    clean_due_ns_ = 0;
  } else if (clean_due_ns_ == 0) {
    clean_due_ns_ = now_ns + kGatherNs;
  } else if (now_ns >= clean_due_ns_) {
    // What is left after a failure is tried again in its time.
    clean_due_ns_ = 0;
    static_cast<void>(CleanTombstones());
  }
}

// On the writer thread.
absl::Status StoreImpl::EndTombstones() {
  const auto view = CurrentView();
  const std::vector<uint64_t> journals = database_->Journals();
  const auto is_needed = [&](const Tombstone& tombstone) {
    return std::any_of(journals.begin(), journals.end(),
                       [&](uint64_t epoch) { return tombstone.Covers({epoch, 0}); }) ||
           std::any_of(view->parts.begin(), view->parts.end(),
                       [&](const auto& part) { return IsIn(tombstone, *part); });
  };
  Tombstones::List left;
  std::vector<std::string> removals;
  for (const auto& tombstone : view->tombstones->list()) {
    if (is_needed(*tombstone)) {
      left.push_back(tombstone);
    } else {
      removals.push_back(IdKey(kTombstoneKey, tombstone->number));
    }
  }
  if (removals.empty()) return absl::OkStatus();
  BARO_TRY(WriteWithPending({live_->epoch(), {}}, {}, removals));
  View next = *CurrentView();
  next.tombstones = std::make_shared<const Tombstones>(std::move(left));
  SetView(std::move(next));
  return absl::OkStatus();
}

}  // namespace baro::tsdb
