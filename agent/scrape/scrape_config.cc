#include "baro/agent/scrape_config.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "target.h"

namespace baro::agent {
namespace {

using std::chrono::milliseconds;

// Keys of Prometheus' scrape_config that mean something we cannot do yet; sorted.
constexpr std::string_view kUnsupported[] = {
    "azure_sd_configs",
    "bearer_token",
    "bearer_token_file",
    "consul_sd_configs",
    "convert_classic_histograms_to_nhcb",
    "digitalocean_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_headers",
    "http_sd_configs",
    "ionos_sd_configs",
    "keep_dropped_targets",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "nerve_sd_configs",
    "no_proxy",
    "nomad_sd_configs",
    "oauth2",
    "openstack_sd_configs",
    "ovhcloud_sd_configs",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "scrape_classic_histograms",
    "scrape_failure_log_file",
    "scrape_native_histograms",
    "scrape_protocols",
    "serverset_sd_configs",
    "stackit_sd_configs",
    "tls_config",
    "track_timestamps_staleness",
    "triton_sd_configs",
    "uyuni_sd_configs",
    "vultr_sd_configs",
};

static_assert(std::is_sorted(std::begin(kUnsupported), std::end(kUnsupported)));

void ReadFallback(base::YamlMap* map, ScrapeJob* job) {
  std::string protocol;
  map->Optional("fallback_scrape_protocol", &protocol);
  if (protocol.empty()) return;
  if (protocol == "PrometheusText0.0.4" || protocol == "PrometheusText1.0.0") {
    job->fallback_scrape_protocol = exposition::Format::kText;
  } else if (protocol == "OpenMetricsText0.0.1" || protocol == "OpenMetricsText1.0.0") {
    job->fallback_scrape_protocol = exposition::Format::kOpenMetrics;
  } else {
    map->Fail("fallback_scrape_protocol",
              base::StrCat("scrape protocol \"", protocol, "\" is not supported"));
  }
}

void ReadLimits(base::YamlMap* map, ScrapeJob* job) {
  base::ByteSize body_size{job->body_size_limit};
  map->Optional("body_size_limit", &body_size);
  job->body_size_limit = body_size.bytes;
  map->Optional("sample_limit", &job->sample_limit);
  map->Optional("label_limit", &job->label_limit);
  map->Optional("label_name_length_limit", &job->label_name_length_limit);
  map->Optional("label_value_length_limit", &job->label_value_length_limit);
  map->Optional("target_limit", &job->target_limit);
}

void ReadAuth(base::YamlMap* map, ScrapeJob* job) {
  map->Optional("basic_auth", &job->basic_auth);
  map->Optional("authorization", &job->authorization);
  if (job->basic_auth && job->authorization) {
    map->Fail("authorization", "basic_auth and authorization exclude each other");
  }
}

void RefuseUnsupported(const base::YamlNode& node, base::YamlMap* map) {
  for (const base::YamlNode::Entry& entry : node.entries()) {
    const std::string& key = entry.key.scalar();
    if (std::binary_search(std::begin(kUnsupported), std::end(kUnsupported), key)) {
      map->Keep(entry.value.ErrorAt(base::StrCat(key, " is not supported yet")));
    }
  }
}

absl::Status FillDefaults(const base::YamlNode& node, const ScrapeDefaults& defaults,
                          ScrapeJob* job) {
  if (job->scrape_interval == milliseconds(0)) job->scrape_interval = defaults.scrape_interval;
  if (job->scrape_timeout == milliseconds(0)) {
    job->scrape_timeout = std::min(defaults.scrape_timeout, job->scrape_interval);
  }
  if (job->scrape_timeout <= job->scrape_interval) return absl::OkStatus();
  return node.ErrorAt(base::StrCat("scrape_timeout ", base::FormatDuration(job->scrape_timeout),
                                   " of job \"", job->job_name, "\" exceeds its scrape_interval ",
                                   base::FormatDuration(job->scrape_interval)));
}

// The places of all static targets, in the order of static_configs.
std::vector<const base::YamlNode*> StaticTargetNodes(const base::YamlNode& job) {
  const auto child = [](const base::YamlNode& map, std::string_view key) {
    const auto& entries = map.entries();
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& entry) { return entry.key.scalar() == key; });
    return found == entries.end() ? nullptr : &found->value;
  };
  std::vector<const base::YamlNode*> places;
  const base::YamlNode* const groups = child(job, "static_configs");
  if (groups == nullptr) return places;
  for (const base::YamlNode& group : groups->elements()) {
    const base::YamlNode* const targets = child(group, "targets");
    if (targets == nullptr) continue;
    for (const base::YamlNode& target : targets->elements()) places.push_back(&target);
  }
  return places;
}

// After relabelling, which may drop a target or give it another address.
absl::Status CheckStaticTargets(const base::YamlNode& node, const ScrapeJob& job) {
  const std::vector<const base::YamlNode*> places = StaticTargetNodes(node);
  const auto shared = std::make_shared<const ScrapeJob>(job);
  size_t index = 0;
  for (const TargetGroup& group : job.static_configs) {
    for (const std::string& address : group.targets) {
      const absl::Status status = MakeTarget(shared, group, address).status();
      const base::YamlNode& place = index < places.size() ? *places[index] : node;
      if (!status.ok()) return place.ErrorAt(base::FromAbsl(status.message()));
      ++index;
    }
  }
  return absl::OkStatus();
}

void MakeAbsolute(const std::string& folder, std::string* path) {
  if (!path->empty()) *path = (std::filesystem::path(folder) / *path).string();
}

void MakePathsAbsolute(const std::string& folder, ScrapeJob* job) {
  for (FileDiscovery& discovery : job->file_sd_configs) {
    for (std::string& file : discovery.files) MakeAbsolute(folder, &file);
  }
  if (job->basic_auth) MakeAbsolute(folder, &job->basic_auth->password_file);
  if (job->authorization) MakeAbsolute(folder, &job->authorization->credentials_file);
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, BasicAuth* auth) {
  base::YamlMap map(node);
  map.Required("username", &auth->username);
  map.Optional("password", &auth->password);
  map.Optional("password_file", &auth->password_file);
  if (!auth->password.empty() && !auth->password_file.empty()) {
    map.Fail("password_file", "password and password_file exclude each other");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, Authorization* authorization) {
  base::YamlMap map(node);
  map.Optional("type", &authorization->type);
  map.Optional("credentials", &authorization->credentials);
  map.Optional("credentials_file", &authorization->credentials_file);
  if (!authorization->credentials.empty() && !authorization->credentials_file.empty()) {
    map.Fail("credentials_file", "credentials and credentials_file exclude each other");
  }
  if (authorization->type.find_first_of(" \t\r\n") != std::string::npos) {
    map.Fail("type", "it holds a space");
  }
  return map.Finish();
}

absl::Status ReadYaml(const base::YamlNode& node, ScrapeJob* job) {
  base::YamlMap map(node);
  RefuseUnsupported(node, &map);
  map.Required("job_name", &job->job_name);
  map.Optional("scrape_interval", &job->scrape_interval);
  map.Optional("scrape_timeout", &job->scrape_timeout);
  map.Optional("metrics_path", &job->metrics_path);
  map.Optional("scheme", &job->scheme);
  map.Optional("params", &job->params);
  map.Optional("honor_labels", &job->honor_labels);
  map.Optional("honor_timestamps", &job->honor_timestamps);
  map.Optional("follow_redirects", &job->follow_redirects);
  map.Optional("enable_compression", &job->enable_compression);
  map.Ignore("enable_http2");  // there is none to enable: every exporter speaks HTTP/1.1
  ReadFallback(&map, job);
  ReadLimits(&map, job);
  ReadAuth(&map, job);
  map.Optional("static_configs", &job->static_configs);
  map.Optional("file_sd_configs", &job->file_sd_configs);
  map.Optional("relabel_configs", &job->relabel_configs);
  map.Optional("metric_relabel_configs", &job->metric_relabel_configs);
  if (job->job_name.empty()) map.Fail("job_name", "it is empty");
  if (job->scheme != "http") {
    map.Fail("scheme", base::StrCat("scheme \"", job->scheme, "\" is not supported yet (http is)"));
  }
  return map.Finish();
}

absl::StatusOr<ScrapeConfig> ReadScrapeConfigs(const base::YamlNode& list,
                                               const ScrapeDefaults& defaults,
                                               const std::string& folder) {
  ScrapeConfig config;
  if (list.IsNull()) return config;
  if (list.kind() != base::YamlNode::Kind::kList) return list.ErrorAt("expected a list");
  std::set<std::string> names;
  for (const base::YamlNode& node : list.elements()) {
    ScrapeJob job;
    BARO_TRY(ReadYaml(node, &job));
    BARO_TRY(FillDefaults(node, defaults, &job));
    BARO_TRY(CheckStaticTargets(node, job));
    if (!names.insert(job.job_name).second) {
      return node.ErrorAt(base::StrCat("there are two jobs named \"", job.job_name, "\""));
    }
    MakePathsAbsolute(folder, &job);
    config.jobs.push_back(std::move(job));
  }
  return config;
}

absl::StatusOr<ScrapeConfig> ParseScrapeConfig(std::string_view text, std::string_view file) {
  BARO_TRY_ASSIGN(const base::YamlNode document, base::ParseYaml(text, file));
  base::YamlMap map(document);
  ScrapeDefaults defaults;
  if (const base::YamlNode* global = map.Take("global")) {
    base::YamlMap global_map(*global);
    global_map.Optional("scrape_interval", &defaults.scrape_interval);
    global_map.Optional("scrape_timeout", &defaults.scrape_timeout);
    map.Keep(global_map.Finish());
  }
  const base::YamlNode* list = map.Take("scrape_configs");
  BARO_TRY(map.Finish());
  return ReadScrapeConfigs(list == nullptr ? base::YamlNode() : *list, defaults,
                           std::filesystem::path(file).parent_path().string());
}

}  // namespace baro::agent
