#include "query.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::promql {
namespace {

// A held sample is eight bytes here, sixteen in the result, and some as JSON.
constexpr uint64_t kBytesPerSample = 32;

}  // namespace

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
  if (held_ > limits_.samples_max) {
    return absl::ResourceExhaustedError(
        "query processing would load too many samples into memory in query execution");
  }
  if (memory_.Grow(static_cast<uint64_t>(held_) * kBytesPerSample)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("query needs more memory than is free: it holds ", held_, " samples, and ",
                   limits_.memory->resident_bytes() >> 20, " MiB of ",
                   limits_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
}

absl::StatusOr<const model::SeriesSet*> Query::Select(const model::SelectRequest& request) {
  BARO_TRY(CheckAlive());
  BARO_TRY_ASSIGN(std::unique_ptr<model::SeriesSet> set, source.Select(request));
  for (const std::string& warning : set->warnings()) annotations_.Warn(warning);
  return kept_sets_.emplace_back(std::move(set)).get();
}

bool Query::order_varies() const {
  return std::any_of(kept_sets_.begin(), kept_sets_.end(),
                     [](const auto& set) { return set->order_depends_on_range(); });
}

void Query::WarnOfWhatWasRead() {
  for (const auto& set : kept_sets_) {
    for (const std::string& warning : set->FoundWhileReading()) annotations_.Warn(warning);
  }
}

}  // namespace baro::promql
