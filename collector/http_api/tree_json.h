// The syntax tree of an expression as JSON, as Prometheus' parse_query tells it.
#pragma once

#include "baro/promql/ast.h"
#include "http_api/json_writer.h"

namespace baro::collector {

void WriteTree(const promql::Expr& expr, JsonWriter* writer);

}  // namespace baro::collector
