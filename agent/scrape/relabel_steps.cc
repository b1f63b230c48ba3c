#include "baro/agent/relabel_steps.h"

#include <memory>
#include <span>

#include "baro/base/strings.h"
#include "json_text.h"
#include "target.h"

namespace baro::agent {
namespace {

// Applies the rules one by one. `kept` tells whether they leave anything.
std::string StepsJson(std::span<const RelabelRule> rules, model::Labels* labels, bool* kept) {
  std::string json;
  *kept = true;
  for (const RelabelRule& rule : rules) {
    *kept = rule.Apply(labels);
    base::StrAppend(&json, json.empty() ? "" : ",", "{\"rule\":", QuotedJson(rule.ToString()),
                    ",\"output\":", LabelsJson(*labels), ",\"keep\":", *kept ? "true" : "false",
                    "}");
    if (!*kept) break;
  }
  return base::StrCat("[", json, "]");
}

std::string TargetJson(const ScrapeJob& job, const TargetGroup& group, const std::string& address) {
  const auto target = MakeTarget(std::make_shared<const ScrapeJob>(job), group, address);
  if (!target.ok()) {
    return base::StrCat("null,\"error\":", QuotedJson(base::FromAbsl(target.status().message())));
  }
  if (!*target) return "null";
  return base::StrCat("{\"labels\":", LabelsJson((*target)->labels),
                      ",\"scrapeUrl\":", QuotedJson((*target)->url), "}");
}

}  // namespace

std::string RelabelStepsJson(const ScrapeJob& job, const model::Labels& discovered) {
  TargetGroup group;
  const std::string address(discovered.Get("__address__"));
  for (const model::Label& label : discovered) {
    if (label.name != "__address__") group.labels[label.name] = label.value;
  }
  model::Labels labels = DiscoveredLabels(job, group, address);
  const std::string before = LabelsJson(labels);
  bool kept = true;
  const std::string steps = StepsJson(job.relabel_configs, &labels, &kept);
  return base::StrCat("{\"discoveredLabels\":", before, ",\"steps\":", steps,
                      ",\"target\":", TargetJson(job, group, address), "}");
}

std::string MetricRelabelStepsJson(const ScrapeJob& job, const model::Labels& series) {
  model::Labels labels = series;
  bool kept = true;
  const std::string steps = StepsJson(job.metric_relabel_configs, &labels, &kept);
  return base::StrCat("{\"series\":", LabelsJson(series), ",\"steps\":", steps,
                      ",\"result\":", kept ? LabelsJson(labels) : std::string("null"), "}");
}

}  // namespace baro::agent
