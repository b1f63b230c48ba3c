#include "baro/discovery/target_group.h"

#include <filesystem>

#include "baro/base/strings.h"

namespace baro::discovery {
namespace {

using std::chrono::milliseconds;

bool IsTargetFile(const std::string& pattern) {
  const std::filesystem::path path(pattern);
  const std::string extension = path.extension();
  const bool known = extension == ".json" || extension == ".yml" || extension == ".yaml";
  return known && path.parent_path().string().find('*') == std::string::npos;
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, TargetGroup* group) {
  base::YamlMap map(node);
  map.Required("targets", &group->targets);
  map.Optional("labels", &group->labels);
  for (const auto& [name, value] : group->labels) {
    if (name.empty()) map.Fail("labels", "a label name is empty");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, FileDiscovery* discovery) {
  base::YamlMap map(node);
  map.Required("files", &discovery->files);
  map.Optional("refresh_interval", &discovery->refresh_interval);
  for (const std::string& file : discovery->files) {
    if (!IsTargetFile(file)) {
      map.Fail("files", base::StrCat("\"", file, "\" is not a .json, .yml or .yaml file (the last ",
                                     "part may hold '*')"));
    }
  }
  if (discovery->refresh_interval <= milliseconds(0)) {
    map.Fail("refresh_interval", "it must be longer than 0");
  }
  return map.Finish();
}

}  // namespace baro::discovery
