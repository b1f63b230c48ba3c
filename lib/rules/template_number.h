// Number literals of templates.
#pragma once

#include "absl/status/status.h"
#include "template_lexer.h"
#include "template_tree.h"

namespace baro::rules {

// Fills a kNumber node from its token. Errors: InvalidArgument in Go's words, without the place.
absl::Status ReadTemplateNumber(const TemplateToken& token, TemplateNode* node);

}  // namespace baro::rules
