// absent and absent_over_time: 1 where there is nothing.

#include <algorithm>
#include <set>

#include "baro/base/status.h"
#include "evaluator.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// The labels that the selector demands: those with one equality matcher and no other.
model::Labels DemandedLabels(const Expr& arg) {
  const Expr& expr = Unwrap(arg);
  const VectorSelector* selector = nullptr;
  if (expr.kind == Expr::Kind::kVectorSelector) selector = &As<VectorSelector>(expr);
  if (expr.kind == Expr::Kind::kMatrixSelector) selector = As<MatrixSelector>(expr).selector.get();
  model::Labels labels;
  if (selector == nullptr) return labels;
  std::set<std::string> seen;
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name() == model::kMetricName) continue;
    const bool first =
        matcher.type() == model::MatchType::kEqual && seen.find(matcher.name()) == seen.end();
    if (first) seen.insert(matcher.name());
    labels.Set(matcher.name(), first ? std::string_view(matcher.value()) : std::string_view());
  }
  return labels;
}

}  // namespace

absl::Status AbsentRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  std::vector<double> values(evaluator->grid().count, 1);
  const auto mark = [&values](const Row& row) {
    for (size_t step = 0; step < values.size(); ++step) {
      if (!IsAbsent(row.values[step])) values[step] = kNoValue;
    }
    return absl::OkStatus();
  };
  if (call.function->id == FunctionId::kAbsent) {
    BARO_TRY(evaluator->Rows(*call.args[0], mark));
  } else {
    BARO_TRY(RunWindows(evaluator, call, true, [](const Window&) { return 1.0; }, mark));
  }
  if (!HasValues(values)) return absl::OkStatus();
  const model::Labels* const labels = evaluator->query().Keep(DemandedLabels(*call.args[0]));
  return sink({{labels, &NoLabels()}, false, values});
}

}  // namespace baro::promql
