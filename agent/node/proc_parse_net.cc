// Parsers of /proc/net and the smaller files; proc_parse.h tells what they promise.

#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "proc_parse.h"
#include "proc_text.h"

namespace baro::agent {
namespace {

absl::Status BadLine(std::string_view file, size_t line, std::string_view cause) {
  return absl::DataLossError(base::StrCat("cannot parse ", file, ": line ", line, ": ", cause));
}

bool ParseHex(std::string_view text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, 16);
  return error == std::errc() && end == text.data() + text.size();
}

// "Proto:" without its colon; empty when the line has none.
std::string_view TakeProtocol(std::string_view* line) {
  std::string_view protocol = TakeField(line);
  if (!protocol.ends_with(':')) return {};
  protocol.remove_suffix(1);
  return protocol;
}

// The names of one line with the values of the next.
bool PairUp(std::string_view protocol, std::string_view names, std::string_view numbers,
            std::vector<ProtocolValue>* values) {
  for (std::string_view name = TakeField(&names); !name.empty(); name = TakeField(&names)) {
    ProtocolValue value{protocol, name, 0};
    if (values->size() >= kProcRowsMax || !TakeNumber(&numbers, &value.value)) return false;
    values->push_back(value);
  }
  return TakeField(&numbers).empty();
}

bool ParseHexRow(std::string_view line, HexRow* row) {
  for (std::string_view field = TakeField(&line); !field.empty(); field = TakeField(&line)) {
    uint64_t number = 0;
    if (row->size() >= 64 || !ParseHex(field, &number)) return false;
    row->push_back(number);
  }
  return !row->empty();
}

}  // namespace

absl::Status ParseNetstat(std::string_view text, std::vector<ProtocolValue>* values) {
  values->clear();
  std::string_view names;
  std::string_view numbers;
  for (size_t line = 1; TakeLine(&text, &names); line += 2) {
    if (!TakeLine(&text, &numbers)) return BadLine("netstat", line, "no line of values follows");
    const std::string_view protocol = TakeProtocol(&names);
    if (protocol.empty() || TakeProtocol(&numbers) != protocol) {
      return BadLine("netstat", line, "expected names and values of one protocol");
    }
    if (!PairUp(protocol, names, numbers, values)) {
      return BadLine("netstat", line + 1, "expected a number for each name");
    }
  }
  return absl::OkStatus();
}

absl::Status ParseSnmp6(std::string_view text, std::vector<ProtocolValue>* values) {
  values->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    const std::string_view name = TakeField(&line);
    const size_t six = name.find('6');
    if (six == std::string_view::npos) continue;
    ProtocolValue value{name.substr(0, six + 1), name.substr(six + 1), 0};
    if (values->size() >= kProcRowsMax || !TakeNumber(&line, &value.value)) {
      return BadLine("snmp6", number, "expected a name and a number");
    }
    values->push_back(value);
  }
  return absl::OkStatus();
}

absl::Status ParseSockstat(std::string_view text, std::vector<ProtocolValue>* values) {
  values->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    const std::string_view protocol = TakeProtocol(&line);
    if (protocol.empty()) return BadLine("sockstat", number, "no protocol");
    for (std::string_view name = TakeField(&line); !name.empty(); name = TakeField(&line)) {
      ProtocolValue value{protocol, name, 0};
      if (values->size() >= kProcRowsMax || !TakeNumber(&line, &value.value)) {
        return BadLine("sockstat", number, "expected pairs of name and number");
      }
      values->push_back(value);
    }
  }
  return absl::OkStatus();
}

absl::Status ParseHexRows(std::string_view text, std::vector<HexRow>* rows) {
  rows->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    HexRow row;
    if (rows->size() >= kProcRowsMax || !ParseHexRow(line, &row)) {
      return BadLine("table", number, "expected hexadecimal numbers");
    }
    rows->push_back(std::move(row));
  }
  return absl::OkStatus();
}

absl::Status ParseSchedstat(std::string_view text, std::vector<SchedCpu>* cpus) {
  cpus->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    const std::string_view name = TakeField(&line);
    if (!name.starts_with("cpu")) continue;
    SchedCpu cpu{name.substr(3), 0, 0, 0};
    for (int skipped = 0; skipped < 6; ++skipped) TakeField(&line);
    if (cpus->size() >= kProcRowsMax || !TakeNumber(&line, &cpu.running_ns) ||
        !TakeNumber(&line, &cpu.waiting_ns) || !TakeNumber(&line, &cpu.timeslices)) {
      return BadLine("schedstat", number, "expected nine numbers");
    }
    cpus->push_back(cpu);
  }
  return absl::OkStatus();
}

absl::Status ParseArp(std::string_view text, std::vector<std::string_view>* devices) {
  devices->clear();
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (number == 1) continue;  // headings
    // Address, type, flags, hardware address, mask, device.
    for (int skipped = 0; skipped < 5; ++skipped) TakeField(&line);
    const std::string_view device = TakeField(&line);
    if (device.empty()) return BadLine("arp", number, "expected six fields");
    if (devices->size() >= 16 * kProcRowsMax) return BadLine("arp", number, "too many entries");
    devices->push_back(device);
  }
  return absl::OkStatus();
}

absl::Status ParseUdpQueues(std::string_view text, UdpQueues* queues) {
  std::string_view line;
  for (size_t number = 1; TakeLine(&text, &line); ++number) {
    if (number == 1) continue;  // headings
    // Number, local address, remote address, state, tx:rx.
    for (int skipped = 0; skipped < 4; ++skipped) TakeField(&line);
    const std::string_view field = TakeField(&line);
    const size_t colon = field.find(':');
    uint64_t tx_bytes = 0;
    uint64_t rx_bytes = 0;
    if (colon == std::string_view::npos || !ParseHex(field.substr(0, colon), &tx_bytes) ||
        !ParseHex(field.substr(colon + 1), &rx_bytes)) {
      return BadLine("udp", number, "no queues");
    }
    queues->tx_bytes += tx_bytes;
    queues->rx_bytes += rx_bytes;
  }
  return absl::OkStatus();
}

std::string OsReleaseValue(std::string_view text, std::string_view name) {
  std::string_view line;
  while (TakeLine(&text, &line)) {
    if (!line.starts_with(name) || line.size() == name.size() || line[name.size()] != '=') continue;
    std::string_view value = TrimSpace(line.substr(name.size() + 1));
    const bool quoted = value.size() >= 2 && value.front() == value.back() &&
                        (value.front() == '"' || value.front() == '\'');
    return std::string(quoted ? value.substr(1, value.size() - 2) : value);
  }
  return {};
}

}  // namespace baro::agent
