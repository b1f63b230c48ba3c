#include <vector>

#include "baro/base/status.h"
#include "baro/promql/parse.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

// All selectors of an expression, in the order they are written. The parser bounds its depth.
void CollectSelectors(promql::Expr* expr, std::vector<std::vector<model::Matcher>>* selectors) {
  if (expr->kind == promql::Expr::Kind::kVectorSelector) {
    selectors->push_back(promql::As<promql::VectorSelector>(*expr).matchers);
    return;
  }
  for (promql::Expr* child : promql::Children(*expr)) CollectSelectors(child, selectors);
}

void WriteExemplar(const model::Exemplar& exemplar, JsonWriter* writer) {
  writer->Raw("{\"labels\":");
  writer->Labels(exemplar.labels);
  writer->Raw(",\"value\":\"");
  char text[kNumberBytesMax];
  writer->Raw({text, WriteSample(exemplar.value, text)});
  writer->Raw("\",\"timestamp\":");
  writer->SampleTime(exemplar.time_ms);
  writer->Raw("}");
}

void WriteExemplars(const model::ExemplarSeries& series, JsonWriter* writer) {
  JsonObject object(writer);
  object.Key("seriesLabels")->Labels(series.series);
  JsonList list(object.Key("exemplars"));
  for (const model::Exemplar& exemplar : series.exemplars) WriteExemplar(exemplar, list.Next());
}

}  // namespace

// The expression's functions and operators say nothing here: every series that one of its selectors
// matches counts.
Answer Exemplars(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  model::LabelRequest wanted;
  BARO_TRY_ASSIGN(wanted.start_ms, TimeParameter(parameters, "start", model::kTimeMsMin));
  BARO_TRY_ASSIGN(wanted.end_ms, TimeParameter(parameters, "end", model::kTimeMsMax));
  if (wanted.end_ms < wanted.start_ms) {
    return absl::InvalidArgumentError("end timestamp must not be before start timestamp");
  }
  BARO_TRY_ASSIGN(const promql::ExprPtr expr, promql::ParseExpression(parameters.Get("query")));
  CollectSelectors(expr.get(), &wanted.selectors);
  // As Prometheus answers when there is no "data".
  if (wanted.selectors.empty()) return NoContentAnswer();
  BARO_TRY_ASSIGN(const auto found, parts.facts.exemplars(wanted));
  JsonWriter writer = StartAnswer();
  {
    JsonList list(&writer);
    for (const model::ExemplarSeries& series : found) WriteExemplars(series, list.Next());
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
