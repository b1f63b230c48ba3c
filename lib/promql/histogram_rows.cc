#include "histogram_rows.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "float_math.h"
#include "group_keys.h"
#include "histogram_math.h"
#include "range_call.h"

namespace baro::promql {
namespace {

using model::Histogram;

// The histograms of one row, and which steps have one.
class Cells {
 public:
  explicit Cells(size_t steps) : histograms_(steps), pointers_(steps) {}

  void Set(size_t step, Histogram histogram) {
    histograms_[step] = std::move(histogram);
    pointers_[step] = &histograms_[step];
    any_ = true;
  }
  void Clear() {
    std::fill(pointers_.begin(), pointers_.end(), nullptr);
    any_ = false;
  }
  bool any() const { return any_; }
  std::span<const Histogram* const> pointers() const { return pointers_; }

 private:
  std::vector<Histogram> histograms_;
  std::vector<const Histogram*> pointers_;
  bool any_ = false;
};

absl::Status SelectorHistograms(Evaluator* evaluator, const VectorSelector& selector,
                                HistogramSink sink) {
  Query& query = evaluator->query();
  const WindowSpec spec = InstantSpec(selector, evaluator->grid(), query.lookback_ms());
  WindowCache cache(spec);
  std::vector<const Histogram*> row(evaluator->grid().count);
  const auto one = [&](model::LabelsRef labels, const model::SeriesView& view) {
    if (view.histograms.empty()) return absl::OkStatus();
    const WindowBounds& bounds = cache.Bounds(view.times_ms);
    size_t present = 0;
    for (size_t step = 0; step < row.size(); ++step) {
      const uint32_t last = bounds.last[step];
      row[step] = last > bounds.first[step] ? view.histograms[last - 1] : nullptr;
      present += row[step] != nullptr ? 1 : 0;
    }
    query.CountRead(present);
    return present == 0 ? absl::OkStatus() : sink({labels, false, row});
  };
  return ReadBoth(&query, selector.matchers, spec.FirstMs(), spec.LastMs(), one);
}

// rate, increase and delta of the histograms of one series.
class HistogramRate {
 public:
  HistogramRate(Evaluator* evaluator, const Call& call, const WindowSpec& spec)
      : annotations_(&evaluator->query().annotations()),
        place_(call.args[0]->place),
        spec_(spec),
        cache_(spec),
        counter_(call.function->id != FunctionId::kDelta),
        per_second_(call.function->id == FunctionId::kRate),
        cells_(evaluator->grid().count) {}

  // Copies what the windows need of a series: no stale markers.
  void Begin(model::LabelsRef labels, const model::SeriesView& view) {
    name_ = labels.Get(model::kMetricName);
    times_ms_.clear();
    samples_.clear();
    for (size_t i = 0; i < view.values.size(); ++i) {
      if (model::IsStaleNan(view.values[i])) continue;
      times_ms_.push_back(view.times_ms[i]);
      samples_.push_back(view.histograms[i]);
    }
    resets_.assign(samples_.size(), 0);
    for (size_t i = 1; counter_ && i < samples_.size(); ++i) {
      const bool both = samples_[i] != nullptr && samples_[i - 1] != nullptr;
      resets_[i] = both && DetectReset(*samples_[i - 1], *samples_[i]) ? 1 : 0;
    }
    cache_.Forget();
    cells_.Clear();
  }

  const Cells& Compute() {
    const WindowBounds& bounds = cache_.Bounds(times_ms_);
    for (size_t step = 0; step < bounds.first.size(); ++step) {
      const size_t first = bounds.first[step];
      const size_t last = bounds.last[step];
      if (last < first + 2 || !IsUniform(first, last)) continue;
      if (auto histogram = Increase(first, last)) {
        ScaleHistogram(Factor(first, last, spec_.End(step)), &*histogram);
        cells_.Set(step, *std::move(histogram));
      }
    }
    return cells_;
  }

 private:
  // Histograms alone, and such that can be subtracted. Floats alone are the other walk's.
  bool IsUniform(size_t first, size_t last) {
    size_t histograms = 0;
    size_t custom = 0;
    size_t gauges = 0;
    // A first sample before a reset counts for nothing.
    const size_t from = resets_[first + 1] != 0 ? first + 1 : first;
    for (size_t i = first; i < last; ++i) {
      if (samples_[i] == nullptr) continue;
      ++histograms;
      gauges += samples_[i]->reset_hint == model::ResetHint::kGauge ? 1 : 0;
      custom += i >= from && samples_[i]->has_custom_bounds() ? 1 : 0;
    }
    if (histograms == 0) return false;
    if (histograms < last - first) {
      annotations_->WarnOfMetric("encountered a mix of histograms and floats for metric name",
                                 name_, place_);
      return false;
    }
    if (custom != 0 && custom != last - from) {
      annotations_->WarnOfMetric(
          "vector contains a mix of histograms with exponential and custom buckets schemas for "
          "metric name",
          name_, place_);
      return false;
    }
    if (counter_ && gauges != 0) {
      annotations_->WarnOfMetric("this native histogram metric is not a counter:", name_, place_);
    }
    if (!counter_ && gauges != histograms) {
      annotations_->WarnOfMetric("this native histogram metric is not a gauge:", name_, place_);
    }
    return true;
  }

  std::optional<Histogram> Increase(size_t first, size_t last) {
    Histogram result = *samples_[last - 1];
    const size_t from = resets_[first + 1] != 0 ? first + 1 : first;
    for (size_t i = from; counter_ && i < last; ++i) ReduceSchema(samples_[i]->schema, &result);
    bool added = resets_[first + 1] != 0 || AddHistogram(*samples_[first], -1, &result);
    for (size_t i = first + 2; i < last && added; ++i) {
      if (resets_[i] != 0) added = AddHistogram(*samples_[i - 1], 1, &result);
    }
    if (!added) {
      annotations_->WarnOfMetric(
          "vector contains histograms with incompatible custom buckets for metric name", name_,
          place_);
      return std::nullopt;
    }
    result.reset_hint = model::ResetHint::kGauge;
    return result;
  }

  // As for floats, but that nothing keeps a counter from being thought below zero.
  double Factor(size_t first, size_t last, int64_t end_ms) const {
    const double sampled = SecondsOf(times_ms_[last - 1] - times_ms_[first]);
    const double gap = sampled / static_cast<double>(last - first - 1);
    double to_start = SecondsOf(times_ms_[first] - (end_ms - spec_.range_ms));
    double to_end = SecondsOf(end_ms - times_ms_[last - 1]);
    if (to_start >= gap * 1.1) to_start = gap / 2;
    if (to_end >= gap * 1.1) to_end = gap / 2;
    const double factor = (sampled + to_start + to_end) / sampled;
    return per_second_ ? factor / SecondsOf(spec_.range_ms) : factor;
  }

  Annotations* const annotations_;
  const Place place_;
  const WindowSpec spec_;
  WindowCache cache_;
  const bool counter_;
  const bool per_second_;
  Cells cells_;
  std::string_view name_;
  std::vector<int64_t> times_ms_;
  std::vector<const Histogram*> samples_;  // null: a float
  std::vector<uint8_t> resets_;            // since the sample before
};

absl::Status RateHistograms(Evaluator* evaluator, const Call& call, HistogramSink sink) {
  const Expr& range = Unwrap(*call.args[0]);
  const WindowSpec spec = evaluator->SpecOf(range);
  HistogramRate rate(evaluator, call, spec);
  const auto one = [&](model::LabelsRef labels, const model::SeriesView& view) {
    if (view.histograms.empty()) return absl::OkStatus();
    rate.Begin(labels, view);
    BARO_TRY(evaluator->query().CheckAlive());
    const Cells& cells = rate.Compute();
    return cells.any() ? sink({labels, true, cells.pointers()}) : absl::OkStatus();
  };
  return ReadBoth(&evaluator->query(), As<MatrixSelector>(range).selector->matchers, spec.FirstMs(),
                  spec.LastMs(), one);
}

// sum and avg of the histograms of each group.
class HistogramGroups {
 public:
  HistogramGroups(Evaluator* evaluator, const AggregateExpr& aggregate)
      : query_(&evaluator->query()),
        place_(aggregate.inner->place),
        average_(aggregate.op == AggregateOp::kAvg),
        steps_(evaluator->grid().count),
        keys_(query_, GroupingOf(aggregate)) {}

  absl::Status Add(const HistogramRow& row) {
    const size_t group = keys_.GroupOf(row.labels);
    if (group >= groups_.size()) groups_.resize(group + 1);
    Group& cells = groups_[group];
    if (cells.sums.empty()) {
      cells.sums.resize(steps_);
      cells.counts.resize(steps_);
    }
    cells.drop_name |= row.drop_name;
    for (size_t step = 0; step < steps_; ++step) {
      if (row.histograms[step] == nullptr) continue;
      BARO_TRY(AddTo(row.labels, *row.histograms[step], ++cells.counts[step], &cells.sums[step]));
    }
    return absl::OkStatus();
  }

  absl::Status Emit(HistogramSink sink) const {
    std::vector<const Histogram*> row(steps_);
    for (size_t group = 0; group < groups_.size(); ++group) {
      const Group& cells = groups_[group];
      for (size_t step = 0; step < steps_; ++step) {
        const bool there = !cells.sums.empty() && cells.counts[step] > 0 && cells.sums[step];
        row[step] = there ? &*cells.sums[step] : nullptr;
      }
      BARO_TRY(sink({keys_.labels_ref(group), cells.drop_name, row}));
    }
    return absl::OkStatus();
  }

 private:
  struct Group {
    bool drop_name = false;
    // Without a value although the count is positive: they did not fit together.
    std::vector<std::optional<Histogram>> sums;
    std::vector<uint32_t> counts;
  };

  absl::Status AddTo(model::LabelsRef labels, const Histogram& histogram, uint32_t count,
                     std::optional<Histogram>* sum) {
    if (count == 1) {
      *sum = histogram;
      return query_->Hold(4 + histogram.positive.size() + histogram.negative.size());
    }
    if (!sum->has_value()) return absl::OkStatus();
    bool added = false;
    if (average_) {
      Histogram difference = histogram;
      Histogram share = **sum;
      DivideHistogram(count, &difference);
      DivideHistogram(count, &share);
      added = AddHistogram(share, -1, &difference) && AddHistogram(difference, 1, &**sum);
    } else {
      added = AddHistogram(histogram, 1, &**sum);
    }
    if (added) return absl::OkStatus();
    query_->annotations().WarnOfMetric(
        histogram.has_custom_bounds() != (*sum)->has_custom_bounds()
            ? "vector contains a mix of histograms with exponential and custom buckets schemas for "
              "metric name"
            : "vector contains histograms with incompatible custom buckets for metric name",
        labels.Get(model::kMetricName), place_);
    sum->reset();
    return absl::OkStatus();
  }

  Query* const query_;
  const Place place_;
  const bool average_;
  const size_t steps_;
  GroupKeys keys_;
  std::vector<Group> groups_;
};

absl::Status AggregateHistograms(Evaluator* evaluator, const AggregateExpr& aggregate,
                                 HistogramSink sink) {
  HistogramGroups groups(evaluator, aggregate);
  BARO_TRY(HistogramRows(evaluator, *aggregate.inner,
                         [&](const HistogramRow& row) { return groups.Add(row); }));
  return groups.Emit(sink);
}

absl::Status SignedHistograms(Evaluator* evaluator, const UnaryExpr& unary, HistogramSink sink) {
  if (!unary.negate) return HistogramRows(evaluator, *unary.inner, sink);
  Cells cells(evaluator->grid().count);
  return HistogramRows(evaluator, *unary.inner, [&](const HistogramRow& row) {
    cells.Clear();
    for (size_t step = 0; step < row.histograms.size(); ++step) {
      if (row.histograms[step] == nullptr) continue;
      Histogram result = *row.histograms[step];
      ScaleHistogram(-1, &result);
      cells.Set(step, std::move(result));
    }
    return sink({row.labels, true, cells.pointers()});
  });
}

// Which side of a multiplication or division has the histograms; null for any other operation.
const Expr* ScaledSide(const BinaryExpr& binary) {
  const bool left = binary.lhs->type == ValueType::kVector;
  const Expr* other = left ? binary.rhs.get() : binary.lhs.get();
  if (other->type != ValueType::kScalar) return nullptr;
  if (binary.op == BinaryOp::kDiv && !left) return nullptr;
  if (binary.op != BinaryOp::kMul && binary.op != BinaryOp::kDiv) return nullptr;
  return left ? binary.lhs.get() : binary.rhs.get();
}

absl::Status ScaledHistograms(Evaluator* evaluator, const BinaryExpr& binary, HistogramSink sink) {
  const Expr* scaled = ScaledSide(binary);
  const Expr& other = scaled == binary.lhs.get() ? *binary.rhs : *binary.lhs;
  BARO_TRY_ASSIGN(const std::vector<double> factors, evaluator->Scalars(other));
  Cells cells(factors.size());
  return HistogramRows(evaluator, *scaled, [&](const HistogramRow& row) {
    cells.Clear();
    for (size_t step = 0; step < factors.size(); ++step) {
      if (row.histograms[step] == nullptr) continue;
      Histogram result = *row.histograms[step];
      if (binary.op == BinaryOp::kDiv) {
        DivideHistogram(factors[step], &result);
      } else {
        ScaleHistogram(factors[step], &result);
      }
      cells.Set(step, std::move(result));
    }
    return sink({row.labels, true, cells.pointers()});
  });
}

}  // namespace

bool MayBeHistograms(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kParen:
      return MayBeHistograms(*As<ParenExpr>(expr).inner);
    case Expr::Kind::kUnary:
      return MayBeHistograms(*As<UnaryExpr>(expr).inner);
    case Expr::Kind::kVectorSelector:
      return true;
    case Expr::Kind::kAggregate: {
      const auto& aggregate = As<AggregateExpr>(expr);
      const bool known = aggregate.op == AggregateOp::kSum || aggregate.op == AggregateOp::kAvg;
      return known && MayBeHistograms(*aggregate.inner);
    }
    case Expr::Kind::kBinary: {
      const Expr* scaled = ScaledSide(As<BinaryExpr>(expr));
      return scaled != nullptr && MayBeHistograms(*scaled);
    }
    case Expr::Kind::kCall: {
      const auto& call = As<Call>(expr);
      const FunctionId id = call.function->id;
      if (id != FunctionId::kRate && id != FunctionId::kIncrease && id != FunctionId::kDelta) {
        return false;
      }
      const Expr& range = Unwrap(*call.args[0]);
      if (range.kind != Expr::Kind::kMatrixSelector) return false;
      const VectorSelector& selector = *As<MatrixSelector>(range).selector;
      return !selector.anchored && !selector.smoothed;
    }
    default:
      return false;
  }
}

absl::Status HistogramRows(Evaluator* evaluator, const Expr& expr, HistogramSink sink) {
  if (!MayBeHistograms(expr)) return absl::OkStatus();
  switch (expr.kind) {
    case Expr::Kind::kParen:
      return HistogramRows(evaluator, *As<ParenExpr>(expr).inner, sink);
    case Expr::Kind::kUnary:
      return SignedHistograms(evaluator, As<UnaryExpr>(expr), sink);
    case Expr::Kind::kVectorSelector:
      return SelectorHistograms(evaluator, As<VectorSelector>(expr), sink);
    case Expr::Kind::kAggregate:
      return AggregateHistograms(evaluator, As<AggregateExpr>(expr), sink);
    case Expr::Kind::kBinary:
      return ScaledHistograms(evaluator, As<BinaryExpr>(expr), sink);
    default:
      return RateHistograms(evaluator, As<Call>(expr), sink);
  }
}

absl::Status WithHistograms(Evaluator* evaluator, const Expr& expr,
                            absl::FunctionRef<absl::Status()> floats, HistogramSink histograms) {
  Query& query = evaluator->query();
  const size_t met = query.histograms_met();
  BARO_TRY(floats());
  if (query.histograms_met() == met || !MayBeHistograms(expr)) return absl::OkStatus();
  query.TakeHistograms(met);
  return HistogramRows(evaluator, expr, histograms);
}

absl::Status HistogramRanges(Evaluator* evaluator, const MatrixSelector& matrix,
                             absl::FunctionRef<absl::Status(const HistogramSamples&)> sink) {
  const WindowSpec spec = evaluator->SpecOf(matrix);
  WindowCache cache(spec);
  const auto one = [&](model::LabelsRef labels, const model::SeriesView& view) {
    if (view.histograms.empty()) return absl::OkStatus();
    const WindowBounds& bounds = cache.Bounds(view.times_ms);
    const size_t first = bounds.first[0];
    const size_t count = bounds.last[0] - first;
    return sink(
        {labels, view.times_ms.subspan(first, count), view.histograms.subspan(first, count)});
  };
  return ReadBoth(&evaluator->query(), matrix.selector->matchers, spec.FirstMs(), spec.LastMs(),
                  one);
}

}  // namespace baro::promql
