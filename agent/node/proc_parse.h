// Parsers of /proc and /sys text: pure functions over bytes, safe on anything.
//
// What they return refers to the text they were given. A field that a kernel does not have yet
// stays zero or absent; a line that cannot be what it should is DataLoss with its number. Lists are
// bounded by kProcRowsMax: a kernel with more of anything is an error, never a flood.
// Which fields exist: Documentation/filesystems/proc.rst, admin-guide/iostats.rst,
// accounting/psi.rst.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace baro::agent {

inline constexpr size_t kProcRowsMax = 65'536;

// /proc/stat. Times are in ticks of 1/100 s (USER_HZ), in the kernel's order.
enum CpuMode : uint8_t {
  kUser,
  kNice,
  kSystem,
  kIdle,
  kIowait,
  kIrq,
  kSoftirq,
  kSteal,
  kGuest,
  kGuestNice,
  kCpuModes
};
struct CpuTimes {
  uint32_t cpu = 0;
  std::array<uint64_t, kCpuModes> ticks{};
};
struct StatText {
  std::vector<CpuTimes> cpus;
  uint64_t interrupts = 0;
  uint64_t context_switches = 0;
  uint64_t boot_time_s = 0;
  uint64_t forks = 0;
  uint64_t procs_running = 0;
  uint64_t procs_blocked = 0;
};
absl::Status ParseStat(std::string_view text, StatText* stat);

// /proc/meminfo. `name` is "Active(anon)"; `in_kb` tells whether the value has a unit.
struct MeminfoField {
  std::string_view name;
  uint64_t value = 0;
  bool in_kb = false;
};
absl::Status ParseMeminfo(std::string_view text, std::vector<MeminfoField>* fields);

// /proc/loadavg: the averages over 1, 5 and 15 minutes.
absl::Status ParseLoadavg(std::string_view text, std::array<double, 3>* loads);

// /proc/diskstats: 11 values since 2.6, 15 since 4.18 (discards), 17 since 5.5 (flushes).
inline constexpr size_t kDiskValuesMax = 17;
struct DiskText {
  uint32_t major = 0;
  uint32_t minor = 0;
  std::string_view name;
  size_t value_count = 0;
  std::array<uint64_t, kDiskValuesMax> values{};
};
absl::Status ParseDiskstats(std::string_view text, std::vector<DiskText>* disks);

// /proc/*/mountinfo. Texts are unescaped copies.
struct Mount {
  uint32_t major = 0;
  uint32_t minor = 0;
  std::string device;
  std::string mount_point;
  std::string fs_type;
  bool read_only = false;
  bool operator==(const Mount&) const = default;
};
absl::Status ParseMountinfo(std::string_view text, std::vector<Mount>* mounts);

// Lines "name value", as in /proc/vmstat.
struct NamedValue {
  std::string_view name;
  double value = 0;
};
absl::Status ParseNamedValues(std::string_view text, std::vector<NamedValue>* values);

// /proc/pressure/*: microseconds in total. `has_full` is false where the kernel has no such line.
struct PressureText {
  uint64_t some_us = 0;
  uint64_t full_us = 0;
  bool has_some = false;
  bool has_full = false;
};
absl::Status ParsePressure(std::string_view text, PressureText* pressure);

// What netlink tells of an interface beside its traffic.
struct LinkFacts {
  uint32_t index = 0;
  uint32_t flags = 0;  // IFF_…
  uint32_t type = 0;   // ARPHRD_…
  uint32_t mtu = 0;
  uint32_t link = 0;  // index of the interface it stands on; its own when on none
  uint32_t link_mode = 0;
  uint32_t group = 0;
  uint32_t queue_length = 0;
  uint32_t operstate = 0;  // IF_OPER_…
  uint32_t carrier = 0;
  uint32_t carrier_changes = 0;
  uint32_t carrier_ups = 0;
  uint32_t carrier_downs = 0;
  std::string address;  // "02:fc:00:00:00:01"
  std::string broadcast;
  std::string alias;
};

// The traffic of one interface, as /proc/net/dev groups it.
struct NetDevice {
  std::string name;  // 15 characters at most on Linux, so it never allocates
  uint64_t rx_bytes = 0, rx_packets = 0, rx_errs = 0, rx_drop = 0, rx_fifo = 0, rx_frame = 0;
  uint64_t rx_compressed = 0, rx_multicast = 0, rx_nohandler = 0;
  uint64_t tx_bytes = 0, tx_packets = 0, tx_errs = 0, tx_drop = 0, tx_fifo = 0, tx_colls = 0;
  uint64_t tx_carrier = 0, tx_compressed = 0;
  // /proc/net/dev does not tell rx_nohandler.
  bool has_nohandler = false;
  LinkFacts facts;  // of a link dump only
};
absl::Status ParseNetDev(std::string_view text, std::vector<NetDevice>* devices);
// A run of netlink messages (RTM_NEWLINK with IFLA_STATS64). Sets `done` at the end of the dump.
// Errors: DataLoss; Unavailable (the kernel answered with an error, or the dump was interrupted:
// ask again).
absl::Status ParseLinkDump(std::string_view bytes, std::vector<NetDevice>* devices, bool* done);

// "0-3,8": a list of CPUs as sysfs writes it.
absl::Status ParseCpuList(std::string_view text, std::vector<uint32_t>* cpus);

// /proc/net/netstat and /proc/net/snmp: pairs of lines "Proto: names" and "Proto: values".
struct ProtocolValue {
  std::string_view protocol;
  std::string_view name;
  double value = 0;
};
absl::Status ParseNetstat(std::string_view text, std::vector<ProtocolValue>* values);
// /proc/net/snmp6: lines "Ip6InReceives 1"; the protocol ends with the 6.
absl::Status ParseSnmp6(std::string_view text, std::vector<ProtocolValue>* values);
// /proc/net/sockstat: lines "TCP: inuse 29 orphan 0".
absl::Status ParseSockstat(std::string_view text, std::vector<ProtocolValue>* values);

// Lines of hexadecimal numbers: /proc/net/softnet_stat, and behind its line of headings
// /proc/net/stat/nf_conntrack.
using HexRow = std::vector<uint64_t>;
absl::Status ParseHexRows(std::string_view text, std::vector<HexRow>* rows);

// /proc/schedstat: nanoseconds that tasks ran and waited, and the number of their slices.
struct SchedCpu {
  std::string_view cpu;
  uint64_t running_ns = 0;
  uint64_t waiting_ns = 0;
  uint64_t timeslices = 0;
};
absl::Status ParseSchedstat(std::string_view text, std::vector<SchedCpu>* cpus);

// /proc/net/arp: the device of each entry.
absl::Status ParseArp(std::string_view text, std::vector<std::string_view>* devices);

// /proc/net/udp: bytes in all sockets' queues together.
struct UdpQueues {
  uint64_t tx_bytes = 0;
  uint64_t rx_bytes = 0;
};
absl::Status ParseUdpQueues(std::string_view text, UdpQueues* queues);

// One variable of an os-release file (quotes taken off). Empty when it is not there.
std::string OsReleaseValue(std::string_view text, std::string_view name);

// One device property of udev's database: "E:ID_MODEL=…". Empty when it is not there.
std::string_view UdevProperty(std::string_view text, std::string_view name);

}  // namespace baro::agent
