#include "baro/promql/parse.h"
#include "parser.h"

namespace baro::promql {

absl::StatusOr<ExprPtr> ParseExpression(std::string_view query) {
  return Parser(query).ParseQuery();
}

}  // namespace baro::promql
