// The functions of templates: Go's own and Prometheus', by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "template_value.h"

namespace baro::rules {

// What an argument must be, as Go's types are declared.
enum class ArgumentType : uint8_t { kAny, kString, kSample, kSamples };
std::string_view ArgumentTypeName(ArgumentType type);

using TemplateCall = absl::StatusOr<Value> (*)(const TemplateInput& input,
                                               std::span<const Value> arguments);

struct TemplateFunction {
  std::string_view name;
  std::vector<ArgumentType> arguments;
  bool variadic = false;  // any number of the last one
  // Null: `and` and `or`, which look at their arguments one by one, and `call`.
  TemplateCall call = nullptr;
};

// Null when there is none.
const TemplateFunction* FindTemplateFunction(std::string_view name);
// Each table, sorted by name.
std::span<const TemplateFunction> GoTemplateFunctions();
std::span<const TemplateFunction> PrometheusTemplateFunctions();

// The method `name` of a time or duration. Errors: NotFound (no such method); InvalidArgument.
absl::StatusOr<Value> CallTemplateMethod(const Value& receiver, std::string_view name,
                                         std::span<const Value> arguments);

}  // namespace baro::rules
