#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>

#include "baro/base/memory_budget.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/model/matcher.h"
#include "baro/net/form.h"
#include "baro/net/url.h"
#include "version.h"

namespace baro::collector {
namespace {

// Durations and sizes as they stand on the command line.
struct TextFlags {
  std::string retention = "30d";
  std::string downsample;
  std::string query_timeout = "2m";
  std::string query_lookback = "5m";
  std::string query_memory = "0";
  std::string query_cache = "64MiB";
  std::string query_slow = "1s";
  std::string memory_limit = "auto";
  bool lifecycle = false;
  std::string external_url;
  std::optional<std::string> route_prefix;
  std::string resend_delay = "1m";
  std::string outage_tolerance = "1h";
  std::string grace_period = "10m";
};

// CLI11's own bounds print the largest double there is, all 309 digits of it.
CLI::Validator WholeNumber(int64_t most, int64_t least = 1) {
  return CLI::Validator(
      [most, least](const std::string& text) -> std::string {
        int64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto result = std::from_chars(text.data(), end, value);
        if (result.ec == std::errc{} && result.ptr == end && value >= least && value <= most)
          return {};
        return base::StrCat("\"", text, "\" must be a whole number",
                            least == 0 ? "" : base::StrCat(" above ", least - 1),
                            most == INT64_MAX ? "" : base::StrCat(" and at most ", most));
      },
      "");
}

struct LimitFlag {
  const char* name;
  uint64_t SeriesLimits::* limit;
  const char* help;
};
constexpr LimitFlag kLimitFlags[] = {
    {"limits.series", &SeriesLimits::series, "Series at a time; new ones beyond are refused"},
    {"limits.series-per-target", &SeriesLimits::series_per_target, "Series of one target"},
    {"limits.series-per-metric", &SeriesLimits::series_per_metric,
     "Series of one metric; absent: no limit"},
    {"limits.series-per-job", &SeriesLimits::series_per_job, "Series of one job; absent: no limit"},
    {"limits.labels-per-series", &SeriesLimits::labels_per_series, "Labels of one series"},
    {"limits.label-name-bytes", &SeriesLimits::label_name_bytes, "Length of a label's name"},
    {"limits.label-value-bytes", &SeriesLimits::label_value_bytes, "Length of a label's value"},
};

void DeclareQueryLimits(CLI::App* app, CollectorOptions* options, TextFlags* texts) {
  app->add_option("--query.max-points", options->query_points_max,
                  "Points of one series of a range query")
      ->type_name("COUNT")
      ->check(WholeNumber(100'000'000));
  app->add_option("--query.max-series", options->query_series_max,
                  "Series one selector may find; 0: any number")
      ->type_name("COUNT")
      ->check(WholeNumber(INT64_MAX, 0));
  app->add_option("--query.memory-limit", texts->query_memory,
                  "Memory one query may take, its answer included; 0: any amount that is free")
      ->type_name("SIZE");
  app->add_option("--query.cache-size", texts->query_cache,
                  "Memory for results of range queries; 0: none are kept")
      ->type_name("SIZE");
  app->add_option("--query.slow-threshold", texts->query_slow,
                  "A query that takes longer is listed and logged as slow")
      ->type_name("DURATION");
  app->add_option("--query.log-file", options->query_log_file,
                  "File for a line of JSON a query, as Prometheus' query_log_file")
      ->type_name("FILE");
}

void DeclareRules(CLI::App* app, CollectorOptions* options, TextFlags* texts) {
  app->add_option("--rules.alert.resend-delay", texts->resend_delay,
                  "How long to wait before an alert is told again")
      ->type_name("DURATION");
  app->add_option("--rules.alert.for-outage-tolerance", texts->outage_tolerance,
                  "After a restart, evaluations missed for at most this long are made up for")
      ->type_name("DURATION");
  app->add_option("--rules.alert.for-grace-period", texts->grace_period,
                  "Without effect, for Prometheus' sake: `for` goes on over a restart by itself")
      ->type_name("DURATION");
  app->add_option("--rules.max-concurrent-evals", options->rules_concurrency_max,
                  "Groups of rules that are evaluated at the same time")
      ->type_name("COUNT")
      ->check(WholeNumber(64));
}

void DeclareWeb(CLI::App* app, CollectorOptions* options, TextFlags* texts) {
  app->add_flag("--web.enable-lifecycle", texts->lifecycle,
                "Serve /-/quit as well as /-/reload; =false: neither");
  app->add_option("--web.config.file", options->web_config_file,
                  "TLS, basic authentication and headers, as Prometheus' file of that name")
      ->type_name("FILE");
  app->add_option("--web.external-url", texts->external_url,
                  "Where clients reach this server; its path is the default of --web.route-prefix")
      ->type_name("URL");
  app->add_option("--web.route-prefix", texts->route_prefix, "What every path begins with")
      ->type_name("PATH");
  app->add_option("--web.cors.origin", options->cors_origin,
                  "Origins that browsers may ask from, an anchored regular expression")
      ->type_name("REGEX");
  app->add_option("--web.max-connections", options->connections_max,
                  "Connections at a time; more are refused")
      ->type_name("COUNT")
      ->check(WholeNumber(1'000'000));
}

void Declare(CLI::App* app, CollectorOptions* options, TextFlags* texts) {
  app->set_version_flag("--version", VersionText());
  app->add_option("--config.file", options->config_file, "Configuration file (YAML); may be absent")
      ->type_name("FILE");
  app->add_option("--storage.path", options->storage_path, "Folder of the store; made when absent")
      ->type_name("DIR");
  app->add_option("--storage.retention", texts->retention,
                  "How long samples are kept; 0 keeps everything for ever")
      ->type_name("DURATION");
  app->add_option("--storage.downsample", texts->downsample,
                  "What is kept longer than samples: interval and retention of each tier, such as "
                  "5m:1y,1h:5y; over what the configuration file says")
      ->type_name("LIST");
  app->add_option("--http.listen-address", options->http_address,
                  "Where queries and remote write are answered")
      ->type_name("HOST:PORT");
  app->add_option("--grpc.listen-address", options->grpc_address, "Where agents push to")
      ->type_name("HOST:PORT");
  app->add_option("--query.timeout", texts->query_timeout, "Longest time a query may take")
      ->type_name("DURATION");
  app->add_option("--query.lookback-delta", texts->query_lookback,
                  "How far back an instant query looks for a series' last sample")
      ->type_name("DURATION");
  app->add_option("--query.max-samples", options->query_samples_max,
                  "Samples one query may hold in memory")
      ->type_name("COUNT")
      ->check(WholeNumber(INT64_MAX));
  app->add_option("--query.max-concurrency", options->query_concurrency_max,
                  "Queries that run at the same time; more wait")
      ->type_name("COUNT")
      ->check(WholeNumber(1'000));
  DeclareQueryLimits(app, options, texts);
  app->add_option("--storage.remote.read-sample-limit", options->read_samples_max,
                  "Samples one query of remote read may answer with; 0: any number")
      ->type_name("COUNT")
      ->check(WholeNumber(INT64_MAX, 0));
  app->add_option("--enable-feature", options->features,
                  "created-timestamp-zero-ingestion: remote write 2.0 stores a zero at each start "
                  "timestamp")
      ->delimiter(',')
      ->check(CLI::IsMember({kStartSamplesFeature}));
  DeclareRules(app, options, texts);
  app->add_flag("--web.enable-admin-api", options->admin_api,
                "Allow deleting, snapshots and backups over HTTP");
  DeclareWeb(app, options, texts);
  app->add_option("--storage.backup-path", options->backup_path,
                  "Folder that backups asked for over HTTP go to")
      ->type_name("DIR");
  app->add_flag("--check-config", options->check_config,
                "Read the configuration with all rule and SLO files it names, tell the first "
                "mistake, and end");
  auto* verify = app->add_flag("--tsdb.verify", options->verify,
                               "Read the whole store, tell what is damaged, and end; no other "
                               "process may have it open");
  auto* restore = app->add_option("--tsdb.restore", options->restore_from,
                                  "Restore a backup from this folder into --storage.path, and end")
                      ->type_name("DIR")
                      ->excludes(verify);
  app->add_option("--tsdb.restore-name", options->restore_name,
                  "Which backup to restore; the newest when not given")
      ->type_name("NAME")
      ->needs(restore);
  app->add_option("--memory.limit", texts->memory_limit,
                  "Memory of the whole process; auto: 80% of the cgroup's, else 60% of the "
                  "machine's; 0: no limit")
      ->type_name("SIZE");
  for (const LimitFlag& flag : kLimitFlags) {
    app->add_option(base::StrCat("--", flag.name), options->limits.*flag.limit, flag.help)
        ->type_name("COUNT")
        ->check(WholeNumber(UINT32_MAX));
  }
  app->add_option("--log.level", options->log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app->add_option("--log.format", options->log_format, "console or json")
      ->check(CLI::IsMember({"console", "json"}));
}

absl::Status ReadDuration(const char* flag, const std::string& text, int64_t least_ms,
                          int64_t* value_ms) {
  const auto duration = base::ParseDuration(text);
  if (!duration.ok() || duration->count() < least_ms) {
    return absl::InvalidArgumentError(base::StrCat("cannot read ", flag, " \"", text,
                                                   "\": expected a duration such as 15d, 2m ",
                                                   least_ms == 0 ? "or 0" : "longer than 0"));
  }
  *value_ms = duration->count();
  return absl::OkStatus();
}

absl::Status ReadDownsampling(const std::string& text,
                              std::optional<std::vector<DownsamplingConfig>>* tiers) {
  auto parsed = ParseDownsampling(text);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        base::StrCat("--storage.downsample: ", base::FromAbsl(parsed.status().message())));
  }
  *tiers = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status ReadMemoryLimit(const std::string& text, uint64_t* limit_bytes) {
  if (text == "auto") {
    *limit_bytes = base::DefaultMemoryLimit();
    return absl::OkStatus();
  }
  // Less than this the program alone needs.
  constexpr uint64_t kLeastBytes = uint64_t{64} << 20;
  const auto size = base::ParseByteSize(text);
  if (!size.ok() || (size->bytes != 0 && size->bytes < kLeastBytes)) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot read --memory.limit \"", text,
                     "\": expected auto, 0 or a size of at least 64MiB such as 2GiB"));
  }
  *limit_bytes = size->bytes;
  return absl::OkStatus();
}

absl::Status ReadSize(const char* flag, const std::string& text, uint64_t* bytes) {
  if (text == "0") {
    *bytes = 0;
    return absl::OkStatus();
  }
  const auto size = base::ParseByteSize(text);
  if (!size.ok()) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot read ", flag, " \"", text, "\": expected 0 or a size such as 64MiB"));
  }
  *bytes = size->bytes;
  return absl::OkStatus();
}

absl::Status ReadQueryLimits(const TextFlags& texts, CollectorOptions* options) {
  BARO_TRY(ReadSize("--query.memory-limit", texts.query_memory, &options->query_memory_bytes_max));
  BARO_TRY(ReadSize("--query.cache-size", texts.query_cache, &options->query_cache_bytes));
  return ReadDuration("--query.slow-threshold", texts.query_slow, 0, &options->query_slow_ms);
}

absl::Status CheckAddress(const char* flag, const std::string& address) {
  const auto parsed = net::ParseHostPort(address);
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      base::StrCat(flag, ": ", base::FromAbsl(parsed.status().message())));
}

// The path of a URL is where its routes lie, unless told otherwise.
absl::Status ReadWeb(const TextFlags& texts, CollectorOptions* options) {
  std::string prefix;
  if (!texts.external_url.empty()) {
    const auto url = net::ParseUrl(texts.external_url);
    if (!url.ok() || url->target.find('?') != std::string::npos) {
      return absl::InvalidArgumentError(base::StrCat("cannot read --web.external-url \"",
                                                     texts.external_url,
                                                     "\": expected http(s)://host[:port][/path]"));
    }
    prefix = url->target;
    options->external_url = texts.external_url;
    while (options->external_url.ends_with('/')) options->external_url.pop_back();
  }
  prefix = texts.route_prefix.value_or(prefix);
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty() && !prefix.starts_with('/')) prefix.insert(0, "/");
  options->route_prefix = std::move(prefix);
  const auto origin =
      model::Matcher::Create(model::MatchType::kRegex, "origin", options->cors_origin);
  if (origin.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      base::StrCat("--web.cors.origin: ", base::FromAbsl(origin.status().message())));
}

absl::Status ReadRules(const TextFlags& texts, CollectorOptions* options) {
  int64_t grace_period_ms = 0;
  BARO_TRY(ReadDuration("--rules.alert.resend-delay", texts.resend_delay, 0,
                        &options->rules_resend_delay_ms));
  BARO_TRY(ReadDuration("--rules.alert.for-outage-tolerance", texts.outage_tolerance, 0,
                        &options->rules_outage_tolerance_ms));
  BARO_TRY(ReadDuration("--rules.alert.for-grace-period", texts.grace_period, 0, &grace_period_ms));
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> FlagsOf(const CollectorOptions& options,
                                                         const TextFlags& texts) {
  std::vector<std::pair<std::string, std::string>> flags = {
      {"config.file", options.config_file},
      {"storage.path", options.storage_path},
      {"storage.retention", texts.retention},
      {"storage.downsample", texts.downsample},
      {"http.listen-address", options.http_address},
      {"grpc.listen-address", options.grpc_address},
      {"query.timeout", texts.query_timeout},
      {"query.lookback-delta", texts.query_lookback},
      {"query.max-samples", base::StrCat(options.query_samples_max)},
      {"query.max-concurrency", base::StrCat(options.query_concurrency_max)},
      {"query.max-points", base::StrCat(options.query_points_max)},
      {"query.max-series", base::StrCat(options.query_series_max)},
      {"query.memory-limit", texts.query_memory},
      {"query.cache-size", texts.query_cache},
      {"query.slow-threshold", texts.query_slow},
      {"query.log-file", options.query_log_file},
      {"memory.limit", texts.memory_limit},
      {"storage.remote.read-sample-limit", base::StrCat(options.read_samples_max)},
      {"enable-feature", CLI::detail::join(options.features, ",")},
      {"log.level", options.log_level},
      {"log.format", options.log_format},
      {"storage.backup-path", options.backup_path},
      {"rules.alert.resend-delay", texts.resend_delay},
      {"rules.alert.for-outage-tolerance", texts.outage_tolerance},
      {"rules.alert.for-grace-period", texts.grace_period},
      {"rules.max-concurrent-evals", base::StrCat(options.rules_concurrency_max)},
      {"web.enable-admin-api", options.admin_api ? "true" : "false"},
      {"web.enable-lifecycle", options.lifecycle.value_or(false) ? "true" : "false"},
      {"web.config.file", options.web_config_file},
      {"web.external-url", options.external_url},
      {"web.route-prefix", options.route_prefix.empty() ? "/" : options.route_prefix},
      {"web.cors.origin", options.cors_origin},
      {"web.max-connections", base::StrCat(options.connections_max)},
      {"web.enable-remote-write-receiver", "true"},
      {"web.enable-otlp-receiver", "true"},
  };
  for (const LimitFlag& flag : kLimitFlags) {
    flags.emplace_back(flag.name, base::StrCat(options.limits.*flag.limit));
  }
  std::sort(flags.begin(), flags.end());
  return flags;
}

}  // namespace

absl::StatusOr<std::optional<CollectorOptions>> ParseCommandLine(int argc,
                                                                 const char* const* argv) {
  CollectorOptions options;
  TextFlags texts;
  CLI::App app("Stores what agents and remote write send, and answers PromQL.", "baro-collector");
  Declare(&app, &options, &texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version come this way, too, with exit code 0.
    if (error.get_exit_code() == 0) {
      app.exit(error, std::cout, std::cerr);
      return std::nullopt;
    }
    return absl::InvalidArgumentError(error.what());
  }
  options.retention_given = app.count("--storage.retention") > 0;
  if (app.count("--web.enable-lifecycle") > 0) options.lifecycle = texts.lifecycle;
  BARO_TRY(CheckAddress("--http.listen-address", options.http_address));
  BARO_TRY(CheckAddress("--grpc.listen-address", options.grpc_address));
  BARO_TRY(ReadDuration("--storage.retention", texts.retention, 0, &options.retention_ms));
  if (app.count("--storage.downsample") > 0) {
    BARO_TRY(ReadDownsampling(texts.downsample, &options.downsampling));
  }
  BARO_TRY(ReadDuration("--query.timeout", texts.query_timeout, 1, &options.query_timeout_ms));
  BARO_TRY(
      ReadDuration("--query.lookback-delta", texts.query_lookback, 1, &options.query_lookback_ms));
  BARO_TRY(ReadQueryLimits(texts, &options));
  BARO_TRY(ReadRules(texts, &options));
  BARO_TRY(ReadMemoryLimit(texts.memory_limit, &options.memory_limit_bytes));
  BARO_TRY(ReadWeb(texts, &options));
  options.flags = FlagsOf(options, texts);
  return options;
}

}  // namespace baro::collector
