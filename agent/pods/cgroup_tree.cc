#include "cgroup_tree.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

constexpr int64_t kWalkIntervalNs = 60'000'000'000;
// kubepods / class / pod / container, and one for CRI-O's inner group, which is not gone into.
constexpr int kDepthMax = 4;
constexpr size_t kUidBytes = 36;
constexpr size_t kContainerIdBytesMin = 32;  // 64 with every runtime of today

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "…pod<uid>" at the end of a name, with '-' or (systemd) '_' inside; static pods have 32 digits.
std::string PodUid(std::string_view name) {
  if (name.ends_with(".slice")) name.remove_suffix(6);
  const size_t at = name.rfind("pod");
  if (at == std::string_view::npos || (at > 0 && name[at - 1] != '-')) return {};
  std::string uid(name.substr(at + 3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  std::string digits = uid;
  std::erase(digits, '-');
  const bool plausible =
      digits.size() == 32 && IsHex(digits) && (uid.size() == 32 || uid.size() == kUidBytes);
  return plausible ? uid : "";
}

// "cri-containerd-<id>.scope", "crio-<id>.scope", "docker-<id>.scope", "<id>".
std::string ContainerId(std::string_view name) {
  if (name.starts_with("crio-conmon-")) return {};
  if (name.ends_with(".scope")) {
    name.remove_suffix(6);
    const size_t dash = name.rfind('-');
    if (dash != std::string_view::npos) name.remove_prefix(dash + 1);
  }
  return name.size() >= kContainerIdBytesMin && IsHex(name) ? std::string(name) : "";
}

// The part behind the last slash, and what is before it.
std::pair<std::string_view, std::string_view> Split(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

CgroupName ParseCgroupName(std::string_view path) {
  using Kind = CgroupName::Kind;
  if (path == "/") return {Kind::kRoot, "", ""};
  const auto [parent, name] = Split(path);
  if (path.starts_with("/system.slice/")) return {Kind::kService, "", ""};
  if (std::string uid = PodUid(name); !uid.empty()) return {Kind::kPod, std::move(uid), ""};
  std::string uid = PodUid(Split(parent).second);
  if (uid.empty()) return {Kind::kSlice, "", ""};
  std::string id = ContainerId(name);
  if (id.empty()) return {Kind::kOther, std::move(uid), ""};
  return {Kind::kContainer, std::move(uid), std::move(id)};
}

CgroupTree::CgroupTree(std::string sysfs, const base::Clock* clock)
    : clock_(clock),
      version_(FindCgroupVersion(sysfs)),
      root_(sysfs + "/fs/cgroup"),
      folder_(version_ == CgroupVersion::kV2 ? root_ : root_ + "/memory") {}

CgroupTree::~CgroupTree() {
  if (notify_ >= 0) close(notify_);
}

std::string CgroupTree::FolderOf(const std::string& path) const {
  return path == "/" ? folder_ : folder_ + path;
}

void CgroupTree::Watch(const std::string& folder) {
  // Watching a folder again is free; one that cannot be watched is seen once a minute.
  if (notify_ >= 0) {
    inotify_add_watch(notify_, folder.c_str(), IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
  }
}

void CgroupTree::Walk(const std::string& path, int depth,
                      std::map<std::string, CgroupName>* found) {
  const std::string folder = FolderOf(path);
  Watch(folder);
  DIR* const directory = opendir(folder.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    const std::string child = base::StrCat(path == "/" ? "" : path, "/", entry->d_name);
    // Of the node's own groups only those that say something about Kubernetes or its services.
    const bool wanted = path != "/" || std::strncmp(entry->d_name, "kubepods", 8) == 0 ||
                        std::strcmp(entry->d_name, "system.slice") == 0;
    if (!wanted) continue;
    const CgroupName name = ParseCgroupName(child);
    if (name.kind == CgroupName::Kind::kOther) continue;
    if (name.kind == CgroupName::Kind::kService && !child.ends_with(".service")) continue;
    if (found->size() >= kGroupsMax) {
      ++groups_left_out_;
      continue;
    }
    found->emplace(child, name);
    const bool leaf = name.kind == CgroupName::Kind::kContainer ||
                      name.kind == CgroupName::Kind::kService || depth + 1 >= kDepthMax;
    if (!leaf) Walk(child, depth + 1, found);
  }
  closedir(directory);
}

// True when anything was told.
bool CgroupTree::TakeEvents() {
  if (notify_ < 0) return false;
  std::array<char, 16'384> events;
  bool any = false;
  while (read(notify_, events.data(), events.size()) > 0) any = true;
  return any;
}

bool CgroupTree::Refresh() {
  if (notify_ < 0) notify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const int64_t now_ns = clock_->MonotonicNs();
  dirty_ = TakeEvents() || dirty_ || now_ns >= next_walk_ns_;
  if (!dirty_) return false;
  dirty_ = false;
  next_walk_ns_ = now_ns + kWalkIntervalNs;
  std::map<std::string, CgroupName> found;
  found.emplace("/", ParseCgroupName("/"));
  Walk("/", 0, &found);
  const bool changed = found.size() != groups_.size() ||
                       !std::equal(found.begin(), found.end(), groups_.begin(),
                                   [](const auto& a, const auto& b) { return a.first == b.first; });
  groups_ = std::move(found);
  return changed;
}

}  // namespace baro::agent
