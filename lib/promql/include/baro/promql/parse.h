// Parsing and printing of PromQL, for the evaluator and for the API's parse_query and format_query.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "baro/promql/ast.h"

namespace baro::promql {

// Nodes on the longest path of a tree; less on a thread with a small stack (depth_limit.cc). Real
// queries stay far below; a hostile one must not exhaust the stack.
inline constexpr int kDepthMax = 1'000;
// The same for a duration that is computed, [5m + step()].
inline constexpr int kDurationDepthMax = 100;
// Bytes of a query.
inline constexpr size_t kQueryBytesMax = 1 << 20;

// Parses and type-checks. Errors: InvalidArgument in Prometheus' words, "1:5: parse error: …"; of
// several errors the first.
absl::StatusOr<ExprPtr> ParseExpression(std::string_view query);

// One line, canonical: parsing it again gives the same tree.
std::string Print(const Expr& expr);

// As Prometheus' format_query: like Print(), but nodes longer than 100 columns are spread over
// lines.
std::string PrintPretty(const Expr& expr);

}  // namespace baro::promql
