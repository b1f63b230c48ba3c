// The tree finds what Kubernetes and its runtimes make, at once when something changes.
#include "cgroup_tree.h"

#include <gtest/gtest.h>

#include "pods_testing.h"

namespace baro::agent {
namespace {

using Kind = CgroupName::Kind;

const std::string kUid = "8c9d0e1f-0000-4000-8000-000000000001";
const std::string kId(64, 'a');

TEST(CgroupName, IsReadAsTheRuntimesWriteIt) {
  const std::string systemd =
      "/kubepods.slice/kubepods-burstable.slice/"
      "kubepods-burstable-pod8c9d0e1f_0000_4000_8000_000000000001.slice";
  EXPECT_EQ(ParseCgroupName("/").kind, Kind::kRoot);
  EXPECT_EQ(ParseCgroupName("/kubepods.slice").kind, Kind::kSlice);
  EXPECT_EQ(ParseCgroupName("/system.slice/containerd.service").kind, Kind::kService);
  EXPECT_EQ(ParseCgroupName(systemd).kind, Kind::kPod);
  EXPECT_EQ(ParseCgroupName(systemd).pod_uid, kUid);
  for (const std::string& name : {"/cri-containerd-" + kId + ".scope", "/crio-" + kId + ".scope",
                                  "/docker-" + kId + ".scope", "/" + kId}) {
    const CgroupName container = ParseCgroupName(systemd + name);
    EXPECT_EQ(container.kind, Kind::kContainer) << name;
    EXPECT_EQ(container.container_id, kId);
    EXPECT_EQ(container.pod_uid, kUid);
  }
  EXPECT_EQ(ParseCgroupName("/kubepods/burstable/pod" + kUid).pod_uid, kUid);
  EXPECT_EQ(ParseCgroupName("/kubepods/pod" + kUid + "/" + kId).container_id, kId);
  EXPECT_EQ(ParseCgroupName("/kubepods/pod0123456789abcdef0123456789abcdef").pod_uid,
            "0123456789abcdef0123456789abcdef")
      << "a static pod";
  EXPECT_EQ(ParseCgroupName(systemd + "/crio-conmon-" + kId + ".scope").kind, Kind::kOther);
  EXPECT_EQ(ParseCgroupName(systemd + "/init.scope").kind, Kind::kOther);
}

TEST(CgroupTree, SeesGroupsComeAndGo) {
  const CgroupFolder folder;
  folder.WritePod(1, 2);
  CgroupTree tree(folder.path(), base::RealClock());
  EXPECT_EQ(tree.version(), CgroupVersion::kV2);
  EXPECT_TRUE(tree.Refresh());
  EXPECT_EQ(tree.groups().size(), 5u + 3u);
  EXPECT_FALSE(tree.Refresh());

  folder.WritePod(2, 1);
  EXPECT_TRUE(tree.Refresh());
  EXPECT_TRUE(tree.groups().contains(CgroupFolder::ContainerGroup(2, 0)));
  folder.WriteGroup(CgroupFolder::ContainerGroup(2, 1), 1);
  EXPECT_TRUE(tree.Refresh()) << "a container of a pod that is known";
  folder.Remove(CgroupFolder::PodGroup(1));
  EXPECT_TRUE(tree.Refresh());
  EXPECT_EQ(tree.groups().size(), 5u + 3u);
}

TEST(CgroupTree, HasABound) {
  const CgroupFolder folder;
  for (size_t i = 0; i < CgroupTree::kGroupsMax + 50; ++i) {
    std::filesystem::create_directories(
        base::StrCat(folder.path(), "/fs/cgroup/system.slice/s", i, ".service"));
  }
  CgroupTree tree(folder.path(), base::RealClock());
  tree.Refresh();
  EXPECT_EQ(tree.groups().size(), CgroupTree::kGroupsMax);
  EXPECT_GE(tree.groups_left_out(), 50u);
}

TEST(CgroupTree, IsEmptyWithoutControlGroups) {
  CgroupTree tree("/nonexistent", base::RealClock());
  EXPECT_TRUE(tree.Refresh());
  EXPECT_EQ(tree.groups().size(), 1u);
}

}  // namespace
}  // namespace baro::agent
