// In cluster mode the series are those of the objects that the API has: through changes, broken
// answers, a change of the holder, and the end.
#include "agent/kube/cluster_collector.h"

#include <gtest/gtest.h>

#include "agent/kube/kube_testing.h"
#include "baro/base/strings.h"
#include "baro/kubernetes/testing/api_double.h"

namespace baro::agent {
namespace {

using kubernetes::testing::ApiDouble;
using kubernetes::testing::Fault;

const std::string kDeployments = "/apis/apps/v1/deployments";
const std::string kPods = "/api/v1/pods";

std::string NewFolder() {
  std::string pattern = ::testing::TempDir() + "/cluster_XXXXXX";
  return mkdtemp(pattern.data());
}

std::string Deployment(std::string_view name, int replicas) {
  return base::StrCat(R"({"metadata":{"namespace":"shop","name":")", name,
                      R"(","generation":2},"spec":{"replicas":)", replicas,
                      R"(},"status":{"replicas":)", replicas, "}}");
}

std::string Pod(std::string_view name, std::string_view uid, std::string_view node) {
  return base::StrCat(R"({"metadata":{"namespace":"shop","name":")", name, R"(","uid":")", uid,
                      R"("},"spec":{"nodeName":")", node, R"("},"status":{"phase":"Pending"}})");
}

ClusterOptions Quick(const ApiDouble& api) {
  ClusterOptions options;
  options.api = api.client_config();
  options.interval = std::chrono::milliseconds(10);
  options.elect = false;
  options.resources = {"deployments", "pods"};
  return options;
}

TEST(ClusterCollector, TellsTheObjectsThereAre) {
  ApiDouble api(NewFolder());
  api.Put(kDeployments, Deployment("web", 3));
  SeriesSink sink;
  auto collector = ClusterCollector::Make(Quick(api), &sink, base::RealClock());
  ASSERT_TRUE(collector.ok()) << collector.status();
  (*collector)->Start();
  const auto replicas = [](const char* name, double value) {
    return [=](const SeriesSink::Series& series) {
      const auto found = series.find(base::StrCat(
          "kube_deployment_spec_replicas{deployment=\"", name,
          "\", instance=\"kube-state-metrics\", job=\"kube-state-metrics\", namespace=\"shop\"}"));
      return found != series.end() && found->second == value;
    };
  };
  EXPECT_TRUE(sink.Await(replicas("web", 3)));
  api.Put(kDeployments, Deployment("web", 5));
  EXPECT_TRUE(sink.Await(replicas("web", 5)));
  api.Put(kDeployments, Deployment("api", 1));
  EXPECT_TRUE(sink.Await(replicas("api", 1)));
  api.Delete(kDeployments, "shop", "web");
  EXPECT_TRUE(sink.Await(
      [](const SeriesSink::Series& series) { return !HasSeries(series, {"deployment=\"web\""}); }));
  EXPECT_TRUE(HasSeries(sink.series(), {"deployment=\"api\""}));
  (*collector)->Stop(true);
  EXPECT_EQ(sink.series().size(), 0u) << sink.series().begin()->first;
}

TEST(ClusterCollector, APodOfTheSameNameIsAnotherPod) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("db-0", "u1", "n1"));
  SeriesSink sink;
  auto collector = ClusterCollector::Make(Quick(api), &sink, base::RealClock());
  ASSERT_TRUE(collector.ok()) << collector.status();
  (*collector)->Start();
  const auto has = [&](const char* uid) {
    return sink.Await([=](const SeriesSink::Series& series) {
      return HasSeries(series, {"kube_pod_status_phase", base::StrCat("uid=\"", uid, "\"")});
    });
  };
  EXPECT_TRUE(has("u1"));
  api.Put(kPods, Pod("db-0", "u2", "n1"));
  EXPECT_TRUE(has("u2"));
  EXPECT_FALSE(HasSeries(sink.series(), {"uid=\"u1\""}));
}

TEST(ClusterCollector, CanLeaveScheduledPodsToTheAgentsOfTheirNodes) {
  ApiDouble api(NewFolder());
  api.Put(kPods, Pod("placed", "u1", "n1"));
  api.Put(kPods, Pod("waiting", "u2", ""));
  SeriesSink sink;
  ClusterOptions options = Quick(api);
  options.unscheduled_pods = true;
  auto collector = ClusterCollector::Make(options, &sink, base::RealClock());
  ASSERT_TRUE(collector.ok()) << collector.status();
  (*collector)->Start();
  EXPECT_TRUE(sink.Await(
      [](const SeriesSink::Series& series) { return HasSeries(series, {"pod=\"waiting\""}); }));
  EXPECT_FALSE(HasSeries(sink.series(), {"pod=\"placed\""}));
}

TEST(ClusterCollector, TellsWhatItCannotRead) {
  ApiDouble api(NewFolder());
  api.Put(kDeployments, Deployment("web", 3));
  api.Inject({.kind = Fault::Kind::kStatus, .status = 403, .path_prefix = kPods, .count = 1000});
  SeriesSink sink;
  auto collector = ClusterCollector::Make(Quick(api), &sink, base::RealClock());
  ASSERT_TRUE(collector.ok()) << collector.status();
  (*collector)->Start();
  EXPECT_TRUE(sink.Await([](const SeriesSink::Series& series) {
    return HasSeries(series, {"baro_collector_state", "collector=\"kube_pods\"",
                              "reason=\"not_listed\""}) &&
           HasSeries(series, {"kube_deployment_spec_replicas"});
  }));
  EXPECT_EQ(sink.Value({"up{"}), 0);
}

TEST(ClusterCollector, OnlyTheHolderOfTheLeaseCollects) {
  ApiDouble api(NewFolder());
  api.Put(kDeployments, Deployment("web", 3));
  SeriesSink first_sink;
  SeriesSink second_sink;
  ClusterOptions options = Quick(api);
  options.elect = true;
  options.lease.duration_ms = 400;
  options.lease.renew_deadline_ms = 250;
  options.lease.retry_ms = 20;
  auto first = ClusterCollector::Make(options, &first_sink, base::RealClock());
  ASSERT_TRUE(first.ok()) << first.status();
  (*first)->Start();
  const auto collects = [](const SeriesSink::Series& series) {
    return HasSeries(series, {"kube_deployment_spec_replicas"});
  };
  EXPECT_TRUE(first_sink.Await(collects));
  auto second = ClusterCollector::Make(options, &second_sink, base::RealClock());
  ASSERT_TRUE(second.ok()) << second.status();
  (*second)->Start();
  EXPECT_EQ(second_sink.rows(), 0u);
  (*first)->Stop(false);
  EXPECT_TRUE(collects(first_sink.series())) << "the series go on with the next holder's rows";
  EXPECT_TRUE(second_sink.Await(collects));
}

TEST(ClusterCollector, RefusesWhatItDoesNotKnow) {
  SeriesSink sink;
  ClusterOptions options;
  options.api.server = "https://127.0.0.1:1";
  options.resources = {"pods", "unicorns"};
  EXPECT_EQ(
      base::FromAbsl(ClusterCollector::Make(options, &sink, base::RealClock()).status().message()),
      "cannot collect resource \"unicorns\": there is no such resource");
}

}  // namespace
}  // namespace baro::agent
