// FakeStore: a tsdb::Store that keeps batches as they come and fails when told to; for tests of
// what stands in front of the store.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/interval_set.h"
#include "baro/base/mutex.h"
#include "baro/tsdb/store.h"

namespace baro::collector {

// Thread-safe. `done` runs at once, on the caller's thread; or, once held, when Release() is
// called.
class FakeStore final : public tsdb::Store {
 public:
  // The next Append() calls end with these, first come first served.
  void FailNext(absl::Status status) {
    base::MutexLock lock(&mutex_);
    verdicts_.push_back(std::move(status));
  }
  void Hold() {
    base::MutexLock lock(&mutex_);
    hold_ = true;
  }
  void Release() {
    std::vector<std::pair<tsdb::FrameBatch, tsdb::AppendDone>> held;
    {
      base::MutexLock lock(&mutex_);
      hold_ = false;
      held.swap(held_);
    }
    for (auto& [batch, done] : held) Append(std::move(batch), std::move(done));
  }
  // Forgets where every chain stands; from now on an unknown chain is taken up only at a batch
  // whose body starts with "K", the fake's key frame.
  void ForgetChains() {
    base::MutexLock lock(&mutex_);
    chains_.clear();
    strict_ = true;
  }
  void RefuseTarget(std::string label_value) {
    base::MutexLock lock(&mutex_);
    refused_value_ = std::move(label_value);
  }
  std::vector<tsdb::FrameBatch> batches() const {
    base::MutexLock lock(&mutex_);
    return batches_;
  }
  size_t held_count() const {
    base::MutexLock lock(&mutex_);
    return held_.size();
  }
  std::vector<model::Labels> targets() const {
    base::MutexLock lock(&mutex_);
    return targets_;
  }
  std::vector<model::Layout> layouts() const {
    base::MutexLock lock(&mutex_);
    return layouts_;
  }

  bool KnowsLayout(const model::ContentHash& hash) const override {
    base::MutexLock lock(&mutex_);
    return layout_ids_.contains(hash);
  }
  absl::Status DeclareLayout(const model::Layout& layout) override {
    base::MutexLock lock(&mutex_);
    layout_ids_.emplace(layout.Hash(), static_cast<tsdb::LayoutId>(layouts_.size()));
    layouts_.push_back(layout);
    return absl::OkStatus();
  }
  absl::StatusOr<tsdb::Declared> DeclareTarget(const model::Labels& labels,
                                               const model::ContentHash& layout) override {
    base::MutexLock lock(&mutex_);
    const auto known = layout_ids_.find(layout);
    if (known == layout_ids_.end()) return absl::NotFoundError("layout is not known");
    if (!refused_value_.empty() && labels.Get("instance") == refused_value_)
      return absl::ResourceExhaustedError("cannot declare target: limit series_max reached");
    targets_.push_back(labels);
    return tsdb::Declared{.target = static_cast<tsdb::TargetId>(targets_.size() - 1),
                          .layout = known->second,
                          .rejected = {}};
  }
  std::vector<tsdb::SequenceRange> StoredSequences(const tsdb::AgentId& agent) const override {
    base::MutexLock lock(&mutex_);
    std::vector<tsdb::SequenceRange> ranges;
    if (const auto found = stored_.find(agent); found != stored_.end()) {
      for (const base::Interval& range : found->second.intervals())
        ranges.push_back({range.first, range.last});
    }
    return ranges;
  }
  void Append(tsdb::FrameBatch batch, tsdb::AppendDone done) override {
    tsdb::AppendResult result;
    {
      base::MutexLock lock(&mutex_);
      if (hold_) {
        held_.emplace_back(std::move(batch), std::move(done));
        return;
      }
      result = Take(std::move(batch));
    }
    done(result);
  }

  // Not asked by what is tested here.
  absl::StatusOr<tsdb::SeriesId> DeclareSeries(const model::Labels&) override { return Unused(); }
  void Describe(const std::vector<model::Metadata>&) override {}
  void Append(tsdb::SampleBatch, tsdb::AppendDone done) override {
    tsdb::AppendResult result;
    result.status = Unused();
    done(result);
  }
  absl::Status Maintain(bool) override { return absl::OkStatus(); }
  tsdb::Stats GetStats() const override { return {}; }
  tsdb::Cardinality GetCardinality(size_t) const override { return {}; }
  absl::Status Close() override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest&) const override {
    return Unused();
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return Unused();
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return Unused();
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return {};
  }

 private:
  static absl::Status Unused() { return absl::UnimplementedError("not in the fake"); }

  tsdb::AppendResult Take(tsdb::FrameBatch batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    tsdb::AppendResult result;
    if (!verdicts_.empty()) {
      result.status = verdicts_.front();
      verdicts_.pop_front();
      if (!result.status.ok()) return result;
    }
    const uint64_t last = batch.first_sequence + batch.targets.size() - 1;
    const auto key = std::pair(batch.agent, batch.chain);
    const auto chain = chains_.find(key);
    const bool starts = !strict_ || batch.body.starts_with("K");
    const bool goes_on = chain != chains_.end() && batch.first_sequence <= chain->second;
    if (!starts && !goes_on) {
      result.status = absl::FailedPreconditionError("the chain's state is not known");
      return result;
    }
    chains_[key] = last + 1;
    base::IntervalSet& stored = stored_[batch.agent];
    (stored.Covers({batch.first_sequence, last}) ? result.duplicate : result.stored) =
        batch.targets.size();
    stored.Add({batch.first_sequence, last});
    batches_.push_back(std::move(batch));
    return result;
  }

  mutable base::Mutex mutex_;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool strict_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::pair<tsdb::FrameBatch, tsdb::AppendDone>> held_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::Status> verdicts_ ABSL_GUARDED_BY(mutex_);
  std::string refused_value_ ABSL_GUARDED_BY(mutex_);
  std::vector<tsdb::FrameBatch> batches_ ABSL_GUARDED_BY(mutex_);
  std::vector<model::Labels> targets_ ABSL_GUARDED_BY(mutex_);
  std::vector<model::Layout> layouts_ ABSL_GUARDED_BY(mutex_);
  std::map<model::ContentHash, tsdb::LayoutId> layout_ids_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<tsdb::AgentId, uint64_t>, uint64_t> chains_ ABSL_GUARDED_BY(mutex_);
  std::map<tsdb::AgentId, base::IntervalSet> stored_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::collector
