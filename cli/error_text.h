// Errors as one clear line, with what to try next.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "command_line.h"

namespace baro::cli {

struct ErrorContext {
  std::string server;      // printable
  std::string expression;  // what the collector was asked to evaluate; may be empty
  int64_t timeout_ms = 0;
};

// "baro: …\n". A parse error is followed by the expression's line and a caret under the place.
std::string ErrorText(const absl::Status& status, const ErrorContext& context);

ExitCode ExitCodeOf(const absl::Status& status);

// The expression or selector of a verb, empty when it has none.
std::string ExpressionOf(const Verb& verb);

}  // namespace baro::cli
