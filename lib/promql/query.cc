#include "query.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"

namespace baro::promql {

absl::Status Query::CheckAlive() const {
  if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed)) {
    return absl::CancelledError("query was canceled in expression evaluation");
  }
  if (limits_.clock->MonotonicNs() >= limits_.deadline_ns) {
    return absl::DeadlineExceededError("query timed out in expression evaluation");
  }
  return absl::OkStatus();
}

absl::Status Query::Hold(size_t samples) {
  held_ += static_cast<int64_t>(samples);
  peak_ = std::max(peak_, held_);
  if (held_ <= limits_.samples_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "query processing would load too many samples into memory in query execution");
}

absl::StatusOr<const model::SeriesSet*> Query::Select(const model::SelectRequest& request) {
  BARO_TRY(CheckAlive());
  BARO_TRY_ASSIGN(std::unique_ptr<model::SeriesSet> set, source.Select(request));
  for (const std::string& warning : set->warnings()) annotations_.Warn(warning);
  return kept_sets_.emplace_back(std::move(set)).get();
}

}  // namespace baro::promql
