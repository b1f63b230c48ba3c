// A pod's record says whose a control group is, and which workload people know it by.
#include "pod_list.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"
#include "pods_testing.h"

namespace baro::agent {
namespace {

using kubernetes::JsonParser;

Workload WorkloadOfText(std::string_view metadata) {
  JsonParser parser;
  const std::string text = base::StrCat(R"({"metadata":)", metadata, "}");
  const auto pod = parser.Parse(text, "a test");
  EXPECT_TRUE(pod.ok());
  return WorkloadOf(*pod);
}

TEST(PodList, NamesTheWorkloadThatPeopleKnow) {
  const auto owned = [](std::string_view kind, std::string_view name, std::string_view hash) {
    return WorkloadOfText(base::StrCat(R"({"labels":{"pod-template-hash":")", hash,
                                       R"("},"ownerReferences":[{"kind":"Other","name":"x"},)",
                                       R"({"kind":")", kind, R"(","name":")", name,
                                       R"(","controller":true}]})"));
  };
  EXPECT_EQ(owned("ReplicaSet", "web-5d4f8c7b9", "5d4f8c7b9").kind, "Deployment");
  EXPECT_EQ(owned("ReplicaSet", "web-5d4f8c7b9", "5d4f8c7b9").name, "web");
  EXPECT_EQ(owned("ReplicaSet", "plain", "").kind, "ReplicaSet") << "made by hand";
  EXPECT_EQ(owned("Job", "backup-28584180", "").kind, "CronJob");
  EXPECT_EQ(owned("Job", "backup-28584180", "").name, "backup");
  EXPECT_EQ(owned("Job", "migrate-v2", "").kind, "Job");
  EXPECT_EQ(owned("StatefulSet", "db", "").name, "db");
  EXPECT_EQ(WorkloadOfText("{}").kind, "");
}

TEST(PodList, ReadsWhatTheKubeletSays) {
  JsonParser parser;
  const std::string text = base::StrCat(
      R"({"items":[)", CgroupFolder::PodJson(1, 2), R"(,{"metadata":{"uid":"u2","name":"done"},)",
      R"("status":{"phase":"Succeeded"}},{"metadata":{"uid":"u3","name":"etcd","annotations":)",
      R"({"kubernetes.io/config.hash":"0123456789abcdef0123456789abcdef"}},"spec":)",
      R"({"hostNetwork":true}},{}]})");
  const auto list = parser.Parse(text, "a test");
  ASSERT_TRUE(list.ok());
  const PodRecords pods = ReadPodRecords(*list);
  ASSERT_EQ(pods.size(), 2u);
  const PodRecord& pod = pods.at(CgroupFolder::Uid(1));
  EXPECT_EQ(pod.name, "web-1");
  EXPECT_EQ(pod.workload.name, "web");
  ASSERT_EQ(pod.containers.size(), 2u);
  EXPECT_EQ(pod.containers[1].id, CgroupFolder::Id(1, 1));
  EXPECT_EQ(pod.containers[1].started_seconds, 1'714'557'600);
  EXPECT_TRUE(pods.at("0123456789abcdef0123456789abcdef").host_network) << "a static pod";
}

}  // namespace
}  // namespace baro::agent
