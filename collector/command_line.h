// The flags of baro-collector.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "config.h"

namespace baro::collector {

// What the store takes in; 0: no such limit.
struct SeriesLimits {
  uint64_t series = 10'000'000;
  uint64_t series_per_target = 1'000'000;
  uint64_t series_per_metric = 0;
  uint64_t series_per_job = 0;
  uint64_t labels_per_series = 64;
  uint64_t label_name_bytes = 1'024;
  uint64_t label_value_bytes = 16'384;
};
// Prometheus' name for it.
inline constexpr char kStartSamplesFeature[] = "created-timestamp-zero-ingestion";

struct CollectorOptions {
  std::string config_file;  // empty: none
  std::string storage_path = "./baro-data";
  std::string http_address = "127.0.0.1:9490";
  std::string grpc_address = "127.0.0.1:9491";
  int64_t retention_ms = int64_t{30} * 24 * 3'600 * 1'000;  // 0: for ever
  bool retention_given = false;                             // on the command line
  // Interval and retention of each downsampled tier; absent: as the configuration file says.
  std::optional<std::vector<DownsamplingConfig>> downsampling;
  int64_t query_timeout_ms = 120'000;
  int64_t query_lookback_ms = 300'000;
  int64_t query_samples_max = 50'000'000;
  size_t query_concurrency_max = 20;
  SeriesLimits limits;
  int64_t query_points_max = 11'000;
  int64_t query_series_max = 0;                     // 0: any number
  uint64_t query_memory_bytes_max = 0;              // 0: any number
  uint64_t query_cache_bytes = uint64_t{64} << 20;  // 0: no cache
  int64_t query_slow_ms = 1'000;
  std::string query_log_file;             // empty: none
  int64_t read_samples_max = 50'000'000;  // remote read, one query; 0: any number
  std::vector<std::string> features;      // kStartSamplesFeature
  bool admin_api = false;
  // --web.enable-lifecycle: absent, /-/reload is served and /-/quit is not.
  std::optional<bool> lifecycle;
  std::function<void()> quit;  // what /-/quit does; set by main()
  std::string web_config_file;
  std::string external_url;        // without a slash at its end; empty: not known
  std::string route_prefix;        // of every path, without a slash at its end
  std::string cors_origin = ".*";  // regular expression, anchored
  size_t connections_max = 4'096;
  int64_t rules_resend_delay_ms = 60'000;
  int64_t rules_outage_tolerance_ms = 3'600'000;
  size_t rules_concurrency_max = 4;
  std::string backup_path;  // where backups go; empty: none are taken
  // Instead of serving: verify the store, check the configuration, or restore it from a folder of
  // backups.
  bool verify = false;
  bool check_config = false;
  std::string restore_from;
  std::string restore_name;         // empty: the newest
  uint64_t memory_limit_bytes = 0;  // of the whole process; 0: none
  // Of the hash tables that foreign senders fill; main() takes it from the system.
  uint64_t hash_seed = 0;
  std::string log_level = "info";
  std::string log_format = "console";
  // Every flag with its value, sorted, for status/flags.
  std::vector<std::pair<std::string, std::string>> flags;
};

// Empty: help or the version was asked for and printed; the program ends with 0.
// Errors: InvalidArgument, worded for people; the program ends with 2.
absl::StatusOr<std::optional<CollectorOptions>> ParseCommandLine(int argc, const char* const* argv);

}  // namespace baro::collector
