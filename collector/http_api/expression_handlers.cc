#include "baro/base/status.h"
#include "baro/promql/parse.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/parameters.h"
#include "http_api/tree_json.h"

namespace baro::collector {

Answer FormatQuery(const ApiParts&, const net::ServerRequest& request) {
  const auto expression = promql::ParseExpression(Parameters(request).Get("query"));
  if (!expression.ok()) return InvalidParameter("query", expression.status());
  JsonWriter writer = StartAnswer();
  writer.String(promql::PrintPretty(**expression));
  return FinishAnswer(&writer);
}

Answer ParseQuery(const ApiParts&, const net::ServerRequest& request) {
  const auto expression = promql::ParseExpression(Parameters(request).Get("query"));
  if (!expression.ok()) return InvalidParameter("query", expression.status());
  JsonWriter writer = StartAnswer();
  WriteTree(**expression, &writer);
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
