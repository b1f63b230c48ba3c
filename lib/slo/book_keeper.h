// BookKeeper: keeps an objective's book up to date with a store whose past changes.
//
// What came late within the last hours is amended in place. What reaches further back, and the
// history of a new objective, is counted in a second book beside, which takes the place of the
// first when it has caught up; so nothing waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "event_book.h"

namespace baro::slo {

// Thread-compatible.
class BookKeeper {
 public:
  // `clock` outlives it.
  BookKeeper(const SloSpec& spec, BookSources sources, const base::Clock* clock);

  // A book that was saved: it is right up to `time_ms`, and samples are read again from there.
  absl::Status Adopt(EventBook book, int64_t time_ms, int64_t now_ms);

  // Counts what is new up to `now_ms`, a multiple of kEvaluationGrainMs. History goes on as long as
  // `go_on` says; the newest minutes are always counted once there is a book.
  absl::Status Advance(int64_t now_ms, const std::function<bool()>& go_on);

  // Null: there is no history yet.
  const EventBook* book() const { return book_.get(); }
  EventBook* mutable_book() { return book_.get(); }
  // History is being counted, or counted again.
  bool busy() const { return beside_ != nullptr; }
  // Earlier than this counts have changed since it was asked last; kTimeMsMax: none.
  int64_t TakeAmendedSince();
  uint64_t amendments() const { return amendments_; }

 private:
  int64_t HistoryStart(int64_t now_ms) const;
  void NoteChanges(int64_t start_ms);
  absl::Status Amend(int64_t start_ms, int64_t now_ms);
  absl::Status AdvanceBeside(int64_t now_ms, const std::function<bool()>& go_on);

  const SloSpec spec_;
  const BookSources sources_;
  const base::Clock* const clock_;
  std::unique_ptr<EventBook> book_;
  std::unique_ptr<EventBook> beside_;
  uint64_t version_ = 0;
  int64_t pending_ms_ = model::kTimeMsMax;  // the oldest change not yet amended
  int64_t beside_pending_ms_ = model::kTimeMsMax;
  int64_t amended_since_ms_ = model::kTimeMsMax;
  int64_t beside_from_ms_ = 0;
  // Amendments may take a twentieth of the time.
  int64_t next_amendment_ns_ = 0;
  uint64_t amendments_ = 0;
};

}  // namespace baro::slo
