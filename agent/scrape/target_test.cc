// A target's labels and URL come out as Prometheus makes them.
#include "target.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

std::shared_ptr<const ScrapeJob> Job(std::string_view yaml) {
  const auto config = ParseScrapeConfig(base::StrCat("scrape_configs:\n- ", yaml), "a.yml");
  EXPECT_TRUE(config.ok()) << config.status();
  return std::make_shared<const ScrapeJob>(config->jobs.at(0));
}

Target Make(std::string_view yaml, const TargetGroup& group = {}) {
  const auto target = MakeTarget(Job(yaml), group, "host:9100");
  EXPECT_TRUE(target.ok()) << target.status();
  EXPECT_TRUE(*target);
  return **target;
}

TEST(Target, HasJobAndInstance) {
  const Target target = Make("{job_name: node}", {{}, {{"env", "prod"}, {"__meta_x", "1"}}});
  EXPECT_EQ(target.labels.ToString(), R"({env="prod", instance="host:9100", job="node"})");
  EXPECT_EQ(target.url, "http://host:9100/metrics");
  EXPECT_EQ(target.discovered.Get("__address__"), "host:9100");
  EXPECT_EQ(target.discovered.Get("__meta_x"), "1");
  EXPECT_EQ(target.interval.count(), 60'000);
}

TEST(Target, IsMadeOfWhatRelabellingLeaves) {
  const Target target = Make(R"({job_name: blackbox, metrics_path: /probe,
    params: {module: [http, 'a b'], x: [y]}, relabel_configs: [
      {source_labels: [__address__], target_label: __param_target},
      {source_labels: [__param_target], target_label: instance},
      {target_label: __address__, replacement: "exporter:9115"},
      {target_label: __param_x, replacement: "1&2"},
      {target_label: __scrape_interval__, replacement: 15s}]})");
  EXPECT_EQ(target.url,
            "http://exporter:9115/probe?module=http&module=a%20b&target=host%3A9100&x=1%262");
  EXPECT_EQ(target.labels.ToString(), R"({instance="host:9100", job="blackbox"})");
  EXPECT_EQ(target.interval.count(), 15'000);
}

TEST(Target, GivesAPathItsSlash) {
  EXPECT_EQ(Make("{job_name: a, metrics_path: metrics}").url, "http://host:9100/metrics");
  EXPECT_EQ(Make("{job_name: a, metrics_path: ''}").url, "http://host:9100/");
}

TEST(Target, MayBeDropped) {
  const auto target = MakeTarget(
      Job("{job_name: a, relabel_configs: [{action: drop, source_labels: [job], regex: a}]}"), {},
      "host:1");
  ASSERT_TRUE(target.ok());
  EXPECT_FALSE(*target);
}

TEST(Target, IsRefusedWithItsName) {
  const auto error = [](std::string_view yaml, const std::string& address) {
    return std::string(base::FromAbsl(MakeTarget(Job(yaml), {}, address).status().message()));
  };
  EXPECT_EQ(
      error("{job_name: a}", "http://x/y"),
      "cannot scrape target \"http://x/y\" of job \"a\": an address is host:port and holds no "
      "'/'");
  EXPECT_EQ(error("{job_name: a}", ""),
            "cannot scrape target \"\" of job \"a\": it has no address");
  EXPECT_NE(error("{job_name: a}", "host:99999").find("is not a port"), std::string::npos);
  EXPECT_NE(error("{job_name: a, relabel_configs: [{target_label: __scrape_timeout__, "
                  "replacement: 2m}]}",
                  "x:1")
                .find("exceeds the scrape interval"),
            std::string::npos);
}

}  // namespace
}  // namespace baro::agent
