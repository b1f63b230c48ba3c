// Warnings and infos of one query, in Prometheus' words, each text once: of several places that
// give rise to it the last one in evaluation order is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/promql/ast.h"
#include "histogram_quantile.h"

namespace baro::promql {

// Where a note is shown, and the node that has it to say.
struct NotePlace {
  NotePlace() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): most notes are shown where their node begins.
  NotePlace(Place place) : shown(place.begin), node(place) {}
  NotePlace(size_t shown_at, Place of) : shown(shown_at), node(of) {}

  size_t shown = 0;
  Place node;
};

// Whether a note is given after another one. Children are evaluated before their parent and the
// left one before the right: the later node ends later, or begins no later where both end together.
inline bool IsLater(const NotePlace& place, const NotePlace& than) {
  const Place node = place.node;
  return node.end != than.node.end ? node.end > than.node.end : node.begin <= than.node.begin;
}

// Thread-compatible. At most kTextsMax of each kind are kept in full, as in Prometheus' API; how
// many more there were is said in one more line.
class Annotations {
 public:
  static constexpr size_t kTextsMax = 10;

  explicit Annotations(std::string_view query) : query_(query) {}

  void Warn(std::string_view text) { Add(&warnings_, std::string(text), std::nullopt); }

  void InvalidQuantile(double quantile, NotePlace place);
  void InvalidRatio(double ratio, double capped, NotePlace place);
  void InvalidStrategy(double strategy, NotePlace place);
  void BadBucketLabel(std::string_view metric, std::string_view label, NotePlace place);
  void PossibleNonCounter(std::string_view metric, NotePlace place);
  void SortInRangeQuery(NotePlace place);

  // Of native histograms. `operation` is "addition", "subtraction" or "aggregation".
  void MixedFloatsAndHistograms(std::string_view metric, NotePlace place);
  void MixedInAggregation(NotePlace place);
  void MixedClassicAndNative(std::string_view metric, NotePlace place);
  void MixedSchemas(std::string_view metric, NotePlace place);
  void NotACounter(std::string_view metric, NotePlace place);
  void NotAGauge(std::string_view metric, NotePlace place);
  void IncompatibleBuckets(std::string_view op, NotePlace place);
  void IncompatibleTypes(std::string_view op, std::string_view lhs, std::string_view rhs,
                         NotePlace place);
  void HistogramsIgnored(std::string_view aggregation, NotePlace place);
  void HistogramsIgnoredInRange(std::string_view metric, NotePlace place);
  void NanObservations(NanNote note, std::string_view metric, NotePlace place);
  void HintsCollide(std::string_view operation, NotePlace place);
  void BoundsReconciled(std::string_view operation, NotePlace place);
  // A counter that claims to have begun before the sample before it.
  void StartOverlaps(std::string_view metric, NotePlace place);

  // What histogram_quantile had to repair; repairs of one metric are merged.
  struct Repair {
    int64_t time_ms = 0;
    double bucket_min = 0;
    double bucket_max = 0;
    double difference_max = 0;
  };
  void ForcedMonotonicity(std::string_view metric, NotePlace place, const Repair& repair);

  std::vector<std::string> Warnings() const;
  std::vector<std::string> Infos() const;

 private:
  struct Note {
    std::string text;
    std::optional<NotePlace> place;
  };

  struct Merged {
    std::string text;
    NotePlace place;
    Repair repair;
    int64_t time_ms_max = 0;
    size_t count = 0;
  };

  struct Counted {
    std::string text;
    NotePlace place;
    size_t count = 0;
  };

  std::string At(std::string_view text, NotePlace place) const;
  void WarnAt(std::string_view text, NotePlace place);
  void InfoAt(std::string_view text, NotePlace place);
  std::vector<std::string> Shown(const std::vector<Note>& notes) const;
  static void Add(std::vector<Note>* notes, std::string text, std::optional<NotePlace> place);

  const std::string_view query_;
  std::vector<Note> warnings_;
  std::vector<Note> infos_;
  std::vector<Merged> repairs_;
  std::vector<Counted> overlaps_;
};

}  // namespace baro::promql
