#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <span>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

constexpr size_t kCardinalityRows = 10;
constexpr size_t kCardinalityRowsMax = 10'000;

void WriteEntries(const std::vector<tsdb::Cardinality::Entry>& entries, size_t limit,
                  JsonWriter* writer) {
  JsonList list(writer);
  for (const auto& entry : std::span(entries).first(std::min(limit, entries.size()))) {
    JsonObject object(list.Next());
    object.Add("name", entry.name);
    object.Add("value", entry.value);
  }
}

void WriteSeen(const std::vector<tsdb::Cardinality::Seen>& seen, size_t limit, bool read,
               JsonWriter* writer) {
  JsonList list(writer);
  for (const auto& one : std::span(seen).first(std::min(limit, seen.size()))) {
    JsonObject object(list.Next());
    object.Add("name", one.name);
    object.Add("series", one.series);
    object.Add("firstSeenMs", one.first_seen_ms);
    object.Add("lastSeenMs", one.last_seen_ms);
    if (read) object.Add("lastReadMs", one.last_read_ms);
  }
}

void WriteRefused(const std::vector<tsdb::Stats::Refused>& refused, JsonWriter* writer) {
  JsonList list(writer);
  for (const auto& one : refused) {
    JsonObject object(list.Next());
    object.Add("limit", one.limit);
    object.Add("total", one.total);
    object.Add("first", one.first);
  }
}

absl::StatusOr<size_t> ReadLimit(const net::ServerRequest& request) {
  const Parameters parameters(request);
  const std::string_view text = parameters.Get("limit");
  if (text.empty()) return kCardinalityRows;
  int64_t limit = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, limit);
  if (result.ec != std::errc{} || result.ptr != end || limit < 1) {
    return absl::InvalidArgumentError("limit must be a positive number");
  }
  if (static_cast<size_t>(limit) > kCardinalityRowsMax) {
    return absl::InvalidArgumentError(base::StrCat("limit must not exceed ", kCardinalityRowsMax));
  }
  return static_cast<size_t>(limit);
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

uint64_t DistinctPairs(const tsdb::Cardinality& cardinality) {
  uint64_t pairs = 0;
  for (const auto& entry : cardinality.values_by_label) pairs += entry.value;
  return pairs;
}

void WriteHeadStats(const tsdb::Stats& stats, const tsdb::Cardinality& cardinality,
                    JsonWriter* writer) {
  JsonObject head(writer);
  head.Add("numSeries", stats.series);
  head.Add("numLabelPairs", DistinctPairs(cardinality));
  head.Add("chunkCount", stats.slots);
  head.Add("minTime", stats.head_time_ms_min);
  head.Add("maxTime", stats.head_time_ms_max);
}

void WriteStoreStats(const tsdb::Stats& stats, JsonWriter* writer) {
  JsonObject store(writer);
  store.Add("writable", stats.writable);
  store.Add("series", stats.series);
  store.Add("targets", stats.targets);
  store.Add("columns", stats.columns);
  store.Add("layouts", stats.layouts);
  store.Add("headBytes", stats.head_bytes);
  store.Add("journalBytes", stats.journal_bytes);
  store.Add("slotBytes", stats.slot_bytes);
  store.Add("slots", stats.slots);
  store.Add("samplesStored", stats.samples_stored_total);
  store.Add("samplesDuplicate", stats.samples_duplicate_total);
  store.Add("samplesOverwritten", stats.samples_overwritten_total);
  store.Add("samplesOutOfOrder", stats.samples_out_of_order_total);
  store.Add("samplesTooOld", stats.samples_too_old_total);
  store.Add("framesUndecodable", stats.frames_undecodable_total);
  store.Add("commits", stats.commits_total);
  store.Add("commitFailures", stats.commit_failures_total);
  store.Add("seals", stats.seals_total);
  store.Add("sealFailures", stats.seal_failures_total);
  store.Add("tombstones", stats.tombstones);
  store.Add("quarantinedParts", stats.quarantined_parts);
  store.Add("appendQueueDepth", stats.append_queue_depth);
  store.Add("replaySeconds", stats.replay_seconds);
  store.Add("replayComplete", stats.replay_complete);
  store.Add("replayBytes", stats.replay_bytes);
  store.Add("replayBytesDone", stats.replay_bytes_done);
}

}  // namespace

Answer BuildInformation(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("version", kApiVersion);
    object.Add("revision", parts.facts.revision);
    object.Add("branch", "");
    object.Add("buildUser", "");
    object.Add("buildDate", "");
    object.Add("goVersion", "");
    object.Add("application", "barograph");
    object.Add("applicationVersion", parts.facts.version);
  }
  return FinishAnswer(&writer);
}

Answer TsdbStatus(const ApiParts& parts, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const size_t limit, ReadLimit(request));
  // All label names, so that their values can be added up.
  const tsdb::Cardinality cardinality = parts.facts.cardinality(kCardinalityRowsMax);
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    WriteHeadStats(parts.facts.store_stats(), cardinality, object.Key("headStats"));
    WriteEntries(cardinality.series_by_metric, limit, object.Key("seriesCountByMetricName"));
    WriteEntries(cardinality.values_by_label, limit, object.Key("labelValueCountByLabelName"));
    WriteEntries(cardinality.bytes_by_label, limit, object.Key("memoryInBytesByLabelName"));
    WriteEntries(cardinality.series_by_label_pair, limit,
                 object.Key("seriesCountByLabelValuePair"));
  }
  return FinishAnswer(&writer);
}

// Where the series come from: baro tsdb cardinality shows it.
Answer CardinalityStatus(const ApiParts& parts, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const size_t limit, ReadLimit(request));
  const tsdb::Cardinality cardinality = parts.facts.cardinality(limit);
  const tsdb::Stats stats = parts.facts.store_stats();
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("series", stats.series);
    object.Add("targets", stats.targets);
    object.Add("columns", stats.columns);
    object.Add("layouts", stats.layouts);
    object.Add("indexBytes", stats.index_bytes);
    WriteSeen(cardinality.metrics, limit, true, object.Key("metrics"));
    WriteSeen(cardinality.targets, limit, false, object.Key("largestTargets"));
    WriteEntries(cardinality.series_by_job, limit, object.Key("seriesByJob"));
    WriteEntries(cardinality.series_by_namespace, limit, object.Key("seriesByNamespace"));
    WriteEntries(cardinality.values_by_label, limit, object.Key("valuesByLabel"));
    WriteEntries(cardinality.bytes_by_label, limit, object.Key("bytesByLabel"));
    WriteEntries(cardinality.series_by_label_pair, limit, object.Key("seriesByLabelPair"));
    WriteRefused(stats.refused, object.Key("refused"));
  }
  return FinishAnswer(&writer);
}

Answer ConfigStatus(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("yaml", parts.facts.config_yaml());
  }
  return FinishAnswer(&writer);
}

Answer FlagsStatus(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    for (const auto& [name, value] : parts.facts.flags) object.Add(name, value);
  }
  return FinishAnswer(&writer);
}

Answer RuntimeStatus(const ApiParts& parts, const net::ServerRequest&) {
  const auto [reload_time_ms, reload_good] = parts.facts.last_reload();
  std::error_code ignored;
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("startTime", FormatRfc3339(parts.facts.start_time_ms));
    object.Add("CWD", std::filesystem::current_path(ignored).string());
    object.Add("hostname", HostName());
    object.Add("serverTime", FormatRfc3339(parts.clock->NowMs()));
    object.Add("reloadConfigSuccess", reload_good);
    object.Add("lastConfigTime", FormatRfc3339(reload_time_ms));
    object.Add("corruptionCount", 0);
    object.Add("goroutineCount", 0);
    object.Add("GOMAXPROCS", sysconf(_SC_NPROCESSORS_ONLN));
    object.Add("GOMEMLIMIT", 0);
    object.Add("GOGC", "");
    object.Add("GODEBUG", "");
    object.Add("storageRetention", parts.facts.retention);
  }
  return FinishAnswer(&writer);
}

// In bytes of journals, where Prometheus counts segments: what clients show is the share.
Answer ReplayStatus(const ApiParts& parts, const net::ServerRequest&) {
  const tsdb::Stats stats = parts.facts.store_stats();
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("min", 0);
    object.Add("max", stats.replay_bytes);
    object.Add("current", stats.replay_complete ? stats.replay_bytes : stats.replay_bytes_done);
  }
  return FinishAnswer(&writer);
}

// Blocks are Prometheus' files; there are none here, whatever is stored.
Answer TsdbBlocks(const ApiParts&, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  writer.Raw("{\"blocks\":[]}");
  return FinishAnswer(&writer);
}

Answer SelfMetricsStatus(const ApiParts& parts, const net::ServerRequest& request) {
  std::optional<model::Matcher> wanted;
  const Parameters parameters(request);
  if (const auto pattern = parameters.Get("metric_name_pattern"); !pattern.empty()) {
    auto matcher =
        model::Matcher::Create(model::MatchType::kRegex, "pattern", std::string(pattern));
    if (!matcher.ok()) {
      return absl::InvalidArgumentError(base::StrCat("invalid metric_name_pattern: ",
                                                     base::FromAbsl(matcher.status().message())));
    }
    wanted = *std::move(matcher);
  }
  JsonWriter writer = StartAnswer();
  writer.Raw(parts.facts.self_metrics(
      [&wanted](std::string_view name) { return !wanted || wanted->Matches(name); }));
  return FinishAnswer(&writer);
}

Answer Notifications(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonList list(&writer);
    for (const ApiFacts::Notification& notification : parts.facts.notifications()) {
      JsonObject object(list.Next());
      object.Add("text", notification.text);
      object.Add("date", FormatRfc3339(notification.since_ms));
      object.Add("active", true);
    }
  }
  return FinishAnswer(&writer);
}

Answer BaroStatus(const ApiParts& parts, const net::ServerRequest&) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("version", parts.facts.version);
    object.Add("startTime", FormatRfc3339(parts.facts.start_time_ms));
    object.Add("serverTime", FormatRfc3339(parts.clock->NowMs()));
    object.Add("retention", parts.facts.retention);
    object.Add("agents", parts.facts.agents().size());
    object.Add("maxRssBytes", usage.ru_maxrss * 1024);
    WriteStoreStats(parts.facts.store_stats(), object.Key("store"));
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
