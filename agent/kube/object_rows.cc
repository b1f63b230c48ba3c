#include "object_rows.h"

#include <utility>

namespace baro::agent {

ObjectRows::ObjectRows(const Resource* resource, Options options, RowSink* sink,
                       const base::Clock* clock)
    : resource_(resource), options_(std::move(options)), sink_(sink), clock_(clock) {}

void ObjectRows::Set(const std::string& key, const kubernetes::Json& object) {
  ObjectSeries series = SeriesOf(*resource_, object, options_.labels);
  series_left_out_ += series.left_out();
  model::Labels labels = ObjectLabels(*resource_, object, options_.common);
  Entry& entry = entries_[key];
  // Another object of the same name (a new uid) is another target.
  if (entry.row != nullptr && entry.row->labels() != labels) {
    entry.row->Retire();
    entry.row = nullptr;
  }
  if (entry.row == nullptr) entry.row = std::make_unique<RowTarget>(std::move(labels), sink_);
  entry.values = series.TakeValues();
  const absl::Status status = entry.row->SetColumns(series.TakeColumns(), clock_->NowMs());
  if (!status.ok()) ++rows_refused_;
}

void ObjectRows::Remove(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  found->second.row->Retire();
  entries_.erase(found);
}

void ObjectRows::AppendAll(int64_t time_ms) {
  for (auto& [key, entry] : entries_) {
    if (entry.values.empty()) continue;
    if (!entry.row->Append(time_ms, entry.values).ok()) ++rows_refused_;
  }
}

void ObjectRows::RetireAll() {
  for (auto& [key, entry] : entries_) entry.row->Retire();
  entries_.clear();
}

ObjectRowsStats ObjectRows::stats() const {
  ObjectRowsStats stats;
  stats.objects = entries_.size();
  for (const auto& [key, entry] : entries_) stats.series += entry.values.size();
  stats.series_left_out = series_left_out_;
  stats.rows_refused = rows_refused_;
  return stats;
}

}  // namespace baro::agent
