// Any text is a template or an error, and its expansion ends; any bytes are state or an error.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "baro/rules/rule_file.h"
#include "baro/rules/template.h"
#include "state_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::map<std::string, std::string> labels = {{"instance", "a:1"}, {"job", "x"}};
  baro::rules::TemplateInput input;
  input.labels = &labels;
  input.external_labels = &labels;
  input.value = 12.5;
  input.query = [](const std::string&) {
    return std::vector<baro::rules::TemplateSample>{{{{"instance", "b"}}, 2.0},
                                                    {{{"instance", "a"}}, 1.0}};
  };
  const auto parsed = baro::rules::AlertTemplate::Parse("Fuzz", text);
  if (parsed.ok()) {
    absl::Status failure;
    static_cast<void>(parsed->Expand(input, &failure));
  }
  static_cast<void>(baro::rules::ParseRuleFile(text, "f.yml"));
  static_cast<void>(baro::rules::DecodeAlerts(text));
  return 0;
}
