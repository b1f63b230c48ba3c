#include "proc_parse.h"

#include <cmath>
#include <limits>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

absl::Status BadLine(std::string_view file, size_t line, std::string_view cause) {
  return absl::DataLossError(base::StrCat("cannot parse ", file, ": line ", line, ": ", cause));
}

absl::Status TooManyRows(std::string_view file) {
  return absl::DataLossError(
      base::StrCat("cannot parse ", file, ": more than ", kProcRowsMax, " rows"));
}

// A line of /proc/stat that begins with "cpu": a CPU, or (no number) their sum, which is skipped.
bool ParseCpuLine(std::string_view name, std::string_view line, std::vector<CpuTimes>* cpus) {
  name.remove_prefix(3);
  if (name.empty()) return true;
  CpuTimes times;
  if (!ParseNumber(name, &times.cpu)) return false;
  for (size_t mode = 0; mode < kCpuModes; ++mode) {
    const std::string_view field = TakeField(&line);
    if (field.empty()) break;  // kernels before 2.6.33 tell fewer modes
    if (!ParseNumber(field, &times.ticks[mode])) return false;
  }
  cpus->push_back(times);
  return true;
}

bool ParseStatLine(std::string_view line, StatText* stat) {
  const std::string_view name = TakeField(&line);
  if (name.starts_with("cpu")) return ParseCpuLine(name, line, &stat->cpus);
  if (name == "intr") return TakeNumber(&line, &stat->interrupts);
  if (name == "ctxt") return TakeNumber(&line, &stat->context_switches);
  if (name == "btime") return TakeNumber(&line, &stat->boot_time_s);
  if (name == "processes") return TakeNumber(&line, &stat->forks);
  if (name == "procs_running") return TakeNumber(&line, &stat->procs_running);
  if (name == "procs_blocked") return TakeNumber(&line, &stat->procs_blocked);
  return true;
}

// mountinfo writes space, tab, newline and backslash as \ and three octal digits.
std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' && octal(i + 1) &&
        octal(i + 2) && octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool HasOption(std::string_view options, std::string_view option) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == option) return true;
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
  }
  return false;
}

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
bool ParseMountLine(std::string_view line, Mount* mount) {
  TakeField(&line);  // mount id
  TakeField(&line);  // parent id
  const std::string_view device_number = TakeField(&line);
  TakeField(&line);  // root within the file system
  mount->mount_point = Unescape(TakeField(&line));
  mount->read_only = HasOption(TakeField(&line), "ro");
  const size_t colon = device_number.find(':');
  if (colon == std::string_view::npos ||
      !ParseNumber(device_number.substr(0, colon), &mount->major) ||
      !ParseNumber(device_number.substr(colon + 1), &mount->minor)) {
    return false;
  }
  std::string_view optional = TakeField(&line);
  while (!optional.empty() && optional != "-") optional = TakeField(&line);
  mount->fs_type = Unescape(TakeField(&line));
  mount->device = Unescape(TakeField(&line));
  mount->read_only = mount->read_only || HasOption(TakeField(&line), "ro");
  return optional == "-" && mount->mount_point.starts_with('/') && !mount->fs_type.empty();
}

bool ParseNetDevLine(std::string_view line, NetDevice* device) {
  const size_t colon = line.rfind(':');
  if (colon == std::string_view::npos) return false;
  device->name = TrimSpace(line.substr(0, colon));
  line.remove_prefix(colon + 1);
  for (uint64_t* value :
       {&device->rx_bytes, &device->rx_packets, &device->rx_errs, &device->rx_drop,
        &device->rx_fifo, &device->rx_frame, &device->rx_compressed, &device->rx_multicast,
        &device->tx_bytes, &device->tx_packets, &device->tx_errs, &device->tx_drop,
        &device->tx_fifo, &device->tx_colls, &device->tx_carrier, &device->tx_compressed}) {
    if (!TakeNumber(&line, value)) return false;
  }
  return !device->name.empty();
}

}  // namespace

absl::Status ParseStat(std::string_view text, StatText* stat) {
  stat->cpus.clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (!ParseStatLine(line, stat)) return BadLine("stat", number, "expected numbers");
    if (stat->cpus.size() > kProcRowsMax) return TooManyRows("stat");
  }
  return absl::OkStatus();
}

absl::Status ParseMeminfo(std::string_view text, std::vector<MeminfoField>* fields) {
  fields->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (TrimSpace(line).empty()) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return BadLine("meminfo", number, "no colon");
    MeminfoField field{.name = line.substr(0, colon)};
    line.remove_prefix(colon + 1);
    if (!TakeNumber(&line, &field.value)) return BadLine("meminfo", number, "expected a number");
    field.in_kb = TakeField(&line) == "kB";
    fields->push_back(field);
    if (fields->size() > kProcRowsMax) return TooManyRows("meminfo");
  }
  return absl::OkStatus();
}

absl::Status ParseLoadavg(std::string_view text, std::array<double, 3>* loads) {
  for (double& load : *loads) {
    if (!TakeNumber(&text, &load) || !std::isfinite(load)) {
      return BadLine("loadavg", 1, "expected three numbers");
    }
  }
  return absl::OkStatus();
}

absl::Status ParseDiskstats(std::string_view text, std::vector<DiskText>* disks) {
  disks->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (TrimSpace(line).empty()) continue;
    DiskText disk;
    if (!TakeNumber(&line, &disk.major) || !TakeNumber(&line, &disk.minor)) {
      return BadLine("diskstats", number, "expected major and minor number");
    }
    disk.name = TakeField(&line);
    std::string_view field = TakeField(&line);
    for (; !field.empty() && disk.value_count < kDiskValuesMax; field = TakeField(&line)) {
      if (!ParseNumber(field, &disk.values[disk.value_count++])) {
        return BadLine("diskstats", number, "expected numbers");
      }
    }
    if (disk.name.empty()) return BadLine("diskstats", number, "no device name");
    disks->push_back(disk);
    if (disks->size() > kProcRowsMax) return TooManyRows("diskstats");
  }
  return absl::OkStatus();
}

absl::Status ParseMountinfo(std::string_view text, std::vector<Mount>* mounts) {
  mounts->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (TrimSpace(line).empty()) continue;
    Mount mount;
    if (!ParseMountLine(line, &mount)) return BadLine("mountinfo", number, "not a mount");
    mounts->push_back(std::move(mount));
    if (mounts->size() > kProcRowsMax) return TooManyRows("mountinfo");
  }
  return absl::OkStatus();
}

absl::Status ParseNamedValues(std::string_view text, std::vector<NamedValue>* values) {
  values->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (TrimSpace(line).empty()) continue;
    NamedValue value;
    value.name = TakeField(&line);
    if (!TakeNumber(&line, &value.value) || !std::isfinite(value.value)) {
      return BadLine("values", number, "expected a name and a number");
    }
    values->push_back(value);
    if (values->size() > kProcRowsMax) return TooManyRows("values");
  }
  return absl::OkStatus();
}

absl::Status ParsePressure(std::string_view text, PressureText* pressure) {
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    const std::string_view kind = TakeField(&line);
    const bool some = kind == "some";
    if (!some && kind != "full") continue;
    std::string_view field = TakeField(&line);
    while (!field.empty() && !field.starts_with("total=")) field = TakeField(&line);
    if (field.empty() ||
        !ParseNumber(field.substr(6), some ? &pressure->some_us : &pressure->full_us)) {
      return BadLine("pressure", number, "no total=");
    }
    (some ? pressure->has_some : pressure->has_full) = true;
  }
  if (!pressure->has_some) return absl::DataLossError("cannot parse pressure: no line \"some\"");
  return absl::OkStatus();
}

absl::Status ParseNetDev(std::string_view text, std::vector<NetDevice>* devices) {
  devices->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (number <= 2 || TrimSpace(line).empty()) continue;  // two lines of headings
    NetDevice device;
    if (!ParseNetDevLine(line, &device)) {
      return BadLine("net/dev", number, "expected a name and 16 numbers");
    }
    devices->push_back(device);
    if (devices->size() > kProcRowsMax) return TooManyRows("net/dev");
  }
  return absl::OkStatus();
}

absl::Status ParseCpuList(std::string_view text, std::vector<uint32_t>* cpus) {
  cpus->clear();
  text = TrimSpace(text);
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view range = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t dash = range.find('-');
    uint32_t first = 0;
    uint32_t last = 0;
    if (!ParseNumber(range.substr(0, dash), &first)) return BadLine("cpu list", 1, "no number");
    last = first;
    if (dash != std::string_view::npos && !ParseNumber(range.substr(dash + 1), &last)) {
      return BadLine("cpu list", 1, "no number after -");
    }
    if (last < first || last - first >= kProcRowsMax) return BadLine("cpu list", 1, "bad range");
    for (uint64_t cpu = first; cpu <= last; ++cpu) cpus->push_back(static_cast<uint32_t>(cpu));
    if (cpus->size() > kProcRowsMax) return TooManyRows("cpu list");
  }
  return absl::OkStatus();
}

std::string_view UdevProperty(std::string_view text, std::string_view name) {
  std::string_view line;
  while (TakeLine(&text, &line)) {
    if (!line.starts_with("E:")) continue;
    line.remove_prefix(2);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=') {
      return line.substr(name.size() + 1);
    }
  }
  return {};
}

}  // namespace baro::agent
