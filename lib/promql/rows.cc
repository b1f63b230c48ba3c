#include "rows.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "baro/base/status.h"

namespace baro::promql {

const model::Labels& NoLabels() {
  static const auto* const none = new model::Labels();
  return *none;
}

absl::Status Table::Add(const Row& row) {
  BARO_TRY(query_->Hold(row.values.size()));
  heads_.push_back({row.labels, row.drop_name});
  values_.insert(values_.end(), row.values.begin(), row.values.end());
  return absl::OkStatus();
}

absl::Status Table::AddEmpty(model::LabelsRef labels, bool drop_name) {
  BARO_TRY(query_->Hold(steps_));
  heads_.push_back({labels, drop_name});
  values_.resize(values_.size() + steps_, kNoValue);
  return absl::OkStatus();
}

Row Table::row(size_t index) {
  return {heads_[index].labels, heads_[index].drop_name, values(index)};
}

absl::Status Table::MergeEqual() {
  absl::flat_hash_map<uint64_t, std::vector<size_t>> by_hash;
  by_hash.reserve(heads_.size());
  absl::flat_hash_map<const model::Labels*, uint64_t> half_hashes;
  const auto half_hash = [&half_hashes](const model::Labels* half) {
    const auto [it, inserted] = half_hashes.try_emplace(half, 0);
    if (inserted) it->second = half->Hash();
    return it->second;
  };
  size_t kept = 0;
  for (size_t i = 0; i < heads_.size(); ++i) {
    const model::LabelsRef labels = heads_[i].labels;
    std::vector<size_t>& same_hash = by_hash[half_hash(labels.target) + half_hash(labels.column)];
    const auto twin = std::find_if(same_hash.begin(), same_hash.end(), [&](size_t other) {
      return heads_[other].drop_name == heads_[i].drop_name &&
             EqualLabels(heads_[other].labels, labels);
    });
    if (twin == same_hash.end()) {
      if (kept != i) {
        heads_[kept] = heads_[i];
        std::copy_n(values(i).begin(), steps_, values(kept).begin());
      }
      same_hash.push_back(kept++);
      continue;
    }
    const std::span<double> into = values(*twin);
    const std::span<const double> from = values(i);
    for (size_t step = 0; step < steps_; ++step) {
      if (IsAbsent(from[step])) continue;
      if (!IsAbsent(into[step])) {
        return absl::FailedPreconditionError(
            "vector cannot contain metrics with the same labelset");
      }
      into[step] = from[step];
    }
  }
  query_->Release((heads_.size() - kept) * steps_);
  heads_.resize(kept);
  values_.resize(kept * steps_);
  return absl::OkStatus();
}

bool HasValues(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return !IsAbsent(value); });
}

bool EqualLabels(model::LabelsRef a, model::LabelsRef b) {
  if (a.target == b.target && a.column == b.column) return true;
  return a.Merge() == b.Merge();
}

}  // namespace baro::promql
