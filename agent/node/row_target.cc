#include "row_target.h"

#include <unordered_set>
#include <utility>

#include "baro/base/status.h"
#include "baro/model/sample.h"

namespace baro::agent {

RowTarget::~RowTarget() { Release(); }

void RowTarget::Release() {
  if (!declared_) return;
  sink_->Release(target_);
  declared_ = false;
}

absl::Status RowTarget::SetColumns(std::vector<model::Column> columns, int64_t time_ms) {
  std::vector<uint64_t> hashes;
  hashes.reserve(columns.size());
  for (const model::Column& column : columns) hashes.push_back(column.labels.Hash());
  if (declared_ && hashes == column_hashes_) return absl::OkStatus();
  if (declared_ && last_time_ms_ > 0) AppendStale(time_ms, hashes);
  Release();
  column_hashes_ = std::move(hashes);
  if (columns.empty()) return absl::OkStatus();
  BARO_TRY_ASSIGN(target_, sink_->Declare(labels_, model::Layout{std::move(columns)}));
  declared_ = true;
  return absl::OkStatus();
}

absl::Status RowTarget::Append(int64_t time_ms, std::span<const double> values) {
  if (!declared_) return absl::FailedPreconditionError("cannot append a row: no columns");
  last_time_ms_ = time_ms;
  return sink_->Append(target_, time_ms, values);
}

// Says nothing (kNoSample) about what remains: the new layout's row of the same time tells it.
void RowTarget::AppendStale(int64_t time_ms, const std::vector<uint64_t>& remaining) {
  const std::unordered_set<uint64_t> stay(remaining.begin(), remaining.end());
  std::vector<double> last(column_hashes_.size(), model::kNoSample);
  bool any = false;
  for (size_t i = 0; i < last.size(); ++i) {
    if (stay.contains(column_hashes_[i])) continue;
    last[i] = model::kStaleNan;
    any = true;
  }
  // A sink that refuses counts it; the series ends by the lookback then.
  if (any) (void)sink_->Append(target_, time_ms, last);
}

void RowTarget::Retire() {
  if (declared_ && last_time_ms_ > 0) AppendStale(last_time_ms_ + 1, {});
  Release();
}

}  // namespace baro::agent
