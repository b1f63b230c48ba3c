#include "baro/kubernetes/json.h"

#include "baro/base/strings.h"

namespace baro::kubernetes {

absl::StatusOr<Json> JsonParser::Parse(std::string_view text, std::string_view what) {
  simdjson::dom::element element;
  const simdjson::error_code error = parser_.parse(text.data(), text.size()).get(element);
  if (error == simdjson::SUCCESS) return Json(element);
  return absl::InvalidArgumentError(
      base::StrCat("cannot read ", what, " as JSON: ", simdjson::error_message(error)));
}

}  // namespace baro::kubernetes
