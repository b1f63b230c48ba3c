// Rows: instant vectors over all steps at once. A node's result is a stream of rows, one per
// series, each an array with one value per step; so a whole panel costs one pass over each series.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/sample.h"
#include "query.h"

namespace baro::promql {

// A step without a value: a quiet NaN of our own. Not the staleness marker, which is a signalling
// NaN: compilers may quieten one in a constant. Compare it with IsAbsent() and never compute with
// it.
inline constexpr uint64_t kNoValueBits = 0x7ff8ba60ba60ba62;
inline const double kNoValue = std::bit_cast<double>(kNoValueBits);
inline bool IsAbsent(double value) { return std::bit_cast<uint64_t>(value) == kNoValueBits; }

// No labels at all.
const model::Labels& NoLabels();
inline model::LabelsRef NoLabelsRef() { return {&NoLabels(), &NoLabels()}; }

// Shared: one sample is seen by several steps, and by tables on the way.
using HistogramPtr = std::shared_ptr<const model::Histogram>;

// Labels are owned by the query, or by a set it keeps. `values` belongs to the producer and may be
// overwritten by the receiver; it is valid during the call only.
struct Row {
  model::LabelsRef labels;
  // The metric name goes away when the query ends, not before: label_replace() may still read it.
  bool drop_name = false;
  std::span<double> values;
  // Empty when all values are floats, which is all that most nodes ever ask. Else as long as
  // `values`: where a value is model::kHistogramMark this is the histogram; elsewhere it means
  // nothing. Who knows floats only calls TakeFloats() or DropHistograms() first (histogram_row.h).
  std::span<HistogramPtr> histograms = {};
};

using RowSink = absl::FunctionRef<absl::Status(Row)>;

// Rows held in memory, counted against the query's limit. Move-only.
class Table {
 public:
  Table(Query* query, size_t steps) : query_(query), steps_(steps) {}
  ~Table() { query_->Release(values_.size() + histograms_held_); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Copies the row. Errors: ResourceExhausted.
  absl::Status Add(const Row& row);
  // Adds a row of absent values. Errors: ResourceExhausted.
  absl::Status AddEmpty(model::LabelsRef labels, bool drop_name);

  size_t size() const { return heads_.size(); }
  size_t steps() const { return steps_; }
  Row row(size_t index);
  std::span<double> values(size_t index) {
    return std::span(values_).subspan(index * steps_, steps_);
  }
  model::LabelsRef labels(size_t index) const { return heads_[index].labels; }
  void set_labels(size_t index, model::LabelsRef labels) { heads_[index].labels = labels; }
  bool drop_name(size_t index) const { return heads_[index].drop_name; }
  void set_drop_name(size_t index, bool drop) { heads_[index].drop_name = drop; }

  // Whether any row has histograms.
  bool has_histograms() const { return !histograms_.empty(); }
  // The histogram of a cell; null where there is a float or nothing.
  const HistogramPtr& histogram(size_t index, size_t step);
  // Sets a cell. Errors: ResourceExhausted.
  absl::Status SetHistogram(size_t index, size_t step, HistogramPtr histogram);
  // Copies the cell of a row of another table, whatever it holds. Errors: ResourceExhausted.
  absl::Status CopyCell(Table* from, size_t from_index, size_t step, size_t index);

  // Rows of equal labels (and equal drop_name) become one, in the place of the first. Two values at
  // one step are FailedPrecondition: "vector cannot contain metrics with the same labelset".
  absl::Status MergeEqual();

 private:
  struct Head {
    model::LabelsRef labels;
    bool drop_name = false;
  };

  std::vector<HistogramPtr>* HistogramsOf(size_t index);
  absl::Status MergeInto(size_t into, size_t from);

  Query* const query_;
  const size_t steps_;
  std::vector<Head> heads_;
  std::vector<double> values_;
  // Of each row up to the last one that has any; empty for rows of floats.
  std::vector<std::vector<HistogramPtr>> histograms_;
  size_t histograms_held_ = 0;
};

// Whether any step has a value.
bool HasValues(std::span<const double> values);

bool EqualLabels(model::LabelsRef a, model::LabelsRef b);

}  // namespace baro::promql
