#include "baro/discovery/file_watch.h"

#include <glob.h>
#include <sys/stat.h>

#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::discovery {
namespace {

// More files than this in one entry are a mistake in a pattern.
constexpr size_t kFilesMax = 10'000;

std::set<std::string> Expand(const std::vector<std::string>& patterns) {
  std::set<std::string> paths;
  for (const std::string& pattern : patterns) {
    glob_t found = {};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc && paths.size() < kFilesMax; ++i) {
        paths.insert(found.gl_pathv[i]);
      }
    }
    globfree(&found);
  }
  return paths;
}

// YAML, of which JSON is a part.
absl::StatusOr<std::vector<TargetGroup>> ReadGroups(const std::string& path) {
  BARO_TRY_ASSIGN(const base::YamlNode document, base::ReadYamlFile(path));
  std::vector<TargetGroup> groups;
  BARO_TRY(base::ReadYaml(document, &groups));
  for (TargetGroup& group : groups) group.labels.emplace("__meta_filepath", path);
  return groups;
}

}  // namespace

bool FileWatch::ReadFile(const std::string& path, File* file) {
  auto groups = ReadGroups(path);
  if (!groups.ok()) {
    ++errors_;
    last_error_ = base::FromAbsl(groups.status().message());
    file->error = last_error_;
    return false;
  }
  file->error.clear();
  if (*groups == file->groups) return false;
  file->groups = *std::move(groups);
  return true;
}

bool FileWatch::Poll(int64_t now_ms) {
  const bool refresh = now_ms >= next_refresh_ms_;
  if (refresh) next_refresh_ms_ = now_ms + discovery_.refresh_interval.count();
  const std::set<std::string> paths = Expand(discovery_.files);
  bool changed = std::erase_if(files_, [&](const auto& entry) {
                   return !paths.contains(entry.first) && !entry.second.groups.empty();
                 }) > 0;
  std::erase_if(files_, [&](const auto& entry) { return !paths.contains(entry.first); });
  for (const std::string& path : paths) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) continue;  // gone since: the next poll sees it
    File& file = files_[path];
    const int64_t time_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    const bool same = file.time_ns == time_ns && file.size == status.st_size;
    if (same && !refresh) continue;
    file.time_ns = time_ns;
    file.size = status.st_size;
    changed |= ReadFile(path, &file);
  }
  return changed;
}

std::vector<std::pair<std::string, std::string>> FileWatch::BrokenFiles() const {
  std::vector<std::pair<std::string, std::string>> broken;
  for (const auto& [path, file] : files_) {
    if (!file.error.empty()) broken.emplace_back(path, file.error);
  }
  return broken;
}

std::vector<TargetGroup> FileWatch::groups() const {
  std::vector<TargetGroup> groups;
  for (const auto& [path, file] : files_) {
    groups.insert(groups.end(), file.groups.begin(), file.groups.end());
  }
  return groups;
}

}  // namespace baro::discovery
