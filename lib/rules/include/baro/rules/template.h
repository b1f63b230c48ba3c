// Template: the template language of Prometheus' rules: Go's text/template with Prometheus'
// functions, as a real interpreter: lexer, parser, evaluator.
//
// Words of errors are Go's and Prometheus', as people search for them. Bounds that Go does not have
// are in template_limits.h: a template comes from a file of rules, its labels from anybody.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::rules {

// A sample as templates see it. A histogram is given as its text.
struct TemplateSample {
  std::map<std::string, std::string> labels;
  std::variant<double, std::string> value = 0.0;
};

// What one expansion is given. Referred to until it ends.
struct TemplateInput {
  const std::map<std::string, std::string>* labels = nullptr;           // .Labels
  const std::map<std::string, std::string>* external_labels = nullptr;  // .ExternalLabels
  std::string external_url;                                             // .ExternalURL
  std::variant<double, std::string> value = 0.0;                        // .Value
  int64_t time_ms = 0;                                                  // now
  // Answers the function `query`. Unset: it fails.
  std::function<absl::StatusOr<std::vector<TemplateSample>>(const std::string& expression)> query;
};

class TemplateSet;

// A parsed template. Immutable, thread-safe, cheap to copy.
class Template {
 public:
  // Errors: InvalidArgument in Go's words, "template: NAME:1: unexpected …".
  static absl::StatusOr<Template> Parse(std::string name, std::string_view text);

  // Errors: InvalidArgument in Go's words, "template: NAME:1:5: executing …".
  absl::StatusOr<std::string> Execute(const TemplateInput& input) const;

 private:
  explicit Template(std::shared_ptr<const TemplateSet> set) : set_(std::move(set)) {}
  std::shared_ptr<const TemplateSet> set_;
};

// A label's or annotation's text of an alert rule: $labels, $value, $externalLabels and
// $externalURL are declared before it. A text without actions costs nothing.
class AlertTemplate {
 public:
  AlertTemplate() = default;
  // Errors: as Template::Parse().
  static absl::StatusOr<AlertTemplate> Parse(std::string_view alert, std::string_view text);

  const std::string& text() const { return text_; }
  // A failure is printed into the text, as Prometheus does, and told by `failure`.
  std::string Expand(const TemplateInput& input, absl::Status* failure) const;

 private:
  std::string name_;
  std::string text_;
  std::shared_ptr<const Template> parsed_;  // null: the text itself
};

// The names of all functions, sorted, for completion.
std::vector<std::string> TemplateFunctionNames();

}  // namespace baro::rules
