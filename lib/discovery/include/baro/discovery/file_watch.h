// FileWatch: the target groups that the files of one file_sd_configs entry name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/discovery/target_group.h"

namespace baro::discovery {

// A file is read again when its time or size has changed, and in any case each refresh_interval.
// One that cannot be read keeps its last good groups; one that is gone loses them.
// Thread-compatible; reads the disk on the calling thread (the files are small and local).
class FileWatch {
 public:
  explicit FileWatch(FileDiscovery discovery) : discovery_(std::move(discovery)) {}

  // True when groups() has changed. `now_ms` is monotonic.
  bool Poll(int64_t now_ms);
  // With __meta_filepath, as Prometheus has it.
  std::vector<TargetGroup> groups() const;
  // Of files that could not be read, since start.
  uint64_t errors() const { return errors_; }
  const std::string& last_error() const { return last_error_; }
  // The files that cannot be read now: path and error.
  std::vector<std::pair<std::string, std::string>> BrokenFiles() const;

 private:
  struct File {
    int64_t time_ns = 0;
    int64_t size = -1;
    std::vector<TargetGroup> groups;
    std::string error;  // of the last reading
  };

  bool ReadFile(const std::string& path, File* file);

  const FileDiscovery discovery_;
  std::map<std::string, File> files_;
  int64_t next_refresh_ms_ = 0;
  uint64_t errors_ = 0;
  std::string last_error_;
};

}  // namespace baro::discovery
