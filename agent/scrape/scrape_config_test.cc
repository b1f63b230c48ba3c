// A scrape configuration means what it means to Prometheus; what we cannot do is refused with its
// place.
#include "baro/agent/scrape_config.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"

namespace baro::agent {
namespace {

using std::chrono::milliseconds;

TEST(ScrapeConfig, ReadsEveryKey) {
  const auto config = ParseScrapeConfig(R"(
global:
  scrape_interval: 30s
  scrape_timeout: 20s
scrape_configs:
- job_name: plain
- job_name: full
  scrape_interval: 1m30s
  scrape_timeout: 5s
  metrics_path: /probe
  scheme: http
  params: {module: [a, b], target: [x]}
  honor_labels: true
  honor_timestamps: false
  follow_redirects: false
  enable_compression: false
  enable_http2: true
  fallback_scrape_protocol: PrometheusText0.0.4
  body_size_limit: 10MB
  sample_limit: 1
  label_limit: 2
  label_name_length_limit: 3
  label_value_length_limit: 4
  target_limit: 5
  basic_auth: {username: u, password_file: secret}
  static_configs:
  - targets: ["a:1", "b:2"]
    labels: {env: prod, shard: 1}
  file_sd_configs:
  - files: ["targets/*.yml", /abs/t.json]
    refresh_interval: 10s
  relabel_configs: [{action: keep, source_labels: [env], regex: prod}]
  metric_relabel_configs: [{action: labeldrop, regex: x}]
- job_name: fast
  scrape_interval: 1s
  authorization: {credentials: token}
)",
                                        "/etc/baro/a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->jobs.size(), 3u);
  EXPECT_EQ(config->jobs[0].scrape_interval, milliseconds(30'000));
  EXPECT_EQ(config->jobs[0].scrape_timeout, milliseconds(20'000));
  EXPECT_EQ(config->jobs[0].metrics_path, "/metrics");
  const ScrapeJob& full = config->jobs[1];
  EXPECT_EQ(full.scrape_interval, milliseconds(90'000));
  EXPECT_EQ(full.scrape_timeout, milliseconds(5'000));
  EXPECT_EQ(full.params.at("module"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(full.honor_labels);
  EXPECT_FALSE(full.honor_timestamps);
  EXPECT_EQ(full.fallback_scrape_protocol, ScrapeProtocol::kText004);
  EXPECT_EQ(full.body_size_limit, 10u << 20);
  EXPECT_EQ(full.target_limit, 5u);
  EXPECT_EQ(full.http.basic_auth->password_file, "/etc/baro/secret");
  EXPECT_EQ(full.discovery.static_configs[0].labels.at("shard"), "1");
  EXPECT_EQ(full.discovery.file[0].files,
            (std::vector<std::string>{"/etc/baro/targets/*.yml", "/abs/t.json"}));
  EXPECT_EQ(full.relabel_configs.size(), 1u);
  EXPECT_EQ(full.metric_relabel_configs.size(), 1u);
  EXPECT_EQ(config->jobs[2].scrape_timeout, milliseconds(1'000)) << "at most the interval";
  EXPECT_EQ(config->jobs[2].http.authorization->type, "Bearer");
}

void ExpectRefused(std::string_view job, std::string_view message) {
  const auto config = ParseScrapeConfig(base::StrCat("scrape_configs:\n", job), "a.yml");
  EXPECT_EQ(base::FromAbsl(config.status().message()), message) << job;
}

TEST(ScrapeConfig, RefusesMistakesWithTheirPlace) {
  ExpectRefused("- {}\n", "a.yml:2:3: key \"job_name\" is missing");
  ExpectRefused("- job_name: ''\n", "a.yml:2:13: it is empty");
  ExpectRefused("- job_name: a\n- job_name: a\n", "a.yml:3:3: there are two jobs named \"a\"");
  const auto unknown =
      ParseScrapeConfig("scrape_configs:\n- {job_name: a, scrape_intervall: 1s}\n", "a.yml");
  EXPECT_TRUE(base::FromAbsl(unknown.status().message())
                  .starts_with("a.yml:2:17: unknown key \"scrape_intervall\""))
      << unknown.status();
  ExpectRefused("- {job_name: a, scrape_interval: 1s, scrape_timeout: 2s}\n",
                "a.yml:2:3: scrape_timeout 2s of job \"a\" exceeds its scrape_interval 1s");
  ExpectRefused("- {job_name: a, scheme: ftp}\n",
                "a.yml:2:25: scheme \"ftp\" is neither http nor https");
  ExpectRefused("- {job_name: a, fallback_scrape_protocol: Text}\n",
                "a.yml:2:43: \"Text\" is no scrape protocol");
  ExpectRefused("- {job_name: a, scrape_protocols: []}\n", "a.yml:2:35: it is empty");
  ExpectRefused("- {job_name: a, sample_limit_mode: x}\n",
                "a.yml:2:36: \"x\" is neither fail nor truncate");
  ExpectRefused(
      "- {job_name: a, metric_name_validation_scheme: legacy, "
      "metric_name_escaping_scheme: allow-utf-8}\n",
      "a.yml:2:3: metric_name_escaping_scheme allow-utf-8 needs the validation scheme utf8");
  ExpectRefused("- {job_name: a, basic_auth: {username: u}, authorization: {credentials: c}}\n",
                "a.yml:2:29: at most one of basic_auth and authorization is possible");
  ExpectRefused("- {job_name: a, file_sd_configs: [{files: [x.txt]}]}\n",
                "a.yml:2:43: \"x.txt\" is not a .json, .yml or .yaml file (the last part may hold "
                "'*')");
  ExpectRefused("- {job_name: a, static_configs: [{labels: {a: b}}]}\n",
                "a.yml:2:34: key \"targets\" is missing");
}

TEST(ScrapeConfig, InheritsWhatGlobalSays) {
  const auto config = ParseScrapeConfig(R"(
global: {sample_limit: 7, label_limit: 3, scrape_native_histograms: true, extra_scrape_metrics: true,
         metric_name_validation_scheme: legacy, convert_classic_histograms_to_nhcb: true}
scrape_configs:
- {job_name: a}
- {job_name: b, sample_limit: 9, scrape_native_histograms: false, metric_name_validation_scheme: utf8,
   extra_scrape_metrics: false, scrape_protocols: [PrometheusText0.0.4, PrometheusProto]}
)",
                                        "a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  const ScrapeJob& a = config->jobs[0];
  const ScrapeJob& b = config->jobs[1];
  EXPECT_EQ(a.sample_limit, 7u);
  EXPECT_EQ(b.sample_limit, 9u);
  EXPECT_EQ(b.label_limit, 3u);
  EXPECT_TRUE(a.extra_scrape_metrics && a.convert_classic_histograms_to_nhcb);
  EXPECT_FALSE(b.extra_scrape_metrics);
  EXPECT_TRUE(a.legacy_names_only);
  EXPECT_EQ(a.name_escaping, NameEscaping::kUnderscores);
  EXPECT_EQ(b.name_escaping, NameEscaping::kAllowUtf8);
  EXPECT_EQ(a.scrape_protocols.front(), ScrapeProtocol::kProtobuf);
  EXPECT_EQ(b.scrape_protocols, (std::vector{ScrapeProtocol::kText004, ScrapeProtocol::kProtobuf}));
}

TEST(ScrapeConfig, RefusesStaticTargetsThatCannotBeScraped) {
  const auto refused = [](std::string_view targets, std::string_view cause) {
    const std::string job = base::StrCat(
        "- job_name: a\n  static_configs: [{targets: [h:1]}, {targets: [h:2, ", targets, "]}]\n");
    const auto config = ParseScrapeConfig(base::StrCat("scrape_configs:\n", job), "a.yml");
    const auto message = base::FromAbsl(config.status().message());
    EXPECT_TRUE(message.starts_with("a.yml:3:54: cannot scrape target \"")) << message;
    EXPECT_NE(message.find(cause), std::string::npos) << message;
  };
  refused("'http://localhost:80/metrics'", "of job \"a\": an address is host:port");
  refused("'h:1/foo'", "an address is host:port and holds no '/'");
  refused("'a b'", "it holds a space");
  refused("'127.0.0.1:99999'", "\"99999\" is not a port");
  refused("''", "it has no address");
}

TEST(ScrapeConfig, JudgesStaticTargetsAfterRelabelling) {
  const auto good = [](std::string_view rules) {
    const std::string job =
        base::StrCat("- {job_name: a, static_configs: [{targets: ['http://x/y']}], ",
                     "relabel_configs: [", rules, "]}\n");
    return ParseScrapeConfig(base::StrCat("scrape_configs:\n", job), "a.yml").ok();
  };
  EXPECT_TRUE(
      good("{source_labels: [__address__], target_label: __param_target}, "
           "{target_label: __address__, replacement: 'exporter:9115'}"));
  EXPECT_TRUE(good("{action: drop, source_labels: [__address__], regex: 'http.*'}"));
  EXPECT_FALSE(good("{source_labels: [__address__], target_label: __param_target}"));
}

}  // namespace
}  // namespace baro::agent
