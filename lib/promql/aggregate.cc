// Aggregations that make one row per group: sum, avg, count, min, max, group, stddev, stdvar,
// quantile. They eat rows as they come; only one cell per group and step is held.

#include <algorithm>
#include <cmath>

#include "baro/base/status.h"
#include "evaluator.h"
#include "float_math.h"
#include "group_keys.h"
#include "histogram_groups.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// A cell gathers the values of one group at one step. Empty() until the first; the order of
// operations is Prometheus'.

struct SumCell {
  double sum = kNoValue;
  double compensation = 0;

  bool Empty() const { return IsAbsent(sum); }
  void Add(double value) {
    if (Empty()) {
      sum = value;
      return;
    }
    KahanSum kahan{sum, compensation};
    kahan.Add(value);
    sum = kahan.sum;
    compensation = kahan.compensation;
  }
  double Result() const { return sum + compensation; }
};

struct AvgCell {
  KahanMean mean;

  bool Empty() const { return mean.count == 0; }
  void Add(double value) { mean.Add(value); }
  double Result() const { return mean.Mean(); }
};

struct CountCell {
  double count = 0;

  bool Empty() const { return count == 0; }
  void Add(double) { count += 1; }
  double Result() const { return count; }
};

struct GroupCell {
  bool any = false;

  bool Empty() const { return !any; }
  void Add(double) { any = true; }
  double Result() const { return 1; }
};

struct MinCell {
  double least = kNoValue;

  bool Empty() const { return IsAbsent(least); }
  void Add(double value) {
    if (least > value || std::isnan(least)) least = value;
  }
  double Result() const { return least; }
};

struct MaxCell {
  double most = kNoValue;

  bool Empty() const { return IsAbsent(most); }
  void Add(double value) {
    if (most < value || std::isnan(most)) most = value;
  }
  double Result() const { return most; }
};

// Welford's algorithm.
struct VarianceCell {
  double count = 0;
  double mean = 0;
  double squares = 0;

  bool Empty() const { return count == 0; }
  void Add(double value) {
    count += 1;
    if (count == 1) {
      mean = value;
      squares = std::isfinite(value) ? 0 : model::kNormalNan;
      return;
    }
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  double Result() const { return squares / count; }
};

struct DeviationCell : VarianceCell {
  double Result() const { return std::sqrt(VarianceCell::Result()); }
};

// The cells of all groups; a group is a run of one cell per step.
template <typename Cell>
class Cells {
 public:
  Cells(Query* query, size_t steps) : query_(query), steps_(steps) {}
  ~Cells() { query_->Release(cells_.size()); }
  Cells(const Cells&) = delete;
  Cells& operator=(const Cells&) = delete;

  absl::Status Add(size_t group, const Row& row) {
    if ((group + 1) * steps_ > cells_.size()) {
      BARO_TRY(query_->Hold((group + 1) * steps_ - cells_.size()));
      cells_.resize((group + 1) * steps_);
      drop_name_.resize(group + 1, 0);
    }
    Cell* const cells = &cells_[group * steps_];
    for (size_t step = 0; step < steps_; ++step) {
      const double value = row.values[step];
      if (!IsAbsent(value)) cells[step].Add(value);
    }
    if (row.drop_name) drop_name_[group] = 1;
    return absl::OkStatus();
  }

  bool HasValue(size_t group, size_t step) const {
    return (group + 1) * steps_ <= cells_.size() && !cells_[group * steps_ + step].Empty();
  }

  absl::Status Emit(const GroupKeys& keys, HistogramGroups* histograms, RowSink sink) {
    std::vector<double> values(steps_);
    for (size_t group = 0; group < drop_name_.size(); ++group) {
      for (size_t step = 0; step < steps_; ++step) {
        const Cell& cell = cells_[group * steps_ + step];
        values[step] = cell.Empty() ? kNoValue : cell.Result();
      }
      if (histograms->Has(group)) [[unlikely]] {
        const Row row =
            histograms->Finish(group, values, keys.labels_ref(group), drop_name_[group] != 0);
        if (HasValues(row.values)) BARO_TRY(sink(row));
        continue;
      }
      if (!HasValues(values)) continue;
      BARO_TRY(sink({keys.labels_ref(group), drop_name_[group] != 0, values}));
    }
    return absl::OkStatus();
  }

 private:
  Query* const query_;
  const size_t steps_;
  std::vector<Cell> cells_;
  std::vector<uint8_t> drop_name_;
};

bool AddsHistograms(AggregateOp op) { return op == AggregateOp::kSum || op == AggregateOp::kAvg; }

// Other aggregations than sum and avg: to count and group histograms are samples like any other,
// the rest leaves them out and says so.
void LeaveHistograms(Query* query, const AggregateExpr& aggregate, Row* row) {
  if (aggregate.op == AggregateOp::kCount || aggregate.op == AggregateOp::kGroup) return;
  if (DropHistograms(row)) {
    query->annotations().HistogramsIgnored(AggregateOpText(aggregate.op),
                                           NoteOn(*aggregate.inner, aggregate.place));
  }
}

template <typename Cell>
absl::Status AggregateWith(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink) {
  Query* const query = &evaluator->query();
  GroupKeys keys(query, GroupingOf(aggregate));
  Cells<Cell> cells(query, evaluator->grid().count);
  HistogramGroups histograms(query, aggregate, evaluator->grid().count);
  const auto take = [&](Row row) {
    const size_t group = keys.GroupOf(row.labels);
    if (!row.histograms.empty()) [[unlikely]] {
      const auto has_float = [&](size_t step) { return cells.HasValue(group, step); };
      if (AddsHistograms(aggregate.op)) {
        BARO_TRY(histograms.Take(group, has_float, &row));
      } else {
        LeaveHistograms(query, aggregate, &row);
      }
    }
    return cells.Add(group, row);
  };
  BARO_TRY(evaluator->Rows(*aggregate.inner, take));
  return cells.Emit(keys, &histograms, sink);
}

void WarnOfQuantiles(Evaluator* evaluator, const AggregateExpr& aggregate,
                     const std::vector<double>& quantiles) {
  Annotations& annotations = evaluator->query().annotations();
  const NotePlace place = NoteOn(*aggregate.parameter, aggregate.place);
  double least = INFINITY;
  double most = -INFINITY;
  bool nan = false;
  for (const double quantile : quantiles) {
    nan |= std::isnan(quantile);
    least = std::min(least, std::isnan(quantile) ? least : quantile);
    most = std::max(most, std::isnan(quantile) ? most : quantile);
  }
  if (nan) annotations.InvalidQuantile(model::kNormalNan, place);
  if (most > 1) annotations.InvalidQuantile(most, place);
  if (least < 0) annotations.InvalidQuantile(least, place);
}

// quantile needs all values of a group at once.
absl::Status QuantileRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink) {
  Query* const query = &evaluator->query();
  const size_t steps = evaluator->grid().count;
  BARO_TRY_ASSIGN(const std::vector<double> quantiles, evaluator->Scalars(*aggregate.parameter));
  GroupKeys keys(query, GroupingOf(aggregate));
  Table table(query, steps);
  std::vector<std::vector<size_t>> members;
  const auto take = [&](Row row) {
    const size_t group = keys.GroupOf(row.labels);
    LeaveHistograms(query, aggregate, &row);
    if (group >= members.size()) members.resize(group + 1);
    members[group].push_back(table.size());
    return table.Add(row);
  };
  BARO_TRY(evaluator->Rows(*aggregate.inner, take));
  WarnOfQuantiles(evaluator, aggregate, quantiles);
  std::vector<double> values(steps);
  std::vector<double> gathered;
  for (size_t group = 0; group < members.size(); ++group) {
    BARO_TRY(query->CheckAlive());
    bool drop_name = false;
    for (const size_t member : members[group]) drop_name |= table.drop_name(member);
    for (size_t step = 0; step < steps; ++step) {
      gathered.clear();
      for (const size_t member : members[group]) {
        const double value = table.values(member)[step];
        if (!IsAbsent(value)) gathered.push_back(value);
      }
      values[step] = gathered.empty() ? kNoValue : Quantile(quantiles[step], &gathered);
    }
    if (HasValues(values)) BARO_TRY(sink({keys.labels_ref(group), drop_name, values}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AggregateRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink) {
  switch (aggregate.op) {
    case AggregateOp::kSum:
      return AggregateWith<SumCell>(evaluator, aggregate, sink);
    case AggregateOp::kAvg:
      return AggregateWith<AvgCell>(evaluator, aggregate, sink);
    case AggregateOp::kCount:
      return AggregateWith<CountCell>(evaluator, aggregate, sink);
    case AggregateOp::kMin:
      return AggregateWith<MinCell>(evaluator, aggregate, sink);
    case AggregateOp::kMax:
      return AggregateWith<MaxCell>(evaluator, aggregate, sink);
    case AggregateOp::kGroup:
      return AggregateWith<GroupCell>(evaluator, aggregate, sink);
    case AggregateOp::kStddev:
      return AggregateWith<DeviationCell>(evaluator, aggregate, sink);
    case AggregateOp::kStdvar:
      return AggregateWith<VarianceCell>(evaluator, aggregate, sink);
    case AggregateOp::kQuantile:
      return QuantileRows(evaluator, aggregate, sink);
    case AggregateOp::kCountValues:
      return CountValuesRows(evaluator, aggregate, sink);
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      break;
  }
  return SelectingRows(evaluator, aggregate, sink);
}

}  // namespace baro::promql
