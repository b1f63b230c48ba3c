// RowTarget: one target of many alike (a container, a pod, a Deployment): its declaration, what
// happens when its columns change, and its end.
//
// Keeps 8 bytes a column, not the columns: a node has hundreds of these, a cluster a hundred
// thousand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "baro/agent/row_sink.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"

namespace baro::agent {

// Thread-compatible. The destructor releases without stale markers (the agent comes back).
class RowTarget {
 public:
  // `sink` outlives it.
  RowTarget(model::Labels labels, RowSink* sink) : labels_(std::move(labels)), sink_(sink) {}
  ~RowTarget();
  RowTarget(const RowTarget&) = delete;
  RowTarget& operator=(const RowTarget&) = delete;

  // Declares these columns, unless they are the declared ones. Columns that are gone become stale
  // at `time_ms`. Errors: as RowSink::Declare(); the target is undeclared then.
  absl::Status SetColumns(std::vector<model::Column> columns, int64_t time_ms);
  // Errors: FailedPrecondition (no columns), and as RowSink::Append().
  absl::Status Append(int64_t time_ms, std::span<const double> values);
  // The object is gone for good: marks its series stale, right behind the last row.
  void Retire();

  bool declared() const { return declared_; }
  size_t column_count() const { return column_hashes_.size(); }
  const model::Labels& labels() const { return labels_; }

 private:
  void AppendStale(int64_t time_ms, const std::vector<uint64_t>& remaining);
  void Release();

  const model::Labels labels_;
  RowSink* const sink_;
  TargetHandle target_ = 0;
  bool declared_ = false;
  std::vector<uint64_t> column_hashes_;  // of the declared layout, in its order
  int64_t last_time_ms_ = 0;
};

}  // namespace baro::agent
