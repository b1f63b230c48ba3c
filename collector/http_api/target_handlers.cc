#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

// Agents discover and scrape; what the collector knows of a target is its `up` series. Later than
// this without a sample, a target is no longer active.
constexpr int64_t kActiveMs = 5 * 60 * 1000;
// Bounds targets/metadata without a metric: families × targets.
constexpr size_t kMetadataRowsMax = 50'000;

struct ActiveTarget {
  model::Labels labels;  // without __name__
  double up = 0;
  int64_t last_scrape_ms = 0;
  double last_scrape_seconds = 0;
};

// Newest sample of every series that matches and is not stale.
absl::Status NewestSamples(const ApiParts& parts, const std::string& metric,
                           std::map<model::Labels, model::Sample>* newest) {
  model::SelectRequest request;
  request.end_ms = parts.clock->NowMs();
  request.start_ms = request.end_ms - kActiveMs;
  BARO_TRY_ASSIGN(
      model::Matcher matcher,
      model::Matcher::Create(model::MatchType::kEqual, std::string(model::kMetricName), metric));
  request.matchers.push_back(std::move(matcher));
  BARO_TRY_ASSIGN(const auto set, parts.source->Select(request));
  const auto reader = set->Read(0, set->size());
  model::SeriesView view;
  for (;;) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return absl::OkStatus();
    if (view.times_ms.empty() || model::IsStaleNan(view.values.back())) continue;
    model::Labels labels = set->labels(view.index).Merge();
    labels.Remove(model::kMetricName);
    newest->insert_or_assign(std::move(labels),
                             model::Sample{view.times_ms.back(), view.values.back()});
  }
}

absl::StatusOr<std::vector<ActiveTarget>> ActiveTargets(const ApiParts& parts) {
  std::map<model::Labels, model::Sample> up;
  std::map<model::Labels, model::Sample> durations;
  BARO_TRY(NewestSamples(parts, "up", &up));
  BARO_TRY(NewestSamples(parts, "scrape_duration_seconds", &durations));
  std::vector<ActiveTarget> targets;
  for (const auto& [labels, sample] : up) {
    ActiveTarget target{labels, sample.value, sample.time_ms, 0};
    const auto duration = durations.find(labels);
    if (duration != durations.end()) target.last_scrape_seconds = duration->second.value;
    targets.push_back(std::move(target));
  }
  return targets;
}

void WriteTarget(const ActiveTarget& target, JsonWriter* writer) {
  JsonObject object(writer);
  object.Key("discoveredLabels")->Raw("{}");
  object.Key("labels")->Labels(target.labels);
  object.Add("scrapePool", target.labels.Get("job"));
  // The agent alone knows what it asks where; a guess would be taken for the truth.
  object.Add("scrapeUrl", "");
  object.Add("globalUrl", "");
  object.Add("lastError", target.up == 1 ? "" : "up is 0: the agent's /targets tells why");
  object.Add("lastScrape", FormatRfc3339(target.last_scrape_ms));
  object.Add("lastScrapeDuration", target.last_scrape_seconds);
  object.Add("health", target.up == 1 ? "up" : "down");
  object.Add("scrapeInterval", "");
  object.Add("scrapeTimeout", "");
}

struct MetadataQuery {
  std::string metric;
  std::vector<model::Matcher> target_matchers;
  size_t limit = kMetadataRowsMax;
};

// job and instance of every target that has a series of the family now.
absl::StatusOr<std::set<model::Labels>> TargetsOfFamily(const ApiParts& parts,
                                                        const std::string& family,
                                                        const MetadataQuery& query) {
  model::SelectRequest request;
  request.end_ms = parts.clock->NowMs();
  request.start_ms = request.end_ms - kActiveMs;
  request.matchers = query.target_matchers;
  std::string names = family;
  for (const char* suffix : {"_total", "_bucket", "_sum", "_count", "_created", "_info"}) {
    base::StrAppend(&names, "|", family, suffix);
  }
  // A family's name may hold any character of a UTF-8 name.
  std::string escaped;
  for (const char c : names) {
    if (std::string_view("\\.+*?()[]{}^$").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  BARO_TRY_ASSIGN(
      model::Matcher matcher,
      model::Matcher::Create(model::MatchType::kRegex, std::string(model::kMetricName), escaped));
  request.matchers.push_back(std::move(matcher));
  BARO_TRY_ASSIGN(const auto set, parts.source->Select(request));
  std::set<model::Labels> targets;
  for (size_t i = 0; i < set->size(); ++i) {
    const model::LabelsRef labels = set->labels(i);
    targets.insert(model::Labels{{"instance", std::string(labels.Get("instance"))},
                                 {"job", std::string(labels.Get("job"))}});
  }
  return targets;
}

void WriteTargetMetadata(const model::Labels& target, const model::Metadata& metadata,
                         bool with_metric, JsonWriter* writer) {
  JsonObject object(writer);
  object.Key("target")->Labels(target);
  if (with_metric) object.Add("metric", metadata.family);
  object.Add("type", model::MetricTypeName(metadata.type));
  object.Add("help", metadata.help);
  object.Add("unit", metadata.unit);
}

void WriteAgent(const AgentFacts& agent, JsonWriter* writer) {
  JsonObject row(writer);
  row.Add("uuid", agent.uuid);
  row.Add("epoch", base::StrCat(agent.epoch));  // 64 bits: more than a JSON number can hold
  row.Add("node", agent.node_name);
  row.Add("version", agent.version);
  row.Add("address", agent.address);
  row.Add("connected", agent.connected);
  row.Add("connectedSince", FormatRfc3339(agent.connected_since_ms));
  if (!agent.connected) {
    row.Add("disconnected", FormatRfc3339(agent.disconnected_ms));
    row.Add("disconnectReason", agent.disconnect_reason);
  }
  row.Add("lastFrame", FormatRfc3339(agent.last_frame_ms));
  row.Add("receivedSequence", agent.received_sequence);
  row.Add("storedSequence", agent.stored_sequence);
  row.Add("lagFrames", agent.lag_frames);
  row.Add("queuedBytes", agent.queued_bytes);
  row.Add("connections", agent.connections_total);
  row.Add("batches", agent.stats.batches_total);
  row.Add("frames", agent.stats.frames_total);
  row.Add("bytes", agent.stats.body_bytes_total);
  row.Add("samplesStored", agent.stats.samples_stored_total);
  row.Add("samplesDuplicate", agent.stats.samples_duplicate_total);
  JsonObject rejects(row.Key("rejects"));
  for (const auto& [reason, count] : agent.stats.rejects_total) rejects.Add(reason, count);
}

}  // namespace

Answer Targets(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  // As Prometheus does: letters of either case, and no targets at all for a state it does not know.
  const std::string state = absl::AsciiStrToLower(base::ToAbsl(parameters.Get("state")));
  const std::string_view pool = parameters.Get("scrapePool");
  const bool asks_dropped = state.empty() || state == "any" || state == "dropped";
  std::vector<ActiveTarget> targets;
  if (state.empty() || state == "any" || state == "active") {
    BARO_TRY_ASSIGN(targets, ActiveTargets(parts));
  }
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    {
      JsonList list(object.Key("activeTargets"));
      for (const ActiveTarget& target : targets) {
        if (pool.empty() || target.labels.Get("job") == pool) WriteTarget(target, list.Next());
      }
    }
    object.Key("droppedTargets")->Raw("[]");
    // Absent and empty are two things to Prometheus.
    object.Key("droppedTargetCounts")->Raw(asks_dropped ? "{}" : "null");
  }
  return FinishAnswer(&writer);
}

Answer ScrapePools(const ApiParts& parts, const net::ServerRequest&) {
  BARO_TRY_ASSIGN(const std::vector<ActiveTarget> targets, ActiveTargets(parts));
  std::set<std::string> pools;
  for (const ActiveTarget& target : targets) pools.emplace(target.labels.Get("job"));
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Key("scrapePools")->Strings({pools.begin(), pools.end()});
  }
  return FinishAnswer(&writer);
}

// Relabelling happens at the agents, and nothing of it is known here: what Prometheus says of a
// pool that it does not have.
Answer RelabelSteps(const ApiParts&, const net::ServerRequest& request) {
  const Parameters parameters(request);
  const std::string_view pool = parameters.Get("scrapePool");
  if (pool.empty()) return absl::InvalidArgumentError("no scrapePool parameter provided");
  if (parameters.Get("labels").empty()) {
    return absl::InvalidArgumentError("no labels parameter provided");
  }
  return absl::InvalidArgumentError(
      base::StrCat("error retrieving scrape config: scrape pool ", GoQuoted(pool), " not found"));
}

Answer TargetsMetadata(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  MetadataQuery query;
  BARO_TRY_ASSIGN(const std::optional<size_t> limit, CountParameter(parameters, "limit"));
  query.limit = std::min(limit.value_or(kMetadataRowsMax), kMetadataRowsMax);
  query.metric = parameters.Get("metric");
  if (const std::string_view match = parameters.Get("match_target"); !match.empty()) {
    auto matchers = promql::ParseSelector(match);
    if (!matchers.ok()) return InvalidParameter("match_target", matchers.status());
    query.target_matchers = *std::move(matchers);
  }
  JsonWriter writer = StartAnswer();
  {
    JsonList list(&writer);
    size_t rows = 0;
    for (const model::Metadata& metadata : parts.source->MetricMetadata(query.metric, 0)) {
      if (rows >= query.limit || request.cancelled->load()) break;
      BARO_TRY_ASSIGN(const std::set<model::Labels> targets,
                      TargetsOfFamily(parts, metadata.family, query));
      for (const model::Labels& target : targets) {
        if (rows++ >= query.limit) break;
        WriteTargetMetadata(target, metadata, query.metric.empty(), list.Next());
      }
    }
  }
  return FinishAnswer(&writer);
}

Answer Agents(const ApiParts& parts, const net::ServerRequest&) {
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    JsonList list(object.Key("agents"));
    for (const AgentFacts& agent : parts.facts.agents()) WriteAgent(agent, list.Next());
  }
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
