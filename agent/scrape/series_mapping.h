// SeriesMapping: what becomes of one scraped series' labels: honor_labels, metric relabelling, the
// limits on labels.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "baro/agent/scrape_config.h"
#include "baro/model/labels.h"
#include "counters.h"
#include "target.h"

namespace baro::agent {

// One series after honor_labels and metric relabelling.
struct MappedSeries {
  bool dropped = false;
  bool whole = true;     // it has all of the target's labels
  model::Labels target;  // else those that it has
  model::Labels column;

  // All its labels.
  model::Labels All(const model::Labels& target_labels) const {
    return model::LabelsRef{whole ? &target_labels : &target, &column}.Merge();
  }
};

// Immutable but for last_failure(). Refers to the target.
class SeriesMapping {
 public:
  explicit SeriesMapping(const Target& target) : target_(target), job_(*target.job) {}

  // Errors, each of which fails the scrape:
  //   ResourceExhausted  a label limit, which is named
  //   InvalidArgument    it has no name left, or one that the validation scheme does not allow
  absl::StatusOr<MappedSeries> Map(model::Labels scraped) const;
  // What the last error was about.
  ScrapeFailure last_failure() const { return last_failure_; }

 private:
  void RenameConflicts(model::Labels* scraped) const;
  absl::Status Check(const model::Labels& labels) const;
  absl::Status CheckLimits(const model::Labels& labels) const;

  const Target& target_;
  const ScrapeJob& job_;
  mutable ScrapeFailure last_failure_ = ScrapeFailure::kLabelLimit;
};

// What of the labels no collector would take; empty when all is well.
std::string Oversize(const model::Labels& labels);
// The first `bytes_max` bytes at most, and no torn character at the end.
std::string_view CutUtf8(std::string_view text, size_t bytes_max);

}  // namespace baro::agent
