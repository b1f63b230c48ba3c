// The parsers of /proc/net and the small files read what kernels write and name the line of damage.

#include "node_testing.h"
#include "proc_parse.h"

namespace baro::agent {
namespace {

std::string Fixture(const std::string& name) {
  std::ifstream file(std::string(BARO_TESTDATA_DIR) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ProcParseNet, PairsNamesWithValues) {
  const std::string text = Fixture("netstat");
  std::vector<ProtocolValue> values;
  ASSERT_TRUE(ParseNetstat(text, &values).ok());
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[1].protocol, "TcpExt");
  EXPECT_EQ(values[1].name, "ListenDrops");
  EXPECT_EQ(values[1].value, 2);
  EXPECT_EQ(values[3].value, -1);
}

TEST(ProcParseNet, NamesTheLineOfDamage) {
  std::vector<ProtocolValue> values;
  EXPECT_EQ(ParseNetstat(Fixture("snmp_cut"), &values).message(),
            "cannot parse netstat: line 2: expected a number for each name");
  EXPECT_EQ(ParseNetstat("Tcp: a\nUdp: 1\n", &values).message(),
            "cannot parse netstat: line 1: expected names and values of one protocol");
  EXPECT_EQ(ParseNetstat("Tcp: a\n", &values).message(),
            "cannot parse netstat: line 1: no line of values follows");
  EXPECT_EQ(ParseNetstat("Tcp: a\nTcp: 1 2\n", &values).message(),
            "cannot parse netstat: line 2: expected a number for each name");
  EXPECT_EQ(ParseSockstat("TCP: inuse\n", &values).message(),
            "cannot parse sockstat: line 1: expected pairs of name and number");
  std::vector<HexRow> rows;
  EXPECT_EQ(ParseHexRows("00 01\n0g\n", &rows).message(),
            "cannot parse table: line 2: expected hexadecimal numbers");
}

TEST(ProcParseNet, ReadsIpv6AndSockets) {
  std::vector<ProtocolValue> values;
  const std::string snmp6 = Fixture("snmp6");
  ASSERT_TRUE(ParseSnmp6(snmp6, &values).ok());
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0].protocol, "Ip6");
  EXPECT_EQ(values[1].protocol, "UdpLite6");
  EXPECT_EQ(values[1].name, "InErrors");
  const std::string sockstat = Fixture("sockstat");
  ASSERT_TRUE(ParseSockstat(sockstat, &values).ok());
  ASSERT_EQ(values.size(), 8u);
  EXPECT_EQ(values[0].protocol, "sockets");
  EXPECT_EQ(values[5].name, "mem");
  EXPECT_EQ(values[5].value, 3);
}

TEST(ProcParseNet, ReadsHexTablesOfEveryAge) {
  std::vector<HexRow> rows;
  ASSERT_TRUE(ParseHexRows(Fixture("softnet_two_ages"), &rows).ok());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].size(), 15u);
  EXPECT_EQ(rows[0][0], 0x4b157u);
  EXPECT_EQ(rows[0][12], 7u);
  EXPECT_EQ(rows[1].size(), 9u);
}

TEST(ProcParseNet, ReadsSchedstatArpAndUdp) {
  const std::string schedstat = Fixture("schedstat");
  std::vector<SchedCpu> cpus;
  ASSERT_TRUE(ParseSchedstat(schedstat, &cpus).ok());
  ASSERT_EQ(cpus.size(), 1u);
  EXPECT_EQ(cpus[0].cpu, "0");
  EXPECT_EQ(cpus[0].running_ns, 1'500'000'000u);
  EXPECT_EQ(cpus[0].timeslices, 9u);
  const std::string arp = Fixture("arp");
  std::vector<std::string_view> devices;
  ASSERT_TRUE(ParseArp(arp, &devices).ok());
  EXPECT_EQ(devices, (std::vector<std::string_view>{"eth0", "eth0"}));
  UdpQueues queues;
  ASSERT_TRUE(ParseUdpQueues(Fixture("udp"), &queues).ok());
  EXPECT_EQ(queues.tx_bytes, 0x10u);
  EXPECT_EQ(queues.rx_bytes, 0xffu);
}

TEST(ProcParseNet, ReadsOsReleaseWithAnyQuotes) {
  const std::string text = Fixture("os_release");
  EXPECT_EQ(OsReleaseValue(text, "NAME"), "Debian GNU/Linux");
  EXPECT_EQ(OsReleaseValue(text, "ID"), "debian");
  EXPECT_EQ(OsReleaseValue(text, "VERSION_ID"), "12.1.3");
  EXPECT_EQ(OsReleaseValue(text, "EMPTY"), "");
  EXPECT_EQ(OsReleaseValue(text, "VARIANT"), "");
}

}  // namespace
}  // namespace baro::agent
