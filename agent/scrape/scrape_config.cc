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

constexpr std::pair<std::string_view, ScrapeProtocol> kProtocols[] = {
    {"PrometheusProto", ScrapeProtocol::kProtobuf},
    {"PrometheusText0.0.4", ScrapeProtocol::kText004},
    {"PrometheusText1.0.0", ScrapeProtocol::kText100},
    {"OpenMetricsText0.0.1", ScrapeProtocol::kOpenMetrics001},
    {"OpenMetricsText1.0.0", ScrapeProtocol::kOpenMetrics100}};

constexpr std::pair<std::string_view, NameEscaping> kEscapings[] = {
    {"allow-utf-8", NameEscaping::kAllowUtf8},
    {"underscores", NameEscaping::kUnderscores},
    {"dots", NameEscaping::kDots},
    {"values", NameEscaping::kValues}};

const std::vector<ScrapeProtocol>& DefaultProtocols(bool native_histograms) {
  static const std::vector<ScrapeProtocol> kText = {
      ScrapeProtocol::kOpenMetrics100, ScrapeProtocol::kOpenMetrics001, ScrapeProtocol::kText100,
      ScrapeProtocol::kText004};
  static const std::vector<ScrapeProtocol> kProtobufFirst = {
      ScrapeProtocol::kProtobuf, ScrapeProtocol::kOpenMetrics100, ScrapeProtocol::kOpenMetrics001,
      ScrapeProtocol::kText100, ScrapeProtocol::kText004};
  return native_histograms ? kProtobufFirst : kText;
}

void ReadProtocols(base::YamlMap* map, std::optional<std::vector<ScrapeProtocol>>* protocols) {
  map->Optional("scrape_protocols", protocols);
  if (!*protocols) return;
  std::set<ScrapeProtocol> seen((*protocols)->begin(), (*protocols)->end());
  if ((*protocols)->empty()) map->Fail("scrape_protocols", "it is empty");
  if (seen.size() != (*protocols)->size()) {
    map->Fail("scrape_protocols", "it names a protocol twice");
  }
}

void ReadByteLimit(base::YamlMap* map, uint64_t* limit) {
  base::ByteSize size{*limit};
  map->Optional("body_size_limit", &size);
  *limit = size.bytes;
}

// `T` is a ScrapeJob or the ScrapeDefaults: the limits are called alike. 0 stands for "not said",
// as in Prometheus.
template <typename T>
void ReadLimits(base::YamlMap* map, T* limits) {
  ReadByteLimit(map, &limits->body_size_limit);
  map->Optional("sample_limit", &limits->sample_limit);
  map->Optional("label_limit", &limits->label_limit);
  map->Optional("label_name_length_limit", &limits->label_name_length_limit);
  map->Optional("label_value_length_limit", &limits->label_value_length_limit);
  map->Optional("target_limit", &limits->target_limit);
  map->Optional("keep_dropped_targets", &limits->keep_dropped_targets);
}

void InheritLimits(const ScrapeDefaults& defaults, ScrapeJob* job) {
  const auto inherit = [&](auto ScrapeJob::* of_job, auto ScrapeDefaults::* of_all) {
    if (job->*of_job == 0) job->*of_job = defaults.*of_all;
  };
  inherit(&ScrapeJob::body_size_limit, &ScrapeDefaults::body_size_limit);
  inherit(&ScrapeJob::sample_limit, &ScrapeDefaults::sample_limit);
  inherit(&ScrapeJob::label_limit, &ScrapeDefaults::label_limit);
  inherit(&ScrapeJob::label_name_length_limit, &ScrapeDefaults::label_name_length_limit);
  inherit(&ScrapeJob::label_value_length_limit, &ScrapeDefaults::label_value_length_limit);
  inherit(&ScrapeJob::target_limit, &ScrapeDefaults::target_limit);
  inherit(&ScrapeJob::keep_dropped_targets, &ScrapeDefaults::keep_dropped_targets);
}

// What was said of names; nothing where nothing was.
struct NameSchemes {
  std::optional<bool> legacy_only;
  std::optional<NameEscaping> escaping;
};

NameSchemes ReadNameSchemes(base::YamlMap* map) {
  NameSchemes schemes;
  std::string validation;
  std::string escaping;
  map->Optional("metric_name_validation_scheme", &validation);
  map->Optional("metric_name_escaping_scheme", &escaping);
  if (validation == "legacy" || validation == "utf8") {
    schemes.legacy_only = validation == "legacy";
  } else if (!validation.empty()) {
    map->Fail("metric_name_validation_scheme",
              base::StrCat("\"", validation, "\" is neither legacy nor utf8"));
  }
  for (const auto& [word, scheme] : kEscapings) {
    if (word == escaping) schemes.escaping = scheme;
  }
  if (!escaping.empty() && !schemes.escaping) {
    map->Fail("metric_name_escaping_scheme",
              base::StrCat("\"", escaping, "\" is none of allow-utf-8, underscores, dots, values"));
  }
  return schemes;
}

// A job that says what names are valid does not inherit how they are escaped.
absl::Status FillNameSchemes(const base::YamlNode& node, const NameSchemes& own,
                             const ScrapeDefaults& defaults, ScrapeJob* job) {
  job->legacy_names_only = own.legacy_only.value_or(defaults.legacy_names_only);
  const NameEscaping usual =
      job->legacy_names_only ? NameEscaping::kUnderscores : NameEscaping::kAllowUtf8;
  const NameEscaping inherited = own.legacy_only ? usual : defaults.name_escaping.value_or(usual);
  job->name_escaping = own.escaping.value_or(inherited);
  if (job->name_escaping != NameEscaping::kAllowUtf8 || !job->legacy_names_only) {
    return absl::OkStatus();
  }
  return node.ErrorAt("metric_name_escaping_scheme allow-utf-8 needs the validation scheme utf8");
}

void ReadLimitMode(base::YamlMap* map, LimitMode* mode) {
  std::string word = "fail";
  map->Optional("sample_limit_mode", &word);
  if (word != "fail" && word != "truncate") {
    map->Fail("sample_limit_mode", base::StrCat("\"", word, "\" is neither fail nor truncate"));
  }
  *mode = word == "truncate" ? LimitMode::kTruncate : LimitMode::kFail;
}

void ReadScheme(base::YamlMap* map, std::string* scheme) {
  map->Optional("scheme", scheme);
  if (*scheme != "http" && *scheme != "https") {
    map->Fail("scheme", base::StrCat("scheme \"", *scheme, "\" is neither http nor https"));
  }
}

void CheckRelabelling(const ScrapeJob& job, base::YamlMap* map) {
  if (job.job_name.empty()) map->Fail("job_name", "it is empty");
  for (const auto& [name, values] : job.params) {
    if (name.empty()) map->Fail("params", "a parameter has no name");
  }
}

absl::Status ReadJob(const base::YamlNode& node, const ScrapeDefaults& defaults, ScrapeJob* job) {
  base::YamlMap map(node);
  job->scrape_native_histograms = defaults.scrape_native_histograms;
  job->always_scrape_classic_histograms = defaults.always_scrape_classic_histograms;
  job->convert_classic_histograms_to_nhcb = defaults.convert_classic_histograms_to_nhcb;
  job->extra_scrape_metrics = defaults.extra_scrape_metrics;
  job->scrape_failure_log_file = defaults.scrape_failure_log_file;
  map.Required("job_name", &job->job_name);
  map.Optional("scrape_interval", &job->scrape_interval);
  map.Optional("scrape_timeout", &job->scrape_timeout);
  map.Optional("metrics_path", &job->metrics_path);
  ReadScheme(&map, &job->scheme);
  map.Optional("params", &job->params);
  map.Optional("honor_labels", &job->honor_labels);
  map.Optional("honor_timestamps", &job->honor_timestamps);
  map.Optional("track_timestamps_staleness", &job->track_timestamps_staleness);
  map.Optional("enable_compression", &job->enable_compression);
  map.Optional("fallback_scrape_protocol", &job->fallback_scrape_protocol);
  map.Optional("scrape_native_histograms", &job->scrape_native_histograms);
  map.Optional("always_scrape_classic_histograms", &job->always_scrape_classic_histograms);
  map.Optional("scrape_classic_histograms", &job->always_scrape_classic_histograms);  // old name
  map.Optional("convert_classic_histograms_to_nhcb", &job->convert_classic_histograms_to_nhcb);
  map.Optional("extra_scrape_metrics", &job->extra_scrape_metrics);
  map.Optional("native_histogram_bucket_limit", &job->native_histogram_bucket_limit);
  map.Optional("native_histogram_min_bucket_factor", &job->native_histogram_min_bucket_factor);
  map.Optional("scrape_failure_log_file", &job->scrape_failure_log_file);
  map.Optional("critical", &job->critical);
  std::optional<std::vector<ScrapeProtocol>> protocols;
  ReadProtocols(&map, &protocols);
  ReadLimits(&map, job);
  ReadLimitMode(&map, &job->sample_limit_mode);
  const NameSchemes names = ReadNameSchemes(&map);
  net::ReadHttpClientConfig(&map, &job->http);
  discovery::ReadDiscoveryConfigs(&map, &job->discovery);
  map.Optional("relabel_configs", &job->relabel_configs);
  map.Optional("metric_relabel_configs", &job->metric_relabel_configs);
  CheckRelabelling(*job, &map);
  BARO_TRY(map.Finish());
  if (!protocols) protocols = defaults.scrape_protocols;
  job->scrape_protocols =
      protocols ? *std::move(protocols) : DefaultProtocols(job->scrape_native_histograms);
  InheritLimits(defaults, job);
  return FillNameSchemes(node, names, defaults, job);
}

absl::Status FillTimes(const base::YamlNode& node, const ScrapeDefaults& defaults, ScrapeJob* job) {
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
  for (const TargetGroup& group : job.discovery.static_configs) {
    for (const std::string& address : group.targets) {
      const absl::Status status = MakeTarget(shared, group, address).status();
      const base::YamlNode& place = index < places.size() ? *places[index] : node;
      if (!status.ok()) return place.ErrorAt(base::FromAbsl(status.message()));
      ++index;
    }
  }
  return absl::OkStatus();
}

void MakePathsAbsolute(const std::string& folder, ScrapeJob* job) {
  discovery::MakePathsAbsolute(folder, &job->discovery);
  net::MakePathsAbsolute(folder, &job->http);
  std::string& log = job->scrape_failure_log_file;
  if (!log.empty()) log = (std::filesystem::path(folder) / log).string();
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, ScrapeProtocol* protocol) {
  std::string name;
  BARO_TRY(base::ReadYaml(node, &name));
  for (const auto& [word, known] : kProtocols) {
    if (word != name) continue;
    *protocol = known;
    return absl::OkStatus();
  }
  return node.ErrorAt(base::StrCat("\"", name, "\" is no scrape protocol"));
}

void ReadScrapeDefaults(base::YamlMap* map, ScrapeDefaults* defaults) {
  map->Optional("scrape_interval", &defaults->scrape_interval);
  map->Optional("scrape_timeout", &defaults->scrape_timeout);
  ReadProtocols(map, &defaults->scrape_protocols);
  ReadLimits(map, defaults);
  map->Optional("scrape_native_histograms", &defaults->scrape_native_histograms);
  map->Optional("always_scrape_classic_histograms", &defaults->always_scrape_classic_histograms);
  map->Optional("convert_classic_histograms_to_nhcb",
                &defaults->convert_classic_histograms_to_nhcb);
  map->Optional("extra_scrape_metrics", &defaults->extra_scrape_metrics);
  map->Optional("scrape_failure_log_file", &defaults->scrape_failure_log_file);
  const NameSchemes names = ReadNameSchemes(map);
  defaults->legacy_names_only = names.legacy_only.value_or(false);
  defaults->name_escaping = names.escaping;
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
    BARO_TRY(ReadJob(node, defaults, &job));
    BARO_TRY(FillTimes(node, defaults, &job));
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
    ReadScrapeDefaults(&global_map, &defaults);
    map.Keep(global_map.Finish());
  }
  const base::YamlNode* list = map.Take("scrape_configs");
  BARO_TRY(map.Finish());
  return ReadScrapeConfigs(list == nullptr ? base::YamlNode() : *list, defaults,
                           std::filesystem::path(file).parent_path().string());
}

}  // namespace baro::agent
