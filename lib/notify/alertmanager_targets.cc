#include "alertmanager_targets.h"

#include <algorithm>
#include <filesystem>

#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "baro/net/url.h"

namespace baro::notify {
namespace {

constexpr char kAddress[] = "__address__";
constexpr char kScheme[] = "__scheme__";
constexpr char kAlertsPath[] = "__alerts_path__";

std::string UrlOf(const model::Labels& labels) {
  return base::StrCat(labels.Get(kScheme), "://", labels.Get(kAddress), labels.Get(kAlertsPath));
}

std::string PostPath(const std::string& prefix) {
  const std::string joined = base::StrCat("/", prefix, "/api/v2/alerts");
  return std::filesystem::path(joined).lexically_normal().string();
}

model::Labels Discovered(const AlertmanagerSet& set, const discovery::TargetGroup& group,
                         const std::string& address) {
  model::Labels labels;
  for (const auto& [name, value] : group.labels) labels.Set(name, value);
  labels.Set(kAddress, address);
  labels.Set(kScheme, set.scheme);
  labels.Set(kAlertsPath, PostPath(set.path_prefix));
  return labels;
}

void AddOnce(std::string url, std::vector<std::string>* urls) {
  if (std::find(urls->begin(), urls->end(), url) == urls->end()) urls->push_back(std::move(url));
}

}  // namespace

AlertmanagerTargets FindAlertmanagers(const AlertmanagerSet& set,
                                      const std::vector<discovery::TargetGroup>& groups) {
  AlertmanagerTargets found;
  for (const discovery::TargetGroup& group : groups) {
    for (const std::string& address : group.targets) {
      const model::Labels before = Discovered(set, group, address);
      model::Labels labels = before;
      if (!relabel::Relabel(set.relabel_configs, &labels)) {
        AddOnce(UrlOf(before), &found.dropped);
        continue;
      }
      std::string url = UrlOf(labels);
      const bool is_host = labels.Get(kAddress).find('/') == std::string_view::npos;
      if (is_host && net::ParseUrl(url).ok()) {
        AddOnce(std::move(url), &found.active);
      } else {
        found.errors.push_back(
            base::StrCat("\"", labels.Get(kAddress), "\" is not an Alertmanager's address"));
      }
    }
  }
  return found;
}

}  // namespace baro::notify
