// Text of a template → its trees.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "template_tree.h"

namespace baro::rules {

// Errors: InvalidArgument in Go's words.
absl::StatusOr<std::shared_ptr<const TemplateSet>> ParseTemplate(std::string name,
                                                                 std::string_view text);

}  // namespace baro::rules
