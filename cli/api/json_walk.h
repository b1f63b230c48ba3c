// Members of parsed JSON with a default: what a newer or older server leaves out is no error.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/answer.h"
#include "simdjson.h"

namespace baro::cli {

// 0 and "" for what is missing or of another type; a number may be a text ("1e3").
double NumberMember(simdjson::dom::element object, std::string_view name);
// Nothing for null, too.
std::optional<double> MaybeNumber(simdjson::dom::element object, std::string_view name);
bool BoolMember(simdjson::dom::element object, std::string_view name);
std::string DigitsMember(simdjson::dom::element object, std::string_view name);
// Texts of an object, sorted by name.
LabelSet TextsMember(simdjson::dom::element object, std::string_view name);
// Calls `visit` for each element of a list; for none when it is missing.
void ForEachIn(simdjson::dom::element object, std::string_view name,
               const std::function<void(simdjson::dom::element)>& visit);
// An object inside; nothing when it is missing or null.
std::optional<simdjson::dom::element> ObjectMember(simdjson::dom::element object,
                                                   std::string_view name);

}  // namespace baro::cli
