// The files of control groups read as the kernel's documentation has them; damaged ones tell less,
// never nonsense.
#include "cgroup_numbers.h"

#include <gtest/gtest.h>

namespace baro::agent {
namespace {

TEST(CgroupNumbers, ReadVersion2) {
  CgroupNumbers numbers;
  ParseCpuStat(
      "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnice_usec 0\nnr_periods 100\n"
      "nr_throttled 7\nthrottled_usec 1500000\nnr_bursts 0\nburst_usec 0\n",
      &numbers);
  EXPECT_DOUBLE_EQ(numbers.cpu_seconds, 2.5);
  EXPECT_DOUBLE_EQ(numbers.cpu_user_seconds, 2);
  EXPECT_DOUBLE_EQ(numbers.cpu_system_seconds, 0.5);
  EXPECT_EQ(numbers.cfs_periods, 100);
  EXPECT_EQ(numbers.cfs_throttled_periods, 7);
  EXPECT_DOUBLE_EQ(numbers.cfs_throttled_seconds, 1.5);

  ParseMemoryStat(
      "anon 4096\nfile 8192\nkernel 512\nfile_mapped 100\ninactive_file 1000\n"
      "active_file 2000\npgfault 5\npgmajfault 1\n",
      &numbers);
  EXPECT_EQ(numbers.rss, 4096);
  EXPECT_EQ(numbers.cache, 8192);
  EXPECT_EQ(numbers.inactive_file, 1000);
  EXPECT_EQ(numbers.pgmajfault, 1);

  ParseMemoryEvents("low 0\nhigh 3\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n", &numbers);
  EXPECT_EQ(numbers.oom_kills, 2);
  EXPECT_EQ(numbers.memory_max_events, 12);

  ParseMemoryPressure(
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"
      "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n",
      &numbers);
  EXPECT_DOUBLE_EQ(numbers.memory_pressure.waiting_seconds, 2.5);
  EXPECT_DOUBLE_EQ(numbers.memory_pressure.stalled_seconds, 0.5);
}

TEST(CgroupNumbers, ReadDevices) {
  CgroupNumbers numbers;
  ParseIoStat(
      "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:1 rbytes=1 wbytes=0 "
      "rios=1 wios=0 dbytes=0 dios=0\n254:0\n",
      &numbers);
  ASSERT_EQ(numbers.io.size(), 3u);
  EXPECT_EQ(numbers.io[0].write_bytes, 8192);
  EXPECT_EQ(numbers.io[1].major, 253u);
  EXPECT_EQ(numbers.io[1].reads, 1);
}

TEST(CgroupNumbers, ReadLimits) {
  CgroupNumbers numbers;
  ParseCpuMax("50000 100000\n", &numbers);
  EXPECT_EQ(numbers.cpu_quota_us, 50'000);
  EXPECT_EQ(numbers.cpu_period_us, 100'000);
  ParseCpuMax("max 100000\n", &numbers);
  EXPECT_FALSE(IsTold(numbers.cpu_quota_us));
  EXPECT_EQ(OneNumber("max\n"), 0);
  EXPECT_EQ(OneNumber("9223372036854771712\n"), 0) << "version 1's no limit";
  EXPECT_EQ(OneNumber("18446744073709551615\n"), 0);
  EXPECT_EQ(OneNumber("-1\n"), -1) << "version 1's quota";
  EXPECT_FALSE(IsTold(OneNumber("")));
  EXPECT_FALSE(IsTold(OneNumber("x")));
  ParseCpuWeight("39\n", &numbers);  // what 1 CPU's 1024 shares became
  EXPECT_NEAR(numbers.cpu_shares, 1024, 30);
}

TEST(CgroupNumbers, ReadVersion1) {
  CgroupNumbers numbers;
  ParseOneNumber<&CgroupNumbers::cpu_seconds, 1'000'000'000>("2500000000\n", &numbers);
  EXPECT_DOUBLE_EQ(numbers.cpu_seconds, 2.5);
  ParseCpuStatV1("nr_periods 10\nnr_throttled 3\nthrottled_time 1500000000\n", &numbers);
  EXPECT_DOUBLE_EQ(numbers.cfs_throttled_seconds, 1.5);
  ParseMemoryStatV1(
      "cache 1\nrss 2\ntotal_cache 100\ntotal_rss 200\ntotal_swap 3\n"
      "total_inactive_file 40\n",
      &numbers);
  EXPECT_EQ(numbers.rss, 200);
  EXPECT_EQ(numbers.inactive_file, 40);
  ParseOomControl("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", &numbers);
  EXPECT_EQ(numbers.oom_kills, 4);
  ParseBlkioBytes("8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\n8:0 Total 300\nTotal 300\n",
                  &numbers);
  ParseBlkioCounts("8:0 Read 1\n8:0 Write 2\nTotal 3\n", &numbers);
  ASSERT_EQ(numbers.io.size(), 1u);
  EXPECT_EQ(numbers.io[0].write_bytes, 200);
  EXPECT_EQ(numbers.io[0].writes, 2);
}

TEST(CgroupNumbers, SkipWhatIsDamaged) {
  CgroupNumbers numbers;
  for (const char* text : {"", "\n", "usage_usec", "usage_usec \n", "usage_usec x\n",
                           "usage_usec 99999999999999999999999\n", "8:0", "some total=\n", "::"}) {
    for (const CgroupParser parse :
         {ParseCpuStat, ParseMemoryStat, ParseMemoryEvents, ParseCpuPressure, ParseBlkioBytes}) {
      parse(text, &numbers);
    }
    ParseIoStat(text, &numbers);
  }
  EXPECT_FALSE(IsTold(numbers.cpu_seconds));
  EXPECT_FALSE(IsTold(numbers.cpu_pressure.waiting_seconds));
}

TEST(CgroupNumbers, HaveABoundOnDevices) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "8:" + std::to_string(i) + " rbytes=1\n";
  CgroupNumbers numbers;
  ParseIoStat(text, &numbers);
  EXPECT_EQ(numbers.io.size(), kCgroupDevicesMax);
}

}  // namespace
}  // namespace baro::agent
