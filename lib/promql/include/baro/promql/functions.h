// The functions of PromQL: their names, argument types and results.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "baro/promql/ast.h"

namespace baro::promql {

enum class FunctionId : uint8_t {
#define BARO_PROMQL_FUNCTION(id) k##id,
#include "baro/promql/function_ids.inc"
#undef BARO_PROMQL_FUNCTION
};

// Immutable, lives for ever.
struct Function {
  std::string_view name;
  FunctionId id;
  std::vector<ValueType> args;
  // How many of the last argument may follow: 0 none, -1 any number, n at most n more than
  // args.size() - 1. The last argument is then optional.
  int variadic = 0;
  ValueType result = ValueType::kVector;
  // Uses the time of the step, so `@` does not make it constant.
  bool depends_on_time = false;
  bool experimental = false;
};

// Null when there is none.
const Function* FindFunction(std::string_view name);

// All of them, sorted by name; for the features API and completion.
std::span<const Function> AllFunctions();

}  // namespace baro::promql
