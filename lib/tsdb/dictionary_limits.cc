// What limits refuse, and the counts they go by.
#include <algorithm>
#include <string>
#include <vector>

#include "baro/base/strings.h"
#include "dictionary.h"

namespace baro::tsdb {
namespace {

// New series cost memory for as long as they are known; known ones go on.
bool IsMemoryShort(const base::MemoryBudget* memory) {
  return memory != nullptr && memory->pressure() >= base::Pressure::kRefuse;
}

}  // namespace

absl::Status Dictionary::Refuse(absl::StatusCode code, std::string_view what,
                                std::string_view limit, const std::string& name) const {
  NoteRefused(limit, 1, name);
  return {code, base::ToAbsl(base::StrCat("cannot declare ", what, name, ": over limit ", limit))};
}

void Dictionary::NoteRefused(std::string_view limit, uint64_t count,
                             const std::string& name) const {
  Stats::Refused& refused = refused_.try_emplace(std::string(limit)).first->second;
  if (refused.total == 0) refused = {std::string(limit), 0, name};
  refused.total += count;
}

std::vector<Stats::Refused> Dictionary::RefusedByLimit() const {
  base::MutexLock lock(&mutex_);
  std::vector<Stats::Refused> all;
  for (const auto& [limit, refused] : refused_) all.push_back(refused);
  return all;
}

Dictionary::Room Dictionary::RoomOf(const Usage* usage, std::string_view job) const {
  Room room;
  room.total_limit = "series_max";
  room.total = limits_.series_max - std::min<uint64_t>(limits_.series_max, series_in_use_);
  const uint64_t own = usage == nullptr ? 0 : usage->layout_series;
  const uint64_t single = usage == nullptr ? 0 : usage->single_columns.cardinality();
  room.total -= std::min(room.total, single);
  if (IsMemoryShort(memory_) && own < room.total) room = {own, "memory_limit", UINT64_MAX};
  if (limits_.series_per_job_max != 0 && !job.empty()) {
    const auto it = series_by_job_.find(base::ToAbsl(job));
    const uint64_t taken = it == series_by_job_.end() ? 0 : it->second;
    room.of_job =
        limits_.series_per_job_max - std::min<uint64_t>(limits_.series_per_job_max, taken);
  }
  return room;
}

PairId Dictionary::MetricOf(ColumnId column) const {
  for (const PairId pair : columns_.pairs(column)) {
    if (columns_.postings().name(pair) == model::kMetricName) return pair;
  }
  return UINT32_MAX;
}

void Dictionary::CountColumn(ColumnId column, int64_t by) {
  if (limits_.series_per_metric_max == 0) return;
  const PairId metric = MetricOf(column);
  uint64_t& count = series_by_metric_[metric];
  count += static_cast<uint64_t>(by);
  if (count == 0) series_by_metric_.erase(metric);
}

void Dictionary::CountSeries(Usage* usage, int64_t by) {
  series_in_use_ += static_cast<uint64_t>(by) * usage->series();
  if (limits_.series_per_job_max != 0 && !usage->job.empty()) {
    uint64_t& count = series_by_job_[usage->job];
    count += static_cast<uint64_t>(by) * usage->series();
    if (count == 0) series_by_job_.erase(usage->job);
  }
  if (limits_.series_per_metric_max == 0) return;
  if (usage->layout != nullptr) {
    for (const ColumnId column : usage->layout->columns) CountColumn(column, by);
  }
  for (const ColumnId column : usage->single_columns) CountColumn(column, by);
}

std::string_view Dictionary::SeriesLimit(const Usage* usage, const LabelHalves& halves,
                                         bool column_is_new) const {
  if (IsMemoryShort(memory_)) return "memory_limit";
  if (series_in_use_ >= limits_.series_max) return "series_max";
  if (usage != nullptr && usage->series() >= limits_.series_per_target_max) {
    return "series_per_target_max";
  }
  if (usage == nullptr && targets_.count() >= limits_.targets_max) return "targets_max";
  if (column_is_new &&
      (columns_.count() >= limits_.columns_max || columns_.size() >= kColumnNumbersMax)) {
    return "columns_max";
  }
  if (limits_.series_per_job_max != 0) {
    for (const Postings::LabelView& label : halves.target) {
      if (label.name != "job") continue;
      const auto it = series_by_job_.find(base::ToAbsl(label.value));
      if (it != series_by_job_.end() && it->second >= limits_.series_per_job_max) {
        return "series_per_job_max";
      }
    }
  }
  if (limits_.series_per_metric_max == 0) return {};
  for (const Postings::LabelView& label : halves.column) {
    if (label.name != model::kMetricName) continue;
    std::vector<PairId> metric;
    uint64_t hash = 0;
    if (!columns_.postings().Lookup({&label, 1}, &metric, &hash)) continue;
    const auto it = series_by_metric_.find(metric.front());
    if (it != series_by_metric_.end() && it->second >= limits_.series_per_metric_max) {
      return "series_per_metric_max";
    }
  }
  return {};
}

}  // namespace baro::tsdb
