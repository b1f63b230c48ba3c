#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/rules/template.h"

namespace baro::rules {
namespace {

constexpr std::string_view kVariables =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}";

}  // namespace

absl::StatusOr<AlertTemplate> AlertTemplate::Parse(std::string_view alert, std::string_view text) {
  AlertTemplate result;
  result.name_ = base::StrCat("__alert_", alert);
  result.text_ = text;
  if (text.find("{{") != std::string_view::npos) {
    BARO_TRY_ASSIGN(Template parsed, Template::Parse(result.name_, base::StrCat(kVariables, text)));
    result.parsed_ = std::make_shared<const Template>(std::move(parsed));
  }
  return result;
}

std::string AlertTemplate::Expand(const TemplateInput& input, absl::Status* failure) const {
  if (parsed_ == nullptr) return text_;
  absl::StatusOr<std::string> result = parsed_->Execute(input);
  if (result.ok()) return *std::move(result);
  *failure = result.status();
  return base::StrCat("<error expanding template: error executing template ", name_, ": ",
                      base::FromAbsl(result.status().message()), ">");
}

}  // namespace baro::rules
