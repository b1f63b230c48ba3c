// The loop asks kubelet and API server over TLS and never lets them delay a pass.
#include "pods_loop.h"

#include <gtest/gtest.h>

#include "agent/kube/kube_testing.h"
#include "baro/base/eventually.h"
#include "baro/kubernetes/testing/api_double.h"
#include "pods_testing.h"

namespace baro::agent {
namespace {

using kubernetes::testing::ApiDouble;
using kubernetes::testing::Fault;

PodsOptions Quick(const CgroupFolder& folder, const ApiDouble& api) {
  PodsOptions options;
  options.paths = {folder.proc(), folder.path(), folder.path(), folder.path()};
  options.kubelet = api.client_config();
  options.api = api.client_config();
  options.node_name = "n1";
  options.interval = std::chrono::milliseconds(10);
  options.kubelet_interval = std::chrono::milliseconds(10);
  options.node_interval = std::chrono::milliseconds(10);
  return options;
}

TEST(PodsLoop, JoinsControlGroupsPodsAndNode) {
  const CgroupFolder folder;
  folder.WritePod(1, 1);
  ApiDouble api(folder.path());
  api.Serve("/pods", base::StrCat(R"({"items":[)", CgroupFolder::PodJson(1, 1), "]}"));
  api.Put("/api/v1/nodes", R"({"metadata":{"name":"n1"},"spec":{"unschedulable":true}})");
  SeriesSink sink;
  auto loop = PodsLoop::Make(Quick(folder, api), &sink, base::RealClock());
  ASSERT_TRUE(loop.ok()) << loop.status();
  (*loop)->Start();
  EXPECT_TRUE(sink.Await([](const SeriesSink::Series& series) {
    return HasSeries(series, {"container_memory_rss", "container=\"c0\"", "pod=\"web-1\""}) &&
           HasSeries(series, {"kube_pod_info", "pod=\"web-1\""}) &&
           HasSeries(series, {"kube_node_spec_unschedulable", "node=\"n1\""});
  }));
  (*loop)->Stop(true);
  EXPECT_EQ(sink.series().size(), 0u);
}

TEST(PodsLoop, PassesGoOnWhileTheKubeletHangs) {
  const CgroupFolder folder;
  ApiDouble api(folder.path());
  api.Inject({.kind = Fault::Kind::kHang, .path_prefix = "/", .count = 1000});
  SeriesSink sink;
  auto loop = PodsLoop::Make(Quick(folder, api), &sink, base::RealClock());
  ASSERT_TRUE(loop.ok()) << loop.status();
  (*loop)->Start();
  EXPECT_TRUE(base::Eventually([&] { return (*loop)->stats().passes >= 20; }));
}

TEST(PodsLoop, SaysThatTheKubeletRefusesIt) {
  const CgroupFolder folder;
  folder.WritePod(1, 1);
  ApiDouble api(folder.path());
  api.SetToken("another", false);
  SeriesSink sink;
  auto loop = PodsLoop::Make(Quick(folder, api), &sink, base::RealClock());
  ASSERT_TRUE(loop.ok()) << loop.status();
  (*loop)->Start();
  EXPECT_TRUE(sink.Await([](const SeriesSink::Series& series) {
    return HasSeries(series, {"baro_collector_state", "reason=\"kubelet_silent\""});
  }));
  // The token is renewed: everything is well again.
  api.SetToken("another", true);
  api.Serve("/pods", base::StrCat(R"({"items":[)", CgroupFolder::PodJson(1, 1), "]}"));
  EXPECT_TRUE(sink.Await([](const SeriesSink::Series& series) {
    return HasSeries(series, {"container=\"c0\""}) &&
           !HasSeries(series, {"reason=\"kubelet_silent\""});
  }));
}

}  // namespace
}  // namespace baro::agent
