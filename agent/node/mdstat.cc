#include "mdstat.h"

#include <algorithm>
#include <cstdint>

#include "baro/base/strings.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

constexpr size_t kDevicesMax = 4096;

double CountOf(std::string_view text, std::string_view part) {
  double count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// "[2/1]" somewhere in the line: required and active disks.
bool FindDisks(std::string_view line, MdDevice* device) {
  for (size_t at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    const size_t slash = line.find('/', at);
    const size_t end = line.find(']', at);
    if (slash == std::string_view::npos || end == std::string_view::npos || slash > end) continue;
    uint64_t required = 0;
    uint64_t active = 0;
    if (!ParseNumber(line.substr(at + 1, slash - at - 1), &required) ||
        !ParseNumber(line.substr(slash + 1, end - slash - 1), &active)) {
      continue;
    }
    device->disks_required = static_cast<double>(required);
    device->disks_active = static_cast<double>(active);
    return true;
  }
  return false;
}

// "      1048576 blocks super 1.2 [2/2] [UU]".
bool ParseStatus(std::string_view device_line, std::string_view line, MdDevice* device) {
  uint64_t blocks = 0;
  std::string_view rest = line;
  if (!TakeNumber(&rest, &blocks)) return false;
  device->blocks = static_cast<double>(blocks);
  device->blocks_synced = device->blocks;
  if (device_line.find("raid0") != std::string_view::npos ||
      device_line.find("linear") != std::string_view::npos) {
    // These have no state of each disk; the device's line counts them.
    device->disks_required = device->disks_active = CountOf(device_line, "[");
    return true;
  }
  return device->state == "inactive" || FindDisks(line, device);
}

// "[==>..]  recovery = 12.6% (37043392/292945152) finish=…", "resync=DELAYED".
void ParseSync(std::string_view line, MdDevice* device) {
  const auto has = [&](std::string_view word) { return line.find(word) != std::string_view::npos; };
  if (has("recovery")) {
    device->state = "recovering";
  } else if (has("check")) {
    device->state = "checking";
  } else if (has("resync")) {
    device->state = "resyncing";
  } else {
    return;
  }
  if (has("PENDING") || has("DELAYED")) device->blocks_synced = 0;
  const size_t open = line.find('(');
  const size_t slash = line.find('/', open == std::string_view::npos ? 0 : open);
  uint64_t synced = 0;
  if (open != std::string_view::npos && slash != std::string_view::npos &&
      ParseNumber(line.substr(open + 1, slash - open - 1), &synced)) {
    device->blocks_synced = static_cast<double>(synced);
  }
}

}  // namespace

absl::Status ParseMdstat(std::string_view text, std::vector<MdDevice>* devices) {
  devices->clear();
  MdDevice* device = nullptr;
  std::string_view device_line;
  bool has_status = false;
  std::string_view line;
  const auto lost = [&] {
    return absl::DataLossError(
        base::StrCat("cannot read mdstat: no status of \"", device_line, "\""));
  };
  while (TakeLine(&text, &line)) {
    if (TrimSpace(line).empty() || line.starts_with("Personalities") ||
        line.starts_with("unused")) {
      continue;
    }
    if (line.front() != ' ' && line.front() != '\t') {
      if (device != nullptr && !has_status) return lost();
      if (devices->size() == kDevicesMax) return absl::DataLossError("too many md devices");
      device_line = line;
      std::string_view rest = line;
      MdDevice next;
      next.name = TakeField(&rest);
      TakeField(&rest);  // ":"
      next.state = TakeField(&rest);
      next.disks_failed = CountOf(line, "(F)");
      next.disks_spare = CountOf(line, "(S)");
      if (next.state.empty()) return lost();
      devices->push_back(next);
      device = &devices->back();
      has_status = false;
    } else if (device != nullptr && !has_status) {
      if (!ParseStatus(device_line, line, device)) return lost();
      has_status = true;
    } else if (device != nullptr && line.find("bitmap") == std::string_view::npos) {
      ParseSync(line, device);
    }
  }
  return device != nullptr && !has_status ? lost() : absl::OkStatus();
}

}  // namespace baro::agent
