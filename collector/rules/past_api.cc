#include "rules/past_api.h"

#include <memory>
#include <utility>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/rules/backtest.h"
#include "baro/rules/rule_file.h"
#include "http_api/answer.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

constexpr size_t kFilesBytesMax = size_t{16} << 20;
constexpr size_t kFilesMax = 256;

// The files of a request: parameters `rules` (their texts) and `name`, in the same order.
absl::StatusOr<std::vector<rules::GroupSpec>> GroupsOf(const Parameters& parameters,
                                                       const RuleDefaults& defaults) {
  const std::vector<std::string> texts = parameters.All("rules");
  const std::vector<std::string> names = parameters.All("name");
  if (texts.empty() || texts.size() > kFilesMax) {
    return InvalidParameter(
        "rules", absl::InvalidArgumentError(base::StrCat("expected 1 to ", kFilesMax, " files")));
  }
  std::vector<rules::GroupSpec> groups;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string name = i < names.size() ? names[i] : base::StrCat("rules-", i + 1, ".yml");
    BARO_TRY_ASSIGN(std::vector<rules::GroupSpec> of_file, rules::ParseRuleFile(texts[i], name));
    for (rules::GroupSpec& group : of_file) {
      if (!group.query_offset_ms) group.query_offset_ms = defaults.query_offset_ms;
      groups.push_back(std::move(group));
    }
  }
  return groups;
}

absl::StatusOr<rules::PastOptions> OptionsOf(const PastParts& parts, const Parameters& parameters,
                                             const RuleDefaults& defaults) {
  rules::PastOptions options;
  options.source = parts.source;
  options.engine = parts.engine;
  options.clock = parts.clock;
  options.interval_ms = defaults.interval_ms;
  options.external_labels = defaults.external_labels;
  options.external_url = parts.external_url;
  BARO_TRY_ASSIGN(options.end_ms, TimeParameter(parameters, "end", parts.clock->NowMs()));
  BARO_TRY_ASSIGN(options.start_ms, TimeParameter(parameters, "start", options.end_ms));
  const std::string_view step = parameters.Get("step");
  if (!step.empty()) {
    const auto step_ms = ParseDurationMs(step);
    if (!step_ms.ok()) return InvalidParameter("step", step_ms.status());
    if (*step_ms < 1) return InvalidParameter("step", absl::InvalidArgumentError("below 1 ms"));
    options.step_ms = *step_ms;
  }
  const std::string_view timeout = parameters.Get("timeout");
  if (timeout.empty()) return options;
  const auto timeout_ms = ParseDurationMs(timeout);
  if (!timeout_ms.ok()) return InvalidParameter("timeout", timeout_ms.status());
  options.timeout_ms = *timeout_ms;
  return options;
}

void WriteAlert(const rules::PastAlert& alert, JsonWriter* writer) {
  JsonObject object(writer);
  object.Key("labels")->Labels(alert.labels);
  object.Key("annotations")->Labels(alert.annotations);
  object.Key("start")->SampleTime(alert.start_ms);
  if (alert.end_ms == 0) {
    object.Key("end")->Raw("null");
  } else {
    object.Key("end")->SampleTime(alert.end_ms);
  }
}

void WriteRule(const rules::PastRule& rule, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("name", rule.spec.name);
  object.Add("type", rule.spec.alerting ? "alerting" : "recording");
  object.Add("group", rule.group);
  object.Add("where", rule.spec.where);
  object.Add("query", rule.spec.query);
  object.Key("labels")->Labels(rule.spec.labels);
  object.Add("evaluations", rule.evaluations);
  object.Add("failures", rule.failures);
  object.Add("lastError", rule.last_error);
  if (!rule.spec.alerting) {
    object.Add("samples", rule.samples);
    object.Add("series", rule.series);
    return;
  }
  object.Add("fired", rule.fired);
  object.Add("firingSeconds", static_cast<double>(rule.firing_ms) / 1e3);
  object.Add("longestSeconds", static_cast<double>(rule.longest_ms) / 1e3);
  JsonList list(object.Key("alerts"));
  for (const rules::PastAlert& alert : rule.alerts) WriteAlert(alert, list.Next());
}

absl::StatusOr<net::ServerResponse> Walk(const PastParts& parts, bool fill,
                                         const net::ServerRequest& request) {
  const Parameters parameters(request);
  const RuleDefaults defaults = parts.defaults();
  BARO_TRY_ASSIGN(const std::vector<rules::GroupSpec> groups, GroupsOf(parameters, defaults));
  BARO_TRY_ASSIGN(rules::PastOptions options, OptionsOf(parts, parameters, defaults));
  options.cancelled = request.cancelled;
  const int64_t begin_ns = parts.clock->MonotonicNs();
  BARO_TRY_ASSIGN(
      const std::vector<rules::PastRule> past,
      fill ? rules::Backfill(groups, options, parts.storage) : rules::Backtest(groups, options));
  JsonWriter writer = StartAnswer();
  {
    JsonObject data(&writer);
    data.Key("start")->SampleTime(options.start_ms);
    data.Key("end")->SampleTime(options.end_ms);
    data.Add("tookSeconds", static_cast<double>(parts.clock->MonotonicNs() - begin_ns) / 1e9);
    JsonList list(data.Key("rules"));
    for (const rules::PastRule& rule : past) WriteRule(rule, list.Next());
  }
  return FinishAnswer(&writer);
}

}  // namespace

void AddPastRoutes(PastParts parts, net::HttpRouter* router) {
  const auto shared = std::make_shared<const PastParts>(std::move(parts));
  for (const bool fill : {false, true}) {
    router->Handle({{"POST"},
                    fill ? "/api/v1/baro/rules/backfill" : "/api/v1/baro/rules/backtest",
                    net::HttpLane::kQuery,
                    [shared, fill](const net::ServerRequest& request, net::HttpReply reply) {
                      auto answer = Walk(*shared, fill, request);
                      reply.Send(answer.ok() ? *std::move(answer) : ErrorAnswer(answer.status()));
                    },
                    kFilesBytesMax});
  }
}

}  // namespace baro::collector
