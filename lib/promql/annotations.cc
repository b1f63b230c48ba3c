#include "annotations.h"

#include <algorithm>

#include "baro/base/strings.h"
#include "number_text.h"

namespace baro::promql {
namespace {

std::vector<std::string> Limited(std::vector<std::string> texts, std::string_view kind) {
  if (texts.size() <= Annotations::kTextsMax) return texts;
  const size_t omitted = texts.size() - Annotations::kTextsMax;
  texts.resize(Annotations::kTextsMax);
  texts.push_back(base::StrCat(omitted, " more ", kind, " annotations omitted"));
  return texts;
}

void KeepLater(const NotePlace& place, NotePlace* kept) {
  if (IsLater(place, *kept)) *kept = place;
}

}  // namespace

std::string Annotations::At(std::string_view text, NotePlace place) const {
  return base::StrCat(text, " (", PlaceText(query_, place.shown), ")");
}

void Annotations::WarnAt(std::string_view text, NotePlace place) {
  Add(&warnings_, base::StrCat("PromQL warning: ", text), place);
}

void Annotations::InfoAt(std::string_view text, NotePlace place) {
  Add(&infos_, base::StrCat("PromQL info: ", text), place);
}

void Annotations::Add(std::vector<Note>* notes, std::string text, std::optional<NotePlace> place) {
  const auto found = std::find_if(notes->begin(), notes->end(),
                                  [&text](const Note& note) { return note.text == text; });
  if (found == notes->end()) {
    notes->push_back({std::move(text), place});
  } else if (place && found->place) {
    KeepLater(*place, &*found->place);
  }
}

std::vector<std::string> Annotations::Shown(const std::vector<Note>& notes) const {
  std::vector<std::string> texts;
  texts.reserve(notes.size());
  for (const Note& note : notes) {
    texts.push_back(note.place ? At(note.text, *note.place) : note.text);
  }
  return texts;
}

void Annotations::InvalidQuantile(double quantile, NotePlace place) {
  WarnAt(base::StrCat("quantile value should be between 0 and 1, got ", FormatShort(quantile)),
         place);
}

void Annotations::InvalidRatio(double ratio, double capped, NotePlace place) {
  WarnAt(base::StrCat("ratio value should be between -1 and 1, got ", FormatShort(ratio),
                      ", capping to ", FormatShort(capped)),
         place);
}

void Annotations::InvalidStrategy(double strategy, NotePlace place) {
  WarnAt(
      base::StrCat("strategy should be 0, 1, or 2 (default), using 2, got ", FormatShort(strategy)),
      place);
}

void Annotations::BadBucketLabel(std::string_view metric, std::string_view label, NotePlace place) {
  std::string text =
      base::StrCat("bucket label \"le\" is missing or has a malformed value of ", Quote(label));
  if (!metric.empty()) base::StrAppend(&text, " for metric name ", Quote(metric));
  WarnAt(text, place);
}

void Annotations::PossibleNonCounter(std::string_view metric, NotePlace place) {
  InfoAt(base::StrCat("metric might not be a counter, name does not end in "
                      "_total/_sum/_count/_bucket: ",
                      Quote(metric)),
         place);
}

void Annotations::SortInRangeQuery(NotePlace place) {
  WarnAt("sort is ineffective for range queries since results are always ordered by labels", place);
}

void Annotations::ForcedMonotonicity(std::string_view metric, NotePlace place,
                                     const Repair& repair) {
  std::string text =
      "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
  if (!metric.empty()) base::StrAppend(&text, " for metric name ", Quote(metric));
  const auto same = [&text](const Merged& merged) { return merged.text == text; };
  const auto found = std::find_if(repairs_.begin(), repairs_.end(), same);
  if (found == repairs_.end()) {
    repairs_.push_back({std::move(text), place, repair, repair.time_ms, 1});
    return;
  }
  KeepLater(place, &found->place);
  found->repair.time_ms = std::min(found->repair.time_ms, repair.time_ms);
  found->time_ms_max = std::max(found->time_ms_max, repair.time_ms);
  found->repair.bucket_min = std::min(found->repair.bucket_min, repair.bucket_min);
  found->repair.bucket_max = std::max(found->repair.bucket_max, repair.bucket_max);
  found->repair.difference_max = std::max(found->repair.difference_max, repair.difference_max);
  ++found->count;
}

std::vector<std::string> Annotations::Warnings() const {
  std::vector<std::string> warnings = Shown(warnings_);
  for (const Counted& overlap : overlaps_) {
    const std::string times =
        overlap.count > 1 ? base::StrCat(" (", overlap.count, " occurrences)") : std::string();
    warnings.push_back(At(base::StrCat(overlap.text, times), overlap.place));
  }
  return Limited(std::move(warnings), "warning");
}

std::vector<std::string> Annotations::Infos() const {
  std::vector<std::string> infos = Shown(infos_);
  for (const Merged& merged : repairs_) {
    infos.push_back(
        At(base::StrCat(merged.text, ", from buckets ", FormatShort(merged.repair.bucket_min),
                        " to ", FormatShort(merged.repair.bucket_max), ", with a max diff of ",
                        FormatDigits(merged.repair.difference_max, 2), ", over ", merged.count,
                        " samples from ", FormatRfc3339(merged.repair.time_ms), " to ",
                        FormatRfc3339(merged.time_ms_max)),
           merged.place));
  }
  return Limited(std::move(infos), "info");
}

}  // namespace baro::promql
