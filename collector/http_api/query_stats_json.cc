#include "http_api/query_stats_json.h"

#include "http_api/json_object.h"

namespace baro::collector {
namespace {

void WriteTimings(const StatsToWrite& what, JsonWriter* writer) {
  const promql::QueryStats& stats = what.stats;
  JsonObject timings(writer);
  timings.Add("evalTotalTime", stats.eval_seconds);
  timings.Add("resultSortTime", stats.sort_seconds);
  timings.Add("queryPreparationTime", stats.prepare_seconds);
  timings.Add("innerEvalTime", stats.eval_seconds - stats.prepare_seconds - stats.sort_seconds);
  timings.Add("execQueueTime", what.queue_seconds);
  timings.Add("execTotalTime", what.queue_seconds + stats.eval_seconds);
}

// [[1435781430,12],…]
void WritePerStep(const StatsToWrite& what, const std::vector<int64_t>& counts,
                  JsonWriter* writer) {
  JsonList list(writer);
  for (size_t i = 0; i < counts.size(); ++i) {
    JsonList pair(list.Next());
    pair.Next()->SampleTime(what.start_ms + static_cast<int64_t>(i) * what.step_ms);
    pair.Next()->Int(counts[i]);
  }
}

void WriteNode(const promql::NodeStats& node, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("node", node.node);
  object.Add("text", node.text);
  object.Add("expression", node.expression);
  object.Add("series", node.series);
  object.Add("samples", node.samples);
  object.Add("seconds", node.seconds);
  JsonList children(object.Key("children"));
  for (const promql::NodeStats& child : node.children) WriteNode(child, children.Next());
}

}  // namespace

void WriteStats(const StatsToWrite& what, JsonWriter* writer) {
  const promql::QueryStats& stats = what.stats;
  JsonObject all(writer);
  WriteTimings(what, all.Key("timings"));
  {
    JsonObject samples(all.Key("samples"));
    if (what.detailed && !stats.samples_per_step.empty()) {
      WritePerStep(what, stats.samples_per_step, samples.Key("totalQueryableSamplesPerStep"));
    }
    samples.Add("totalQueryableSamples", stats.samples_total);
    if (what.detailed && !stats.samples_read_per_step.empty()) {
      WritePerStep(what, stats.samples_read_per_step, samples.Key("samplesReadPerStep"));
    }
    samples.Add("samplesRead", stats.samples_read);
    samples.Add("peakSamples", stats.samples_peak);
  }
  if (!what.detailed || stats.tree.empty()) return;
  JsonObject own(all.Key("baro"));
  WriteNode(stats.tree.front(), own.Key("tree"));
}

}  // namespace baro::collector
