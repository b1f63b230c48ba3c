// Small files of /sys and folders full of them, for collectors of devices that come and go.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace baro::agent {

// Names in one folder that are looked at; beyond, they are left out. The most is /proc, with a
// folder a process.
inline constexpr size_t kFolderEntriesMax = 131'072;

// The names in a folder, sorted, those that begin with `prefix`. Errors: NotFound,
// PermissionDenied, Unavailable.
absl::StatusOr<std::vector<std::string>> FolderEntries(const std::string& path,
                                                       std::string_view prefix = {});

// At most 4 KiB of a file, without white space at its ends, by one read that never waits: a driver
// that answers EAGAIN for ever holds up nobody. Nothing when it cannot be read.
std::optional<std::string> ReadSmallFile(const std::string& path);
// A file of one number.
std::optional<double> ReadNumberFile(const std::string& path);

}  // namespace baro::agent
