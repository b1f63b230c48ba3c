// Tombstones: what was deleted and is not yet gone from the files.
//
// A delete covers what was stored when it was made, and nothing that comes later, even at the same
// times. Sources of samples are told apart by the journal their samples came through: a head's
// epoch, and Part::written.epoch, the newest journal with samples in the part. A tombstone of epoch
// E covers heads and parts of epochs up to E. To make that exact, a delete of samples in the live
// head begins a new journal first. So the rule survives seals, merges and replays by itself:
//
//   read     what a source holds of a series is masked by Of(its Written, series)
//   merge    each input is masked by its own Written; the output's epoch is the inputs' highest,
//            its `cleaned` number_max() of the tombstones that were applied
//   restart  journals replay into heads of their own epochs; the tombstone is in `index`
//   end      a tombstone goes when no head and no part that it covers has its series in its range
//
// Series are named by rectangles (targets × columns) of the numbers there were at the delete.
// Bytes: docs/formats/keys.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/tsdb/store.h"
#include "part.h"
#include "selector.h"
#include "time_range.h"

namespace baro::tsdb {

// Deletes that are not yet made physical; more are refused until CleanTombstones() has run. Bounds
// what a read has to look at.
inline constexpr size_t kTombstonesMax = 4'096;

// Immutable.
struct Tombstone {
  uint32_t number = 0;  // from 1, in the order of the deletes
  uint64_t epoch = 0;
  TimeRange range;
  std::vector<Rectangle> series;

  bool Covers(const Written& source) const {
    return source.epoch <= epoch && source.cleaned < number;
  }

  bool HasTarget(TargetId target) const;
  bool Has(SeriesId id) const;
};

std::string EncodeTombstone(const Tombstone& tombstone);
// Errors: DataLoss, with the byte offset.
absl::StatusOr<Tombstone> DecodeTombstone(uint32_t number, std::string_view bytes);

// Immutable, thread-safe; part of the View.
class Tombstones {
 public:
  using List = std::vector<std::shared_ptr<const Tombstone>>;

  Tombstones() = default;
  explicit Tombstones(List list);

  bool empty() const { return list_.empty(); }
  const List& list() const { return list_; }  // by number
  uint32_t number_max() const { return list_.empty() ? 0 : list_.back()->number; }

  // The quick question, asked before any other: may something be deleted in a source, in this
  // range? Of a target in it?
  bool Touches(const Written& source, const TimeRange& range) const;
  bool Touches(const Written& source, TargetId target, const TimeRange& range) const;
  // What is deleted of a series in a source: disjoint ranges, ascending.
  std::vector<TimeRange> Of(const Written& source, SeriesId id) const;

 private:
  List list_;
  uint64_t epoch_max_ = 0;
  Roaring targets_;  // of all
};

// Puts model::kNoSample where a sample of a series is deleted. `ranges` as Of() gives them,
// `times_ms` ascending, a value each. Returns how many samples went.
size_t MaskDeleted(std::span<const TimeRange> ranges, std::span<const int64_t> times_ms,
                   std::span<double> values);

}  // namespace baro::tsdb
