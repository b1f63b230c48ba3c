// /proc/mdstat: software RAID.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace baro::agent {

struct MdDevice {
  std::string_view name;
  std::string_view state;  // active, inactive, recovering, resyncing, checking
  double disks_required = 0;
  double disks_active = 0;
  double disks_failed = 0;
  double disks_spare = 0;
  double blocks = 0;
  double blocks_synced = 0;
};

// The devices refer to `text`. Error: DataLoss with the line.
absl::Status ParseMdstat(std::string_view text, std::vector<MdDevice>* devices);

}  // namespace baro::agent
