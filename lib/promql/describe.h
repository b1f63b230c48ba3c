// Nodes of the tree in a few words, for explain and for stats.
#pragma once

#include <string>
#include <string_view>

#include "baro/promql/ast.h"

namespace baro::promql {

// "Aggregation", "Call", "Binary", "Selector", …
std::string_view NodeName(const Expr& expr);
// What the node adds to its children: "sum by (job)", "rate", "/ on (pod)"; of a leaf all of it.
std::string NodeText(const Expr& expr);
// The whole expression, cut to a length that a person reads.
std::string ShortText(const Expr& expr);

}  // namespace baro::promql
