#include "rule_query.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/promql/parse.h"
#include "histogram_text.h"

namespace baro::rules {
namespace {

using promql::Expr;

RuleElement ElementOf(promql::ResultSeries* series) {
  RuleElement element;
  element.labels = std::move(series->labels);
  if (!series->samples.empty()) element.value = series->samples.back().value;
  if (!series->histograms.empty()) {
    element.histogram = std::move(series->histograms.back().histogram);
  }
  return element;
}

void AddSelector(const promql::VectorSelector& selector, int64_t range_ms, RuleInputs* inputs) {
  inputs->selectors.push_back(
      {selector.matchers, range_ms, selector.shift.offset_ms, selector.shift.at_ms});
  for (const model::Matcher& matcher : selector.matchers) {
    if (matcher.name() != model::kMetricName) continue;
    if (matcher.type() != model::MatchType::kEqual) break;
    inputs->names.push_back(matcher.value());
    return;
  }
  inputs->any_name = true;
}

// `widened_ms`: how much further back subqueries around the node look.
void Collect(Expr* expr, int64_t widened_ms, RuleInputs* inputs) {
  switch (expr->kind) {
    case Expr::Kind::kVectorSelector:
      AddSelector(promql::As<promql::VectorSelector>(*expr), widened_ms, inputs);
      return;
    case Expr::Kind::kMatrixSelector: {
      const auto& matrix = promql::As<promql::MatrixSelector>(*expr);
      AddSelector(*matrix.selector, matrix.range_ms + widened_ms, inputs);
      return;
    }
    case Expr::Kind::kSubquery:
      widened_ms += promql::As<promql::SubqueryExpr>(*expr).range_ms;
      break;
    default:
      break;
  }
  for (Expr* child : promql::Children(*expr)) Collect(child, widened_ms, inputs);
}

bool Contradicts(const model::LabelsRef& series, const model::Labels& labels) {
  for (const model::Label& label : labels) {
    const std::string_view value = series.Get(label.name);
    if (!value.empty() && value != label.value) return true;
  }
  return false;
}

// Whether a selector has a sample of a fitting series that is not marked stale.
absl::StatusOr<bool> HasSample(const RuleQueries& queries, const RuleInputs::Selector& selector,
                               const model::Labels& labels, int64_t time_ms) {
  model::SelectRequest request;
  const int64_t range_ms =
      selector.range_ms > 0 ? selector.range_ms : queries.engine->options().lookback_ms;
  request.end_ms = selector.at_ms.value_or(time_ms) - selector.offset_ms;
  request.start_ms = request.end_ms - range_ms + 1;
  request.matchers = selector.matchers;
  BARO_TRY_ASSIGN(const auto set, queries.source->Select(request));
  const auto reader = set->Read(0, set->size());
  model::SeriesView view;
  for (;;) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return false;
    if (view.values.empty() || Contradicts(set->labels(view.index), labels)) continue;
    if (selector.range_ms > 0 || !model::IsStaleNan(view.values.back())) return true;
  }
}

}  // namespace

absl::StatusOr<std::vector<RuleElement>> RuleQueries::Evaluate(const std::string& query,
                                                               int64_t time_ms) const {
  std::vector<RuleElement> elements;
  if (answers != nullptr && answers->Find(query, time_ms, &elements)) return elements;
  promql::QueryOptions options;
  options.cancelled = cancelled;
  BARO_TRY_ASSIGN(promql::QueryResult result, engine->Instant(*source, query, time_ms, options));
  if (auto* vector = std::get_if<promql::Vector>(&result.value)) {
    elements.reserve(vector->elements.size());
    for (promql::ResultSeries& series : vector->elements) elements.push_back(ElementOf(&series));
    return elements;
  }
  if (const auto* scalar = std::get_if<promql::Scalar>(&result.value)) {
    elements.push_back({{}, scalar->value, std::nullopt});
    return elements;
  }
  return absl::FailedPreconditionError("rule result is not a vector or scalar");
}

absl::StatusOr<std::vector<TemplateSample>> RuleQueries::EvaluateForTemplate(
    const std::string& query, int64_t time_ms) const {
  BARO_TRY_ASSIGN(const std::vector<RuleElement> elements, Evaluate(query, time_ms));
  std::vector<TemplateSample> samples;
  samples.reserve(elements.size());
  for (const RuleElement& element : elements) {
    TemplateSample sample;
    for (const model::Label& label : element.labels) sample.labels.emplace(label.name, label.value);
    sample.value = element.value;
    if (element.histogram) sample.value = HistogramText(*element.histogram);
    samples.push_back(std::move(sample));
  }
  return samples;
}

bool RuleInputs::Reads(const std::string& name) const {
  return any_name || std::find(names.begin(), names.end(), name) != names.end();
}

RuleInputs InputsOf(const std::string& query) {
  RuleInputs inputs;
  const auto parsed = promql::ParseExpression(query);
  if (!parsed.ok()) {
    inputs.any_name = true;
    return inputs;
  }
  Collect(parsed->get(), 0, &inputs);
  return inputs;
}

absl::StatusOr<bool> HaveSamples(const RuleQueries& queries, const RuleInputs& inputs,
                                 const model::Labels& labels, int64_t time_ms) {
  for (const RuleInputs::Selector& selector : inputs.selectors) {
    BARO_TRY_ASSIGN(const bool found, HasSample(queries, selector, labels, time_ms));
    if (!found) return false;
  }
  return true;
}

}  // namespace baro::rules
