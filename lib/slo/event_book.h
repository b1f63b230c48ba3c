// EventBook: the counts of one objective, group by group, kept up to date with the samples.
//
//   history ──────── settled ────────┬── the last minutes ──┐
//   counted once, amended when       │ counted again at     │ now
//   samples come late                │ every evaluation     │
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/promql/engine.h"
#include "baro/slo/slo_spec.h"
#include "event_counter.h"
#include "slot_ladder.h"

namespace baro::slo {

// Samples that come within this time need no amendment.
inline constexpr int64_t kSettleMs = 2 * kMinuteMs;
// Evaluations are at multiples of it.
inline constexpr int64_t kEvaluationGrainMs = 10 * kSecondMs;

struct GroupBook {
  GroupBook(const SloSpec& spec, model::Labels group);

  model::Labels labels;
  SlotLadder events;
  std::optional<SlotLadder> slices;          // when slices are what counts
  int64_t last_seen_ms = model::kTimeMsMin;  // the newest sample of the total
  int64_t first_event_ms = model::kTimeMsMax;

  const SlotLadder& counted() const { return slices ? *slices : events; }
};

struct BookSources {
  const model::SeriesSource* source = nullptr;
  const promql::Engine* engine = nullptr;
  std::shared_ptr<std::atomic<bool>> cancelled;
};

// Thread-compatible; copyable, so that a long amendment can go on beside.
class EventBook {
 public:
  EventBook(const SloSpec& spec, BookSources sources);

  // Begins, or begins again, at `time_ms` (rounded down): all later is counted anew.
  absl::Status Rewind(int64_t time_ms, int64_t now_ms);
  // Counts up to `now_ms`, a multiple of kEvaluationGrainMs, in pieces; asks between two of them
  // whether to go on. True: all is counted. After an error the pieces done stay.
  absl::StatusOr<bool> CountTo(int64_t now_ms, const std::function<bool()>& go_on);

  // Up to where samples are counted for good.
  int64_t settled_ms() const { return settled_ms_; }
  const std::vector<GroupBook>& groups() const { return groups_; }
  // Groups that found no room.
  uint64_t groups_refused() const { return refused_.size(); }
  const std::string& warning() const { return counter_.warning(); }
  size_t memory_bytes() const;

  // Takes over a saved group; before the first Rewind() only. False: there is no room.
  bool Restore(GroupBook group);
  GroupBook EmptyGroup(model::Labels labels) const { return {spec_, std::move(labels)}; }
  // Forgets groups that had no events within the window. Some are gone: numbers change.
  void DropIdle(int64_t now_ms);
  // More groups than that are refused from now on.
  void SetGroupsMax(size_t groups_max) { spec_.groups_max = groups_max; }

 private:
  class Tail;
  struct Piece {
    int64_t to_ms = 0;
    int64_t grain_ms = 0;
  };

  Piece NextPiece(int64_t now_ms) const;
  absl::Status CountPiece(const Piece& piece, int64_t settle_ms);
  absl::Status RunQueries(int64_t to_ms, Tail* tail);
  absl::Status RunQuery(const std::string& query, int64_t to_ms, bool is_ratio, double to_total,
                        double to_bad, Tail* tail);
  // Below 0: no room.
  int64_t GroupOf(model::Labels labels);
  void Apply(const Tail& tail);
  void ApplySlices(GroupBook* group, int64_t grain_ms, const std::vector<Counts>& slots) const;
  int64_t settle_grain_ms() const;

  SloSpec spec_;
  BookSources sources_;
  EventCounter counter_;
  std::vector<GroupBook> groups_;
  std::map<model::Labels, int64_t> by_labels_;
  absl::flat_hash_set<uint64_t> refused_;
  int64_t settled_ms_ = 0;
};

}  // namespace baro::slo
