// Feeds any bytes to every parser of /proc text and of netlink dumps. The first byte chooses
// nothing: each input goes to all of them, since each must stand anything.

#include <cstdint>
#include <string_view>

#include "proc_parse.h"
#include "section.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::agent;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  StatText stat;
  (void)ParseStat(text, &stat);
  std::vector<MeminfoField> fields;
  (void)ParseMeminfo(text, &fields);
  std::array<double, 3> loads{};
  (void)ParseLoadavg(text, &loads);
  std::vector<DiskText> disks;
  (void)ParseDiskstats(text, &disks);
  std::vector<Mount> mounts;
  (void)ParseMountinfo(text, &mounts);
  std::vector<NamedValue> values;
  (void)ParseNamedValues(text, &values);
  PressureText pressure;
  (void)ParsePressure(text, &pressure);
  std::vector<NetDevice> devices;
  (void)ParseNetDev(text, &devices);
  bool done = false;
  (void)ParseLinkDump(text, &devices, &done);
  std::vector<uint32_t> cpus;
  (void)ParseCpuList(text, &cpus);
  std::vector<ProtocolValue> protocols;
  (void)ParseNetstat(text, &protocols);
  (void)ParseSnmp6(text, &protocols);
  (void)ParseSockstat(text, &protocols);
  std::vector<HexRow> rows;
  (void)ParseHexRows(text, &rows);
  std::vector<SchedCpu> sched;
  (void)ParseSchedstat(text, &sched);
  std::vector<std::string_view> arp;
  (void)ParseArp(text, &arp);
  UdpQueues queues;
  (void)ParseUdpQueues(text, &queues);
  (void)OsReleaseValue(text, "ID");
  (void)UdevProperty(text, "ID_MODEL");
  // What goes on the wire as a protobuf string must be UTF-8, and making it so must be idempotent.
  const std::string valid = ValidUtf8(text);
  if (ValidUtf8(valid) != valid) __builtin_trap();
  return 0;
}
