#include "otlp/otlp_config.h"

#include <array>
#include <set>
#include <utility>

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

constexpr std::array<std::pair<OtlpNames, std::string_view>, 4> kNames = {{
    {OtlpNames::kUnderscoreEscapingWithSuffixes, "UnderscoreEscapingWithSuffixes"},
    {OtlpNames::kUnderscoreEscapingWithoutSuffixes, "UnderscoreEscapingWithoutSuffixes"},
    {OtlpNames::kNoUtf8EscapingWithSuffixes, "NoUTF8EscapingWithSuffixes"},
    {OtlpNames::kNoTranslation, "NoTranslation"},
}};

void CheckAttributes(std::string_view key, const std::vector<std::string>& names,
                     base::YamlMap* map) {
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (name.empty()) map->Fail(key, "the name of a resource attribute must not be empty");
    if (!seen.insert(name).second) {
      map->Fail(key, base::StrCat("resource attribute \"", name, "\" is given twice"));
    }
  }
}

void PrintList(std::string_view key, const std::vector<std::string>& names, std::string* out) {
  if (names.empty()) return;
  base::StrAppend(out, "  ", key, ":\n");
  for (const std::string& name : names) {
    *out += "    - \"";
    for (const char c : name) {
      if (c == '"' || c == '\\') out->push_back('\\');
      out->push_back(c);
    }
    *out += "\"\n";
  }
}

}  // namespace

std::string_view OtlpNamesText(OtlpNames names) {
  for (const auto& [value, text] : kNames) {
    if (value == names) return text;
  }
  return "unknown";
}

absl::Status ReadYaml(const base::YamlNode& node, OtlpConfig* config) {
  base::YamlMap map(node);
  std::string strategy;
  map.Optional("translation_strategy", &strategy);
  map.Optional("promote_resource_attributes", &config->promote_resource_attributes);
  map.Optional("promote_all_resource_attributes", &config->promote_all_resource_attributes);
  map.Optional("ignore_resource_attributes", &config->ignore_resource_attributes);
  map.Optional("keep_identifying_resource_attributes",
               &config->keep_identifying_resource_attributes);
  map.Optional("convert_histograms_to_nhcb", &config->convert_histograms_to_nhcb);
  map.Optional("promote_scope_metadata", &config->promote_scope_metadata);
  map.Optional("label_name_underscore_sanitization", &config->label_name_underscore_sanitization);
  map.Optional("label_name_preserve_multiple_underscores",
               &config->label_name_preserve_multiple_underscores);
  bool known = strategy.empty();
  for (const auto& [value, text] : kNames) {
    if (strategy != text) continue;
    config->translation_strategy = value;
    known = true;
  }
  if (!known) {
    map.Fail("translation_strategy",
             base::StrCat("unknown strategy \"", strategy, "\"; expected ", kNames[0].second, ", ",
                          kNames[1].second, ", ", kNames[2].second, " or ", kNames[3].second));
  }
  CheckAttributes("promote_resource_attributes", config->promote_resource_attributes, &map);
  CheckAttributes("ignore_resource_attributes", config->ignore_resource_attributes, &map);
  if (config->promote_all_resource_attributes && !config->promote_resource_attributes.empty()) {
    map.Fail("promote_resource_attributes",
             "not together with promote_all_resource_attributes: true");
  }
  if (!config->promote_all_resource_attributes && !config->ignore_resource_attributes.empty()) {
    map.Fail("ignore_resource_attributes", "only with promote_all_resource_attributes: true");
  }
  return map.Finish();
}

std::string PrintOtlpConfig(const OtlpConfig& config) {
  if (config == OtlpConfig()) return {};
  std::string out = base::StrCat(
      "otlp:\n  translation_strategy: ", OtlpNamesText(config.translation_strategy), "\n");
  PrintList("promote_resource_attributes", config.promote_resource_attributes, &out);
  PrintList("ignore_resource_attributes", config.ignore_resource_attributes, &out);
  const std::pair<std::string_view, bool> flags[] = {
      {"promote_all_resource_attributes", config.promote_all_resource_attributes},
      {"keep_identifying_resource_attributes", config.keep_identifying_resource_attributes},
      {"convert_histograms_to_nhcb", config.convert_histograms_to_nhcb},
      {"promote_scope_metadata", config.promote_scope_metadata},
  };
  for (const auto& [key, on] : flags) {
    if (on) base::StrAppend(&out, "  ", key, ": true\n");
  }
  const std::pair<std::string_view, bool> flags_off[] = {
      {"label_name_underscore_sanitization", config.label_name_underscore_sanitization},
      {"label_name_preserve_multiple_underscores", config.label_name_preserve_multiple_underscores},
  };
  for (const auto& [key, on] : flags_off) {
    if (!on) base::StrAppend(&out, "  ", key, ": false\n");
  }
  return out;
}

}  // namespace baro::collector
