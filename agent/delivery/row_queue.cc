#include "baro/agent/row_queue.h"

#include <algorithm>
#include <cstring>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "declaration.h"

namespace baro::agent {
namespace {

// About what a series' extras take in memory.
size_t BytesOf(const SeriesExtras& series) {
  size_t bytes = sizeof(SeriesExtras);
  for (const model::Label& label : series.labels) {
    bytes += sizeof(label) + label.name.size() + label.value.size();
  }
  bytes += series.metadata.family.size() + series.metadata.help.size();
  for (const auto& at : series.histograms) {
    bytes += sizeof(at) + 16 * (at.histogram.positive.size() + at.histogram.negative.size()) +
             8 * at.histogram.custom_bounds.size();
  }
  return bytes + 200 * series.exemplars.size();
}

}  // namespace

size_t RowQueue::HashOfHash::operator()(const model::ContentHash& hash) const {
  size_t front;
  std::memcpy(&front, hash.data(), sizeof front);
  return front;
}

absl::StatusOr<std::shared_ptr<const DeclaredLayout>> RowQueue::Intern(
    const model::Layout& layout) {
  if (layout.columns.empty() || layout.columns.size() > codec::kFrameColumnsMax) {
    return absl::InvalidArgumentError(base::StrCat("cannot declare layout: ", layout.columns.size(),
                                                   " columns, allowed are 1 to ",
                                                   codec::kFrameColumnsMax));
  }
  const model::ContentHash hash = layout.Hash();
  {
    base::MutexLock lock(&mutex_);
    if (const auto known = layouts_.find(hash); known != layouts_.end()) {
      if (auto alive = known->second.lock()) return alive;
    }
  }
  // Outside the lock: this takes milliseconds for a large layout.
  auto declared = std::make_shared<DeclaredLayout>();
  declared->hash = hash;
  declared->column_count = layout.columns.size();
  BARO_TRY_ASSIGN(declared->declarations, LayoutRecords(layout));
  base::MutexLock lock(&mutex_);
  layouts_[hash] = declared;
  return declared;
}

absl::StatusOr<TargetHandle> RowQueue::Declare(const model::Labels& target,
                                               const model::Layout& layout) {
  BARO_TRY_ASSIGN(auto declared, Intern(layout));
  const uint8_t priority = options_.priority ? options_.priority(target) : 0;
  auto entry = std::make_shared<DeclaredTarget>(target, std::move(declared), priority);
  base::MutexLock lock(&mutex_);
  if (targets_.size() >= options_.targets_max) {
    return absl::ResourceExhaustedError(base::StrCat("cannot declare target ", target.ToString(),
                                                     ": limit targets_max ", options_.targets_max,
                                                     " reached"));
  }
  const TargetHandle handle = next_handle_++;
  targets_.emplace(handle, std::move(entry));
  return handle;
}

size_t RowQueue::QueuedBytes() const {
  return queued_.values.size() * sizeof(double) + queued_.rows.size() * sizeof(QueuedRow) +
         extras_bytes_;
}

absl::Status RowQueue::Append(TargetHandle target, int64_t time_ms,
                              std::span<const double> values) {
  base::MutexLock lock(&mutex_);
  const auto found = targets_.find(target);
  if (found == targets_.end())
    return absl::NotFoundError(base::StrCat("cannot append row: no target ", target));
  DeclaredTarget* declared = found->second.get();
  if (values.size() != declared->layout->column_count) {
    return absl::InvalidArgumentError(base::StrCat("cannot append row: ", values.size(),
                                                   " values for ", declared->layout->column_count,
                                                   " columns"));
  }
  // One row always fits, or a target wider than the bound could never be delivered.
  if (!queued_.rows.empty() && QueuedBytes() + values.size_bytes() > options_.bytes_max) {
    ++stats_.rows_refused_total;
    stats_.samples_refused_total += values.size();
    return absl::ResourceExhaustedError(
        base::StrCat("cannot append row: ", options_.bytes_max, " bytes wait for the spool"));
  }
  queued_.rows.push_back(
      {.target = declared, .time_ms = time_ms, .values_begin = queued_.values.size()});
  queued_.values.insert(queued_.values.end(), values.begin(), values.end());
  ++stats_.rows_total;
  stats_.samples_total += values.size();
  return absl::OkStatus();
}

absl::Status RowQueue::AppendExtras(std::vector<SeriesExtras> extras) {
  if (extras.empty()) return absl::OkStatus();
  size_t bytes = 0;
  for (const SeriesExtras& series : extras) bytes += BytesOf(series);
  base::MutexLock lock(&mutex_);
  if (QueuedBytes() + bytes > options_.bytes_max) {
    stats_.extras_refused_total += extras.size();
    return absl::ResourceExhaustedError(
        base::StrCat("cannot append extras: ", options_.bytes_max, " bytes wait for the spool"));
  }
  extras_bytes_ += bytes;
  stats_.extras_total += extras.size();
  queued_.extras.push_back({.row = queued_.rows.size(), .series = std::move(extras)});
  return absl::OkStatus();
}

void RowQueue::Release(TargetHandle target) {
  base::MutexLock lock(&mutex_);
  const auto found = targets_.find(target);
  if (found == targets_.end()) return;
  // Rows that wait still point to it.
  queued_.released_targets.push_back(std::move(found->second));
  targets_.erase(found);
}

void RowQueue::Take(TakenRows* taken) {
  base::MutexLock lock(&mutex_);
  // A layout dies with its last target, and that one with the rows taken before: only now can it be
  // seen that they are gone.
  absl::erase_if(layouts_, [](const auto& entry) { return entry.second.expired(); });
  std::swap(*taken, queued_);
  // Extras wait for the row behind them.
  extras_bytes_ = 0;
  while (!taken->extras.empty() && taken->extras.back().row >= taken->rows.size()) {
    QueuedExtras last = std::move(taken->extras.back());
    taken->extras.pop_back();
    for (const SeriesExtras& series : last.series) extras_bytes_ += BytesOf(series);
    last.row = 0;
    queued_.extras.insert(queued_.extras.begin(), std::move(last));
  }
}

bool RowQueue::empty() const {
  base::MutexLock lock(&mutex_);
  return queued_.rows.empty() && queued_.released_targets.empty();
}

std::vector<model::ContentHash> RowQueue::LayoutHashes(size_t count_max) const {
  base::MutexLock lock(&mutex_);
  std::vector<model::ContentHash> hashes;
  for (const auto& [hash, layout] : layouts_) {
    if (hashes.size() == count_max) break;
    if (!layout.expired()) hashes.push_back(hash);
  }
  return hashes;
}

RowQueueStats RowQueue::GetStats() const {
  base::MutexLock lock(&mutex_);
  RowQueueStats stats = stats_;
  stats.bytes = QueuedBytes();
  stats.targets = targets_.size();
  stats.layouts = static_cast<uint64_t>(std::count_if(
      layouts_.begin(), layouts_.end(), [](const auto& entry) { return !entry.second.expired(); }));
  return stats;
}

}  // namespace baro::agent
