// Every parser reads what old, new and huge kernels write, refuses what is none of it with its
// line, and stands any bytes. Method: fixtures of odd kernels, then damage: every truncation and
// many flipped bytes of each.

#include "proc_parse.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <random>

#include "link_dump.h"
#include "node_testing.h"
#include "proc_file.h"

namespace baro::agent {
namespace {

std::string Fixture(const std::string& name) {
  std::ifstream file(std::string(BARO_TESTDATA_DIR) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ProcParse, ReadsStatOfAnOldKernel) {
  const std::string text = Fixture("stat_linux_2_6_9");
  StatText stat;
  ASSERT_TRUE(ParseStat(text, &stat).ok());
  ASSERT_EQ(stat.cpus.size(), 1u);
  EXPECT_EQ(stat.cpus[0].ticks,
            (std::array<uint64_t, kCpuModes>{100, 2, 30, 4000, 5, 6, 7, 0, 0, 0}));
  EXPECT_EQ(stat.interrupts, 1234u);
  EXPECT_EQ(stat.context_switches, 99u);
  EXPECT_EQ(stat.boot_time_s, 1'700'000'000u);
  EXPECT_EQ(stat.forks, 77u);
  EXPECT_EQ(stat.procs_running, 3u);
  EXPECT_EQ(stat.procs_blocked, 1u);
}

TEST(ProcParse, ReadsStatOfManyCpusWithHolesInTheirNumbers) {
  const std::string text = Fixture("stat_128_of_130_cpus");
  StatText stat;
  ASSERT_TRUE(ParseStat(text, &stat).ok());
  ASSERT_EQ(stat.cpus.size(), 128u);
  EXPECT_EQ(stat.cpus[3].cpu, 4u);
  EXPECT_EQ(stat.cpus[127].cpu, 129u);
  EXPECT_EQ(stat.context_switches, UINT64_MAX);
}

TEST(ProcParse, NamesTheLineOfDamage) {
  StatText stat;
  EXPECT_EQ(ParseStat(Fixture("stat_damaged"), &stat).message(),
            "cannot parse stat: line 1: expected numbers");
  std::vector<Mount> mounts;
  EXPECT_EQ(ParseMountinfo(Fixture("mountinfo_cut"), &mounts).message(),
            "cannot parse mountinfo: line 1: not a mount");
  std::vector<NamedValue> values;
  EXPECT_EQ(ParseNamedValues(Fixture("vmstat_cut"), &values).message(),
            "cannot parse values: line 4: expected a name and a number");
}

TEST(ProcParse, ReadsMeminfoFieldsWithAndWithoutUnit) {
  const std::string text = Fixture("meminfo_odd");
  std::vector<MeminfoField> fields;
  ASSERT_TRUE(ParseMeminfo(text, &fields).ok());
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_EQ(fields[1].name, "Active(anon)");
  EXPECT_TRUE(fields[1].in_kb);
  EXPECT_EQ(fields[2].value, 3u);
  EXPECT_FALSE(fields[2].in_kb);
  EXPECT_EQ(fields[3].value, UINT64_MAX);
}

TEST(ProcParse, ReadsDiskstatsOfEveryAge) {
  const std::string text = Fixture("diskstats_all_ages");
  std::vector<DiskText> disks;
  ASSERT_TRUE(ParseDiskstats(text, &disks).ok());
  ASSERT_EQ(disks.size(), 4u);
  EXPECT_EQ(disks[0].value_count, 11u);
  EXPECT_EQ(disks[1].value_count, 4u);  // a partition before 2.6.25
  EXPECT_EQ(disks[2].value_count, 15u);
  EXPECT_EQ(disks[3].value_count, 17u);  // what a newer kernel adds is left
  EXPECT_EQ(disks[3].values[16], 17u);
}

TEST(ProcParse, ReadsMountsWithEscapesAndOptionalFields) {
  std::vector<Mount> mounts;
  ASSERT_TRUE(ParseMountinfo(Fixture("mountinfo_odd"), &mounts).ok());
  ASSERT_EQ(mounts.size(), 4u);
  EXPECT_EQ(mounts[0], (Mount{98, 0, "/dev/root", "/mnt two", "ext3", false}));
  EXPECT_TRUE(mounts[1].read_only);
  EXPECT_EQ(mounts[2], (Mount{0, 40, "s3\tfs", "/a", "fuse.s3\\fs", true}));
  EXPECT_EQ(mounts[3].mount_point, "/");
}

TEST(ProcParse, ReadsInterfacesWithColonsInTheirNames) {
  std::vector<NetDevice> devices;
  ASSERT_TRUE(ParseNetDev(Fixture("net_dev_odd"), &devices).ok());
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[1].name, "eth0.5");
  EXPECT_EQ(devices[1].rx_bytes, UINT64_MAX);
  EXPECT_EQ(devices[2].name, "a:b");
  EXPECT_EQ(devices[2].tx_compressed, 16u);
}

TEST(ProcParse, ReadsPressureAndCpuListsAndUdev) {
  PressureText pressure;
  ASSERT_TRUE(ParsePressure(Fixture("pressure"), &pressure).ok());
  EXPECT_EQ(pressure.some_us, 20'700'597u);
  EXPECT_EQ(pressure.full_us, 7u);
  std::vector<uint32_t> cpus;
  ASSERT_TRUE(ParseCpuList("0-2,8\n", &cpus).ok());
  EXPECT_EQ(cpus, (std::vector<uint32_t>{0, 1, 2, 8}));
  EXPECT_TRUE(ParseCpuList("\n", &cpus).ok());
  EXPECT_TRUE(cpus.empty());
  EXPECT_FALSE(ParseCpuList("0-4294967295", &cpus).ok());
  EXPECT_FALSE(ParseCpuList("3-1", &cpus).ok());
  const std::string udev = Fixture("udev_disk");
  EXPECT_EQ(UdevProperty(udev, "ID_MODEL"), "Disk Model");
  EXPECT_EQ(UdevProperty(udev, "ID_SERIAL"), "");
  EXPECT_EQ(UdevProperty(udev, "ID_WWN"), "");
}

// One RTM_NEWLINK message.
std::string LinkMessage(const std::string& name, uint64_t rx_bytes, size_t stats_bytes) {
  const auto attribute = [](uint16_t type, std::string value) {
    rtattr header{static_cast<uint16_t>(sizeof(rtattr) + value.size()), type};
    value.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
    value.resize(RTA_ALIGN(value.size()));
    return value;
  };
  rtnl_link_stats64 stats{};
  stats.rx_bytes = rx_bytes;
  std::string payload(NLMSG_ALIGN(sizeof(ifinfomsg)), '\0');
  payload += attribute(IFLA_IFNAME, name + '\0');
  payload +=
      attribute(IFLA_STATS64, std::string(reinterpret_cast<const char*>(&stats), stats_bytes));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = RTM_NEWLINK;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + payload;
}

std::string DoneMessage() {
  nlmsghdr header{};
  header.nlmsg_len = sizeof header;
  header.nlmsg_type = NLMSG_DONE;
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

TEST(LinkDump, ReadsLinksOfOlderKernelsToo) {
  const std::string dump = LinkMessage("eth0", 7, sizeof(rtnl_link_stats64)) +
                           LinkMessage("veth1", 9, 23 * 8) + DoneMessage();
  std::vector<NetDevice> devices;
  bool done = false;
  ASSERT_TRUE(ParseLinkDump(dump, &devices, &done).ok());
  EXPECT_TRUE(done);
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].name, "eth0");
  EXPECT_EQ(devices[1].rx_bytes, 9u);
}

TEST(LinkDump, AgreesWithProcNetDev) {
  LinkDump dump;
  std::vector<NetDevice> links;
  const absl::Status status = dump.Read(&links);
  if (absl::IsUnavailable(status)) GTEST_SKIP() << status;
  ASSERT_TRUE(status.ok()) << status;
  ProcFile file("/proc/net/dev");
  const auto text = file.Read();
  ASSERT_TRUE(text.ok());
  std::vector<NetDevice> devices;
  ASSERT_TRUE(ParseNetDev(*text, &devices).ok());
  ASSERT_EQ(links.size(), devices.size());
  for (const NetDevice& device : devices) {
    const auto same = std::find_if(links.begin(), links.end(), [&](const NetDevice& link) {
      return link.name == device.name && link.rx_bytes <= device.rx_bytes &&
             link.tx_packets <= device.tx_packets && link.rx_drop == device.rx_drop;
    });
    EXPECT_NE(same, links.end()) << device.name;
  }
}

// All parsers over one text; none may crash, and lists stay bounded.
void ParseAll(std::string_view text) {
  StatText stat;
  (void)ParseStat(text, &stat);
  std::vector<MeminfoField> fields;
  (void)ParseMeminfo(text, &fields);
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
  for (const size_t size : {stat.cpus.size(), fields.size(), disks.size(), mounts.size(),
                            values.size(), devices.size()}) {
    EXPECT_LE(size, kProcRowsMax + 1);
  }
}

TEST(ProcParse, StandsTruncationAndFlippedBytes) {
  const char* seed_text = std::getenv("BARO_SEED");
  const uint64_t seed =
      seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(testing::Message() << "BARO_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> texts = {LinkMessage("eth0", 7, sizeof(rtnl_link_stats64)) +
                                    DoneMessage()};
  for (const char* name : {"stat_linux_2_6_9", "meminfo_odd", "diskstats_all_ages", "mountinfo_odd",
                           "net_dev_odd", "pressure", "vmstat_cut", "noise"}) {
    texts.push_back(Fixture(name));
  }
  for (const std::string& good : texts) {
    for (size_t size = 0; size <= good.size(); ++size) ParseAll(good.substr(0, size));
    for (int i = 0; i < 300; ++i) {
      std::string bad = good;
      for (int flips = 0; flips < 4; ++flips) {
        bad[random() % bad.size()] = static_cast<char>(random());
      }
      ParseAll(bad);
    }
  }
}

TEST(ProcParse, StandsTenMegabytes) {
  std::string rows;
  while (rows.size() < 10'000'000)
    base::StrAppend(&rows, "field", rows.size(), " ", rows.size(), "\n");
  std::vector<NamedValue> values;
  EXPECT_EQ(ParseNamedValues(rows, &values).code(), absl::StatusCode::kDataLoss);
  ParseAll(std::string(10'000'000, '9'));
  ParseAll(std::string(10'000'000, '\n'));
}

TEST(ProcFile, ReadsAgainWhatHasChanged) {
  TestFolder folder;
  ProcFile file(folder.path() + "/f", 64);
  EXPECT_EQ(file.Read().status().code(), absl::StatusCode::kNotFound);
  folder.Write("f", "one");
  EXPECT_EQ(*file.Read(), "one");
  const std::string large(300'000, 'x');
  folder.Write("f", large);
  EXPECT_EQ(*file.Read(), large);
  folder.Remove("f");
  EXPECT_EQ(file.Read().status().code(), absl::StatusCode::kNotFound);
}

TEST(ProcFile, RefusesAnEndlessFile) {
  ProcFile file("/dev/zero");
  EXPECT_EQ(file.Read().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ProcFile, ReadsProcThroughOneDescriptor) {
  ProcFile file("/proc/uptime");
  const auto first = file.Read();
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->empty());
  EXPECT_TRUE(file.Read().ok());
  EXPECT_EQ(ProcFile("/proc/nothing").Read().status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace baro::agent
