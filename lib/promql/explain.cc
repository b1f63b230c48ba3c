#include "baro/promql/explain.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"
#include "describe.h"
#include "evaluator.h"
#include "group_keys.h"
#include "reach.h"

namespace baro::promql {
namespace {

// Measured on a Xeon of 2.1 GHz, promql_bench: what a sample costs to decode and what to look at, a
// series to find and label, a point to write.
constexpr double kSecondsPerRead = 6e-9;
constexpr double kSecondsPerSample = 1.5e-9;
constexpr double kSecondsPerSeries = 4e-7;
constexpr double kSecondsPerPoint = 6e-8;
constexpr double kSecondsPerQuery = 5e-5;
// Eight bytes in a table and room to grow; the same sample in the result; its text.
constexpr uint64_t kBytesPerHeld = 16;
constexpr uint64_t kBytesPerPoint = 16 + 26;
// Beyond, groups are guessed instead of counted: one label set a series is fetched for it.
constexpr size_t kLabelledMax = 200'000;
// What [5m:] means.
constexpr int64_t kDefaultStepMs = 60'000;

using LabelList = std::vector<model::LabelsRef>;

// What a node is expected to give.
struct Rows {
  int64_t series = 0;
  std::shared_ptr<const LabelList> labels;  // null: not known
};

class Estimator {
 public:
  Estimator(Query* query, Explanation* explanation) : query_(query), out_(explanation) {}

  absl::StatusOr<Rows> Visit(const Expr& expr, const StepGrid& grid, PlanNode* node);
  int64_t held_max() const { return held_max_; }
  int64_t series_max() const { return series_max_; }

 private:
  absl::StatusOr<Rows> VisitSelector(const VectorSelector& selector, const WindowSpec& spec,
                                     PlanNode* node);
  absl::StatusOr<Rows> VisitChildren(const Expr& expr, const StepGrid& grid, PlanNode* node);
  absl::StatusOr<Rows> VisitSubquery(const SubqueryExpr& subquery, const StepGrid& grid,
                                     PlanNode* node);
  Rows Group(const AggregateExpr& aggregate, const Rows& inner);
  Rows Combine(const BinaryExpr& binary, const Rows& lhs, const Rows& rhs) const;
  // Rows that a node keeps at once.
  void Hold(int64_t rows, const StepGrid& grid) {
    held_ += rows * static_cast<int64_t>(grid.count);
    held_max_ = std::max(held_max_, held_);
  }

  Query* const query_;
  Explanation* const out_;
  int64_t held_ = 0;
  int64_t held_max_ = 0;
  int64_t series_max_ = 0;  // of one selector
};

absl::StatusOr<Rows> Estimator::Visit(const Expr& expr, const StepGrid& grid, PlanNode* node) {
  BARO_TRY(query_->CheckAlive());
  node->node = NodeName(expr);
  node->text = NodeText(expr);
  node->expression = ShortText(expr);
  // Evaluated once, and repeated.
  if (expr.step_invariant && grid.count > 1) {
    return Visit(expr, {grid.start_ms, grid.step_ms, 1}, node);
  }
  Rows rows;
  if (expr.kind == Expr::Kind::kVectorSelector) {
    const auto& selector = As<VectorSelector>(expr);
    BARO_TRY_ASSIGN(
        rows, VisitSelector(selector, InstantSpec(selector, grid, query_->lookback_ms()), node));
  } else if (expr.kind == Expr::Kind::kMatrixSelector) {
    const WindowSpec spec = Evaluator(query_, grid).SpecOf(expr);
    BARO_TRY_ASSIGN(rows, VisitSelector(*As<MatrixSelector>(expr).selector, spec, node));
  } else if (expr.kind == Expr::Kind::kSubquery) {
    BARO_TRY_ASSIGN(rows, VisitSubquery(As<SubqueryExpr>(expr), grid, node));
  } else {
    BARO_TRY_ASSIGN(rows, VisitChildren(expr, grid, node));
  }
  node->series = rows.series;
  return rows;
}

absl::StatusOr<Rows> Estimator::VisitSelector(const VectorSelector& selector,
                                              const WindowSpec& spec, PlanNode* node) {
  model::SelectRequest request;
  request.start_ms = spec.FirstMs() + 1;
  request.end_ms = spec.LastMs();
  request.matchers = selector.matchers;
  Rows rows;
  if (request.start_ms > request.end_ms) return rows;
  BARO_TRY_ASSIGN(const model::SeriesSet* const set, query_->Select(request));
  rows.series = static_cast<int64_t>(set->size());
  const auto steps = static_cast<int64_t>(spec.grid.count);
  const int64_t read = static_cast<int64_t>(set->EstimateSamples().value_or(set->size()));
  // A sample is seen by every step whose window it is in; of an instant selector's window only the
  // newest counts.
  const double windows =
      steps == 1
          ? 1.0
          : std::max(static_cast<double>(spec.range_ms) / static_cast<double>(spec.grid.step_ms),
                     1e-3);
  const auto seen = static_cast<int64_t>(static_cast<double>(read) * windows);
  const bool whole_windows = node->node == "RangeSelector";
  node->samples = whole_windows ? seen : std::min(seen, rows.series * steps);
  out_->series += rows.series;
  out_->samples += node->samples;
  out_->samples_read += read;
  series_max_ = std::max(series_max_, rows.series);
  if (set->size() <= kLabelledMax) {
    auto labels = std::make_shared<LabelList>();
    labels->reserve(set->size());
    for (size_t i = 0; i < set->size(); ++i) labels->push_back(set->labels(i));
    rows.labels = std::move(labels);
  }
  return rows;
}

absl::StatusOr<Rows> Estimator::VisitSubquery(const SubqueryExpr& subquery, const StepGrid& grid,
                                              PlanNode* node) {
  const WindowSpec spec = Evaluator(query_, grid).SpecOf(subquery);
  const int64_t step_ms = subquery.step_ms > 0 ? subquery.step_ms : kDefaultStepMs;
  StepGrid inner{spec.FirstMs() / step_ms * step_ms, step_ms, 1};
  inner.count =
      static_cast<size_t>(std::max<int64_t>(spec.LastMs() - inner.start_ms, 0) / step_ms) + 1;
  BARO_TRY_ASSIGN(Rows rows, Visit(*subquery.inner, inner, &node->children.emplace_back()));
  const double windows = static_cast<double>(spec.range_ms) / static_cast<double>(step_ms) *
                         static_cast<double>(grid.count);
  node->samples = static_cast<int64_t>(windows * static_cast<double>(rows.series));
  out_->samples += node->samples;
  return rows;
}

absl::StatusOr<Rows> Estimator::VisitChildren(const Expr& expr, const StepGrid& grid,
                                              PlanNode* node) {
  const int64_t held_before = held_;
  std::vector<Rows> inputs;
  // Children() is for passes and wants a tree it may change; nothing is changed here.
  for (const Expr* child : Children(const_cast<Expr&>(expr))) {  // NOLINT(*-const-cast)
    BARO_TRY_ASSIGN(Rows rows, Visit(*child, grid, &node->children.emplace_back()));
    if (child->type == ValueType::kVector || child->type == ValueType::kMatrix) {
      inputs.push_back(std::move(rows));
    }
  }
  Rows rows = inputs.empty() ? Rows() : inputs[0];
  if (expr.kind == Expr::Kind::kAggregate) {
    const auto& aggregate = As<AggregateExpr>(expr);
    rows = Group(aggregate, inputs.back());
    const bool keeps_input =
        aggregate.op >= AggregateOp::kQuantile && aggregate.op != AggregateOp::kCountValues;
    Hold((keeps_input ? inputs.back().series : 0) + 2 * rows.series, grid);
  } else if (expr.kind == Expr::Kind::kBinary && inputs.size() == 2) {
    rows = Combine(As<BinaryExpr>(expr), inputs[0], inputs[1]);
    Hold(inputs[0].series + inputs[1].series, grid);
  } else if (expr.kind == Expr::Kind::kCall && expr.type == ValueType::kScalar) {
    rows = Rows();
  } else if (expr.kind == Expr::Kind::kCall && inputs.empty()) {
    rows.series = 1;  // vector(1)
  }
  held_ = held_before;
  return rows;
}

Rows Estimator::Group(const AggregateExpr& aggregate, const Rows& inner) {
  using Op = AggregateOp;
  if (aggregate.op == Op::kLimitRatio || aggregate.op == Op::kCountValues) return inner;
  const bool chooses =
      aggregate.op == Op::kTopk || aggregate.op == Op::kBottomk || aggregate.op == Op::kLimitk;
  Rows groups;
  groups.series = std::min<int64_t>(inner.series, 1);
  const bool one_group = !aggregate.without && aggregate.grouping.empty();
  if (inner.labels != nullptr) {
    GroupKeys keys(query_, GroupingOf(aggregate));
    auto labels = std::make_shared<LabelList>();
    for (const model::LabelsRef& one : *inner.labels) {
      const size_t group = keys.GroupOf(one);
      if (group == labels->size()) {
        labels->push_back({query_->Keep(keys.labels(group)), &NoLabels()});
      }
    }
    groups.series = static_cast<int64_t>(labels->size());
    groups.labels = std::move(labels);
  } else if (!one_group) {
    groups.series = inner.series;  // not known: as many as there can be
  }
  if (!chooses) return groups;
  const Expr& parameter = Unwrap(*aggregate.parameter);
  double k = 10;
  if (parameter.kind == Expr::Kind::kNumber) k = As<NumberLiteral>(parameter).value;
  const double chosen = std::max(k, 0.0) * static_cast<double>(groups.series);
  Rows rows;
  rows.series = static_cast<int64_t>(std::min(chosen, static_cast<double>(inner.series)));
  return rows;
}

Rows Estimator::Combine(const BinaryExpr& binary, const Rows& lhs, const Rows& rhs) const {
  switch (binary.op) {
    case BinaryOp::kAnd:
    case BinaryOp::kUnless:
      return lhs;
    case BinaryOp::kOr:
      return {lhs.series + rhs.series, nullptr};
    default:
      break;
  }
  if (binary.matching && binary.matching->cardinality == Cardinality::kManyToOne) return lhs;
  if (binary.matching && binary.matching->cardinality == Cardinality::kOneToMany) return rhs;
  return lhs.series <= rhs.series ? lhs : rhs;
}

void NoteInvariants(const Expr& expr, std::vector<std::string>* notes) {
  const bool reads = expr.kind != Expr::Kind::kNumber && expr.kind != Expr::Kind::kString;
  if (expr.step_invariant && reads && expr.type == ValueType::kVector) {
    notes->push_back(base::StrCat("evaluated once, as no step changes it: ", ShortText(expr)));
    return;
  }
  for (const Expr* child : Children(const_cast<Expr&>(expr))) {  // NOLINT(*-const-cast)
    NoteInvariants(*child, notes);
  }
}

std::string CacheNote(const Reach& reach, const Engine& engine, const model::SeriesSource& source,
                      const ExplainTimes& times) {
  if (times.step_ms == 0) return "result cache: not for instant queries";
  if (engine.options().cache == nullptr) return "result cache: off";
  if (source.ChangeVersion() == 0) return "result cache: the source does not tell what changes";
  if (!reach.reads) return "result cache: nothing is read";
  if (!reach.provable()) return base::StrCat("result cache: not used: ", reach.unprovable);
  return base::StrCat("result cache: a step is reused while no sample from ",
                      -reach.first_ms / 1000, " s before to ", reach.last_ms / 1000,
                      " s after it changes",
                      reach.order_matters ? ", and the same series are there" : "");
}

// Which limit the estimate is beyond; empty: none.
std::string Exceeded(const Explanation& cost, const Estimator& estimator,
                     const EngineOptions& limits) {
  const auto beyond = [](std::string_view what, int64_t estimate, int64_t limit,
                         std::string_view flag) {
    return base::StrCat("about ", estimate, " ", what, ", the limit is ", limit, " (", flag, ")");
  };
  if (limits.series_max > 0 && estimator.series_max() > static_cast<int64_t>(limits.series_max)) {
    return beyond("series in one selector", estimator.series_max(),
                  static_cast<int64_t>(limits.series_max), "--query.max-series");
  }
  if (estimator.held_max() > limits.samples_max) {
    return beyond("samples held at once", estimator.held_max(), limits.samples_max,
                  "--query.max-samples");
  }
  if (limits.memory_bytes_max > 0 && cost.memory_bytes > limits.memory_bytes_max) {
    return beyond("MiB", static_cast<int64_t>(cost.memory_bytes >> 20),
                  static_cast<int64_t>(limits.memory_bytes_max >> 20), "--query.memory-limit");
  }
  if (cost.seconds * 1000 > static_cast<double>(limits.timeout_ms)) {
    return beyond("seconds", static_cast<int64_t>(cost.seconds), limits.timeout_ms / 1000,
                  "--query.timeout");
  }
  return "";
}

Query::Limits LimitsOf(const Engine& engine, const QueryOptions& options) {
  const EngineOptions& all = engine.options();
  Query::Limits limits;
  limits.lookback_ms = options.lookback_ms > 0 ? options.lookback_ms : all.lookback_ms;
  limits.samples_max = all.samples_max;
  limits.clock = all.clock;
  limits.deadline_ns = all.clock->MonotonicNs() + all.timeout_ms * 1'000'000;
  limits.cancelled = options.cancelled.get();
  return limits;
}

void AddCost(const Rows& result, const StepGrid& grid, const Estimator& estimator,
             Explanation* cost) {
  cost->points = std::max<int64_t>(result.series, 1) * static_cast<int64_t>(grid.count);
  const auto held = static_cast<uint64_t>(std::max(estimator.held_max(), cost->points));
  cost->memory_bytes = held * kBytesPerHeld + static_cast<uint64_t>(cost->points) * kBytesPerPoint;
  cost->seconds = kSecondsPerQuery + static_cast<double>(cost->samples_read) * kSecondsPerRead +
                  static_cast<double>(cost->samples) * kSecondsPerSample +
                  static_cast<double>(cost->series) * kSecondsPerSeries +
                  static_cast<double>(cost->points) * kSecondsPerPoint;
}

}  // namespace

absl::StatusOr<Explanation> Explain(const Engine& engine, const model::SeriesSource& source,
                                    std::string_view expression, const ExplainTimes& times,
                                    const QueryOptions& options) {
  BARO_TRY_ASSIGN(ExprPtr expr, ParseExpression(expression));
  const bool range = times.step_ms > 0;
  if (range && expr->type != ValueType::kScalar && expr->type != ValueType::kVector) {
    return absl::InvalidArgumentError(
        base::StrCat("invalid expression type \"", ValueTypeName(expr->type),
                     "\" for range query, must be Scalar or instant Vector"));
  }
  Explanation explanation;
  explanation.query = Print(*expr);
  const QueryTimes query_times{times.start_ms, times.end_ms, times.step_ms};
  BARO_TRY(Prepare(query_times, &expr));
  if (std::string folded = Print(*expr); folded != explanation.query) {
    explanation.notes.push_back(base::StrCat("after folding: ", folded));
  }
  if (range) NoteInvariants(*expr, &explanation.notes);
  Query query(source, LimitsOf(engine, options), query_times, expression);
  StepGrid grid{times.start_ms, std::max<int64_t>(times.step_ms, 1), 1};
  if (range) grid.count = static_cast<size_t>((times.end_ms - times.start_ms) / times.step_ms) + 1;
  Estimator estimator(&query, &explanation);
  BARO_TRY_ASSIGN(const Rows result, estimator.Visit(*expr, grid, &explanation.tree));
  AddCost(result, grid, estimator, &explanation);
  explanation.notes.push_back(
      CacheNote(ReachOf(*expr, query.lookback_ms()), engine, source, times));
  for (std::string& warning : query.annotations().Warnings()) {
    explanation.notes.push_back(std::move(warning));
  }
  explanation.reason = Exceeded(explanation, estimator, engine.options());
  if (range && explanation.reason.empty()) {
    const absl::Status points = engine.CheckPoints(times.start_ms, times.end_ms, times.step_ms);
    if (!points.ok()) explanation.reason = std::string(base::FromAbsl(points.message()));
  }
  explanation.allowed = explanation.reason.empty();
  return explanation;
}

}  // namespace baro::promql
