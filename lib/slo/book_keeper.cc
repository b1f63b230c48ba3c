#include "book_keeper.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"

namespace baro::slo {
namespace {

// Amended at once, whatever it costs.
constexpr int64_t kCheapMs = 10 * kMinuteMs;
// Amended in place.
constexpr int64_t kInPlaceMs = 5 * kHourMs;
constexpr int64_t kCostFactor = 20;

}  // namespace

BookKeeper::BookKeeper(const SloSpec& spec, BookSources sources, const base::Clock* clock)
    : spec_(spec), sources_(std::move(sources)), clock_(clock) {}

int64_t BookKeeper::HistoryStart(int64_t now_ms) const {
  const int64_t start_ms = now_ms - std::max(spec_.window.length_ms, 3 * kDayMs) - kHourMs;
  return start_ms - start_ms % kHourMs;
}

int64_t BookKeeper::TakeAmendedSince() {
  return std::exchange(amended_since_ms_, model::kTimeMsMax);
}

absl::Status BookKeeper::Adopt(EventBook book, int64_t time_ms, int64_t now_ms) {
  version_ = sources_.source->ChangeVersion();
  BARO_TRY(book.Rewind(time_ms, now_ms));
  book_ = std::make_unique<EventBook>(std::move(book));
  return absl::OkStatus();
}

// Of all that has changed since last time only the oldest is known.
void BookKeeper::NoteChanges(int64_t start_ms) {
  const uint64_t before = version_;
  version_ = sources_.source->ChangeVersion();
  if (book_ == nullptr && beside_ == nullptr) return;
  int64_t oldest_ms = model::kTimeMsMin;
  if (before != 0 && version_ != 0) {
    oldest_ms = sources_.source->OldestChangeSince(before, start_ms);
  }
  oldest_ms = std::max(oldest_ms, start_ms);
  // Later ones are counted anyway.
  if (book_ != nullptr && oldest_ms <= book_->settled_ms()) {
    pending_ms_ = std::min(pending_ms_, oldest_ms);
  }
  if (beside_ != nullptr && oldest_ms <= beside_->settled_ms()) {
    beside_pending_ms_ = std::min(beside_pending_ms_, oldest_ms);
  }
}

absl::Status BookKeeper::Amend(int64_t start_ms, int64_t now_ms) {
  const int64_t depth_ms = now_ms - pending_ms_;
  if (depth_ms > kCheapMs && clock_->MonotonicNs() < next_amendment_ns_) return absl::OkStatus();
  // An event belongs to the slot that ends at its time or after it: the slot before stays.
  int64_t from_ms = std::max(pending_ms_ - 1, start_ms);
  if (depth_ms > kInPlaceMs) {
    if (beside_ == nullptr) {
      auto copy = std::make_unique<EventBook>(*book_);
      BARO_TRY(copy->Rewind(from_ms, now_ms));
      beside_ = std::move(copy);
      beside_from_ms_ = from_ms;
      beside_pending_ms_ = model::kTimeMsMax;
    }
    from_ms = now_ms - kInPlaceMs;
  }
  BARO_TRY(book_->Rewind(from_ms, now_ms));
  amended_since_ms_ = std::min(amended_since_ms_, from_ms);
  pending_ms_ = model::kTimeMsMax;
  ++amendments_;
  return absl::OkStatus();
}

absl::Status BookKeeper::AdvanceBeside(int64_t now_ms, const std::function<bool()>& go_on) {
  if (beside_pending_ms_ <= beside_->settled_ms() && clock_->MonotonicNs() >= next_amendment_ns_) {
    const int64_t from_ms = std::max(beside_pending_ms_ - 1, HistoryStart(now_ms));
    BARO_TRY(beside_->Rewind(from_ms, now_ms));
    beside_from_ms_ = std::min(beside_from_ms_, from_ms);
    beside_pending_ms_ = model::kTimeMsMax;
  }
  BARO_TRY_ASSIGN(const bool done, beside_->CountTo(now_ms, go_on));
  if (!done) return absl::OkStatus();
  book_ = std::move(beside_);
  pending_ms_ = beside_pending_ms_;
  amended_since_ms_ = std::min(amended_since_ms_, beside_from_ms_);
  return absl::OkStatus();
}

absl::Status BookKeeper::Advance(int64_t now_ms, const std::function<bool()>& go_on) {
  const int64_t start_ms = HistoryStart(now_ms);
  NoteChanges(start_ms);
  if (book_ == nullptr && beside_ == nullptr) {
    auto fresh = std::make_unique<EventBook>(spec_, sources_);
    BARO_TRY(fresh->Rewind(start_ms, now_ms));
    beside_ = std::move(fresh);
    beside_from_ms_ = start_ms;
    beside_pending_ms_ = model::kTimeMsMax;
  }
  const int64_t begin_ns = clock_->MonotonicNs();
  bool amending = false;
  if (book_ != nullptr) {
    if (pending_ms_ <= book_->settled_ms()) {
      amending = now_ms - pending_ms_ > kCheapMs;
      BARO_TRY(Amend(start_ms, now_ms));
    } else {
      pending_ms_ = model::kTimeMsMax;
    }
    BARO_TRY(book_->CountTo(now_ms, [] { return true; }).status());
  }
  if (beside_ != nullptr) {
    amending = true;
    BARO_TRY(AdvanceBeside(now_ms, go_on));
  }
  const int64_t end_ns = clock_->MonotonicNs();
  if (amending && end_ns >= next_amendment_ns_) {
    next_amendment_ns_ = end_ns + kCostFactor * (end_ns - begin_ns);
  }
  return absl::OkStatus();
}

}  // namespace baro::slo
