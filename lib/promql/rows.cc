#include "rows.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/status.h"
#include "histogram_row.h"

namespace baro::promql {

const model::Labels& NoLabels() {
  static const auto* const none = new model::Labels();
  return *none;
}

absl::Status Table::Add(const Row& row) {
  BARO_TRY(query_->Hold(row.values.size()));
  heads_.push_back({row.labels, row.drop_name});
  values_.insert(values_.end(), row.values.begin(), row.values.end());
  if (row.histograms.empty()) [[likely]] {
    return absl::OkStatus();
  }
  for (size_t step = 0; step < steps_; ++step) {
    if (!model::IsHistogramMark(row.values[step])) continue;
    BARO_TRY(SetHistogram(heads_.size() - 1, step, row.histograms[step]));
  }
  return absl::OkStatus();
}

absl::Status Table::AddEmpty(model::LabelsRef labels, bool drop_name) {
  BARO_TRY(query_->Hold(steps_));
  heads_.push_back({labels, drop_name});
  values_.resize(values_.size() + steps_, kNoValue);
  return absl::OkStatus();
}

Row Table::row(size_t index) {
  Row row{heads_[index].labels, heads_[index].drop_name, values(index)};
  if (index < histograms_.size()) row.histograms = histograms_[index];
  return row;
}

const HistogramPtr& Table::histogram(size_t index, size_t step) {
  static const auto* const none = new HistogramPtr();
  const bool there = index < histograms_.size() && !histograms_[index].empty() &&
                     model::IsHistogramMark(values_[index * steps_ + step]);
  return there ? histograms_[index][step] : *none;
}

std::vector<HistogramPtr>* Table::HistogramsOf(size_t index) {
  if (index >= histograms_.size()) histograms_.resize(index + 1);
  if (histograms_[index].empty()) histograms_[index].resize(steps_);
  return &histograms_[index];
}

absl::Status Table::SetHistogram(size_t index, size_t step, HistogramPtr histogram) {
  const size_t cost = SamplesOf(*histogram);
  BARO_TRY(query_->Hold(cost));
  histograms_held_ += cost;
  values_[index * steps_ + step] = model::kHistogramMark;
  (*HistogramsOf(index))[step] = std::move(histogram);
  return absl::OkStatus();
}

absl::Status Table::CopyCell(Table* from, size_t from_index, size_t step, size_t index) {
  const HistogramPtr& histogram = from->histogram(from_index, step);
  if (histogram != nullptr) return SetHistogram(index, step, histogram);
  values_[index * steps_ + step] = from->values(from_index)[step];
  return absl::OkStatus();
}

absl::Status Table::MergeInto(size_t into, size_t from) {
  const std::span<double> target = values(into);
  const std::span<double> source = values(from);
  for (size_t step = 0; step < steps_; ++step) {
    if (IsAbsent(source[step])) continue;
    if (!IsAbsent(target[step])) {
      return absl::FailedPreconditionError("vector cannot contain metrics with the same labelset");
    }
    if (histogram(from, step) != nullptr) {
      (*HistogramsOf(into))[step] = histograms_[from][step];
    }
    target[step] = source[step];
  }
  return absl::OkStatus();
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
    if (twin != same_hash.end()) {
      BARO_TRY(MergeInto(*twin, i));
      continue;
    }
    if (kept != i) {
      heads_[kept] = heads_[i];
      std::copy_n(values(i).begin(), steps_, values(kept).begin());
      if (i < histograms_.size()) histograms_[kept] = std::move(histograms_[i]);
    }
    same_hash.push_back(kept++);
  }
  query_->Release((heads_.size() - kept) * steps_);
  heads_.resize(kept);
  values_.resize(kept * steps_);
  if (histograms_.size() > kept) histograms_.resize(kept);
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
