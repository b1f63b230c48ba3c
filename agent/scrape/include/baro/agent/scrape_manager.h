// ScrapeManager: finds targets, scrapes each at its own time, and hands rows to the RowSink.
//
// One thread runs every loop. A target can delay nobody but itself: it has a deadline, bounds on
// body, lines, labels and series, and a phase of its own within the interval, so that scrapes are
// spread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baro/agent/row_sink.h"
#include "baro/agent/scrape_config.h"
#include "baro/base/clock.h"
#include "baro/model/labels.h"

namespace baro::agent {

// What one target looks like from outside: the rows of /targets. A target that cannot be scraped at
// all, or a broken file of file_sd_configs, is a row without url: "down", with its error.
struct TargetStatus {
  std::string job;
  std::string url;
  model::Labels discovered;        // before relabelling
  model::Labels labels;            // that its series carry
  std::string health = "unknown";  // "up", "down" after the last scrape
  std::string last_error;
  int64_t last_scrape_ms = 0;  // 0: not yet
  double last_duration_seconds = 0;
  uint64_t last_samples = 0;
  uint64_t columns = 0;
  uint64_t layout_changes = 0;
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;
};

// As Prometheus' /api/v1/targets has `activeTargets`: a JSON array.
std::string TargetsJson(const std::vector<TargetStatus>& targets);

// Since start. Every scrape that fails and every sample that is not handed on has its reason.
struct ScrapeStats {
  uint64_t scrapes = 0;
  uint64_t samples = 0;                                            // handed on
  uint64_t body_bytes = 0;                                         // unpacked
  uint64_t template_bytes = 0;                                     // of all layout caches now
  uint64_t targets = 0;                                            // that are scraped, now
  uint64_t targets_dropped = 0;                                    // by relabelling, now
  double interval_stretch = 1;                                     // by the CPU governor, now
  std::vector<std::pair<std::string, uint64_t>> failures;          // scrapes by reason
  std::vector<std::pair<std::string, uint64_t>> samples_dropped;   // by reason
  std::vector<std::pair<std::string, uint64_t>> discovery_errors;  // by job
};

// CPUs that the cgroup v2 at `folder` ("/sys/fs/cgroup") may use: cpu.max. 0: no limit, or none
// that can be read.
double CgroupCpuLimit(const std::string& folder);

// Bounds that hold whatever the configuration says.
struct ScrapeOptions {
  uint64_t body_bytes_max = uint64_t{128} << 20;
  uint64_t series_max = 1'000'000;  // of one target
  uint64_t targets_max = 10'000;    // of one job
  // How often files of file_sd_configs are looked at (their times; they are read when changed).
  int64_t discovery_poll_ms = 1'000;
  // CPUs that the process may use; near them the CPU governor stretches intervals. 0: no limit.
  double cpus_max = 0;
};

// Thread-safe.
class ScrapeManager {
 public:
  // `sink` and `clock` must outlive it.
  ScrapeManager(RowSink* sink, const base::Clock* clock, const ScrapeOptions& options = {});
  ~ScrapeManager();

  // Starts the thread. Call once.
  void Start();
  // Replaces what is scraped; loops whose target and settings are unchanged go on undisturbed.
  // May be called before Start() and again at any time. Series of targets that are gone get a
  // stale marker.
  void ApplyConfig(ScrapeConfig config);
  // Ends every scrape and waits. Writes no stale markers: the agent comes back. Call once; the
  // destructor does otherwise.
  void Stop();

  std::vector<TargetStatus> Targets() const;
  // Those that relabelling leaves out, as many as keep_dropped_targets says.
  std::vector<TargetStatus> DroppedTargets() const;
  ScrapeStats Stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace baro::agent
