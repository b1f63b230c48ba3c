// /proc/mdstat as the kernel's md driver prints it, whole, syncing, broken.
#include "mdstat.h"

#include <gtest/gtest.h>

#include <string>

namespace baro::agent {
namespace {

TEST(Mdstat, ReadsEveryKindOfDevice) {
  std::vector<MdDevice> devices;
  const std::string text =
      "Personalities : [raid1] [raid6] [raid0]\n"
      "md0 : active raid1 sdb1[1] sda1[0](F) sdc1[2](S)\n"
      "      1048576 blocks super 1.2 [2/1] [_U]\n"
      "      bitmap: 1/1 pages [4KB], 65536KB chunk\n"
      "\n"
      "md1 : active raid0 sdb2[1] sda2[0]\n"
      "      2097152 blocks super 1.2 512k chunks\n"
      "\n"
      "md2 : active raid6 sde[4] sdd[3] sdc[2] sdb[1]\n"
      "      292945152 blocks level 6, 64k chunk, algorithm 2 [4/3] [_UUU]\n"
      "      [==>..................]  recovery = 12.6% (37043392/292945152) finish=127.5min "
      "speed=33440K/sec\n"
      "\n"
      "md3 : active raid1 sdg[1] sdf[0]\n"
      "      100 blocks [2/2] [UU]\n"
      "      \tresync=DELAYED\n"
      "\n"
      "md4 : inactive sdh[0](S)\n"
      "      7 blocks super 1.2\n"
      "\n"
      "unused devices: <none>\n";
  ASSERT_TRUE(ParseMdstat(text, &devices).ok());
  ASSERT_EQ(devices.size(), 5u);
  EXPECT_EQ(devices[0].name, "md0");
  EXPECT_EQ(devices[0].state, "active");
  EXPECT_EQ(devices[0].disks_required, 2);
  EXPECT_EQ(devices[0].disks_active, 1);
  EXPECT_EQ(devices[0].disks_failed, 1);
  EXPECT_EQ(devices[0].disks_spare, 1);
  EXPECT_EQ(devices[0].blocks_synced, 1048576);
  EXPECT_EQ(devices[1].disks_active, 2);
  EXPECT_EQ(devices[2].state, "recovering");
  EXPECT_EQ(devices[2].blocks_synced, 37043392);
  EXPECT_EQ(devices[3].state, "resyncing");
  EXPECT_EQ(devices[3].blocks_synced, 0);
  EXPECT_EQ(devices[4].state, "inactive");
  EXPECT_EQ(devices[4].disks_required, 0);
  EXPECT_EQ(devices[4].blocks, 7);
}

TEST(Mdstat, RefusesWhatIsCut) {
  std::vector<MdDevice> devices;
  EXPECT_TRUE(ParseMdstat("", &devices).ok());
  EXPECT_TRUE(ParseMdstat("Personalities : \nunused devices: <none>\n", &devices).ok());
  for (const char* text : {"md0 : active raid1 sda[0]\n", "md0\n", "md0 :\n      1 blocks\n",
                           "md0 : active raid1 sda[0]\n      x blocks [1/1] [U]\n",
                           "md0 : active raid1 sda[0]\n      5 blocks\n",
                           "md0 : active raid1 sda[0]\nmd1 : active raid1 sdb[0]\n"}) {
    EXPECT_EQ(ParseMdstat(text, &devices).code(), absl::StatusCode::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace baro::agent
