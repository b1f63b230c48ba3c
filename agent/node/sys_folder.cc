#include "sys_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "baro/base/strings.h"
#include "proc_text.h"

namespace baro::agent {

absl::StatusOr<std::vector<std::string>> FolderEntries(const std::string& path,
                                                       std::string_view prefix) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) {
    const std::string message = base::StrCat("cannot list ", path, ": ", std::strerror(errno));
    if (errno == ENOENT || errno == ENOTDIR) return absl::NotFoundError(message);
    if (errno == EACCES || errno == EPERM) return absl::PermissionDeniedError(message);
    return absl::UnavailableError(message);
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.') || !name.starts_with(prefix)) continue;
    if (names.size() == kFolderEntriesMax) break;
    names.emplace_back(name);
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> ReadSmallFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return std::nullopt;
  std::array<char, 4096> bytes;
  const ssize_t got = read(descriptor, bytes.data(), bytes.size());
  close(descriptor);
  if (got < 0) return std::nullopt;
  return std::string(TrimSpace(std::string_view(bytes.data(), static_cast<size_t>(got))));
}

std::optional<double> ReadNumberFile(const std::string& path) {
  const std::optional<std::string> text = ReadSmallFile(path);
  double number = 0;
  if (!text || !ParseNumber(std::string_view(*text), &number)) return std::nullopt;
  return number;
}

}  // namespace baro::agent
