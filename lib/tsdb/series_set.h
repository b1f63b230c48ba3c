// StoredSeriesSet: a selection as the rest of the world reads it.
#pragma once

#include <atomic>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/memory_budget.h"
#include "baro/model/series_source.h"
#include "database.h"
#include "dictionary.h"
#include "selection.h"

namespace baro::tsdb {

// What a set keeps alive: it may outlive the store that made it.
struct Keep {
  std::shared_ptr<const Database> database;
  std::shared_ptr<const Dictionary> dictionary;
  std::shared_ptr<std::atomic<uint64_t>> damaged_total;
  std::shared_ptr<Quarantine> quarantine;
};

// Immutable, thread-safe.
class StoredSeriesSet final : public model::SeriesSet {
 public:
  StoredSeriesSet(Keep keep, std::unique_ptr<const Selection> selection, int64_t start_ms,
                  int64_t end_ms, std::vector<std::string> notes = {},
                  std::unique_ptr<base::MemoryShare> memory = nullptr, bool newest_only = false)
      : keep_(std::move(keep)),
        selection_(std::move(selection)),
        start_ms_(start_ms),
        end_ms_(end_ms),
        warnings_(std::move(notes)),
        memory_(std::move(memory)),
        newest_only_(newest_only) {
    for (const std::string& found : FoundWhileReading()) warnings_.push_back(found);
  }

  size_t size() const override { return selection_->series.size(); }
  model::LabelsRef labels(size_t index) const override {
    return selection_->LabelsOf(selection_->series[index]);
  }
  std::unique_ptr<model::SeriesReader> Read(size_t begin, size_t end) const override;
  const std::vector<std::string>& warnings() const override { return warnings_; }
  std::optional<uint64_t> EstimateSamples() const override;
  bool order_depends_on_range() const override { return selection_->order_varies; }

  std::vector<std::string> FoundWhileReading() const override {
    return keep_.quarantine->Warnings({start_ms_, end_ms_});
  }

  const Keep& keep() const { return keep_; }
  const Selection& selection() const { return *selection_; }
  int64_t start_ms() const { return start_ms_; }
  int64_t end_ms() const { return end_ms_; }
  // The reader may leave out all but the newest sample of a series.
  bool newest_only() const { return newest_only_; }

 private:
  const Keep keep_;
  const std::unique_ptr<const Selection> selection_;
  const int64_t start_ms_;
  const int64_t end_ms_;
  std::vector<std::string> warnings_;
  const std::unique_ptr<base::MemoryShare> memory_;  // for the labels; null: no limit
  const bool newest_only_;
};

}  // namespace baro::tsdb
