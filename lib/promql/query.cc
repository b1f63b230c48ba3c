#include "query.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::promql {
namespace {

// A held sample is eight bytes, and as many again while its array grows.
constexpr uint64_t kBytesPerSample = 16;

}  // namespace

absl::Status Query::CheckAlive() const {
  if (limits_.progress != nullptr) {
    limits_.progress->samples.store(samples_looked_at(), std::memory_order_relaxed);
  }
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
    return absl::ResourceExhaustedError(base::StrCat(
        "query processing would load too many samples into memory in query execution: more than ",
        limits_.samples_max, " (--query.max-samples)"));
  }
  BARO_TRY(CheckMemory());
  if (memory_.Grow(static_cast<uint64_t>(held_) * kBytesPerSample)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("query needs more memory than is free: it holds ", held_, " samples, and ",
                   limits_.memory->resident_bytes() >> 20, " MiB of ",
                   limits_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
}

absl::Status Query::CheckMemory() const {
  const uint64_t bytes = static_cast<uint64_t>(held_) * kBytesPerSample + result_bytes_;
  if (limits_.memory_bytes_max == 0 || bytes <= limits_.memory_bytes_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("query needs more memory than one query may have: ", bytes >> 20, " MiB of ",
                   limits_.memory_bytes_max >> 20, " MiB (--query.memory-limit)"));
}

absl::Status Query::HoldResult(uint64_t bytes) {
  result_bytes_ += bytes;
  BARO_TRY(CheckMemory());
  if (result_memory_->Grow(result_bytes_)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      base::StrCat("the result needs more memory than is free: ", result_bytes_ >> 20, " MiB, and ",
                   limits_.memory->resident_bytes() >> 20, " MiB of ",
                   limits_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
}

absl::StatusOr<const model::SeriesSet*> Query::Select(const model::SelectRequest& request) {
  BARO_TRY(CheckAlive());
  model::SelectRequest bounded = request;
  bounded.check_alive = [this] { return CheckAlive(); };
  if (limits_.series_max > 0) bounded.series_max = limits_.series_max;
  auto set = source.Select(bounded);
  if (absl::IsResourceExhausted(set.status()) && limits_.series_max > 0 &&
      absl::StrContains(set.status().message(), "the limit is")) {
    return absl::ResourceExhaustedError(
        base::StrCat(set.status().message(), " (--query.max-series)"));
  }
  BARO_TRY(set.status());
  for (const std::string& warning : (*set)->warnings()) annotations_.Warn(warning);
  return kept_sets_.emplace_back(*std::move(set)).get();
}

void Query::CountInDetail(size_t steps) {
  detailed_ = true;
  samples_per_step_.assign(steps, 0);
  samples_read_per_step_.assign(steps, 0);
}

void Query::CountSteps(const std::vector<StepCount>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    samples_read_ += steps[i].read;
    if (in_subquery_) continue;
    if (steps.size() == samples_per_step_.size()) {
      samples_per_step_[i] += steps[i].total;
      samples_read_per_step_[i] += steps[i].read;
      continue;
    }
    // One step for all.
    for (int64_t& total : samples_per_step_) total += steps[i].total;
    samples_read_per_step_[0] += steps[i].read;
  }
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
