#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/parameters.h"
#include "http_api/query_answer.h"
#include "http_api/query_parameters.h"
#include "http_api/time_text.h"
#include "queries/query_log.h"

namespace baro::collector {
namespace {

constexpr char kBadStep[] =
    "zero or negative query resolution step widths are not accepted. Try a positive integer";

// 11,000
std::string WithCommas(int64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

absl::StatusOr<promql::QueryOptions> OptionsOf(const Parameters& parameters,
                                               const net::ServerRequest& request) {
  promql::QueryOptions options;
  options.cancelled = request.cancelled;
  if (const std::string_view timeout = parameters.Get("timeout"); !timeout.empty()) {
    const auto timeout_ms = ParseDurationMs(timeout);
    if (!timeout_ms.ok()) return InvalidParameter("timeout", timeout_ms.status());
    if (*timeout_ms <= 0) return absl::DeadlineExceededError("query timed out before it started");
    options.timeout_ms = *timeout_ms;
  }
  if (const std::string_view lookback = parameters.Get("lookback_delta"); !lookback.empty()) {
    const auto lookback_ms = ParseDurationMs(lookback);
    if (!lookback_ms.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat("error parsing lookback delta duration: ",
                       base::FromAbsl(lookback_ms.status().message())));
    }
    options.lookback_ms = *lookback_ms;
  }
  return options;
}

// What is wrong with the expression is said of the parameter it came in.
absl::Status QueryError(const absl::Status& error) {
  return absl::IsInvalidArgument(error) ? InvalidParameter("query", error) : error;
}

absl::StatusOr<int64_t> RequiredTime(const Parameters& parameters, std::string_view name) {
  const auto time_ms = ParseTimeMs(parameters.Get(name));
  if (!time_ms.ok()) return InvalidParameter(name, time_ms.status());
  return time_ms;
}

// Who asks, for the query log.
AskedQuery AskedOf(const Parameters& parameters, const net::ServerRequest& request) {
  AskedQuery asked;
  asked.expression = std::string(parameters.Get("query"));
  asked.client = request.remote_address;
  asked.dashboard_uid = std::string(request.Header("X-Dashboard-Uid"));
  asked.panel_id = std::string(request.Header("X-Panel-Id"));
  asked.user = std::string(request.Header("X-Grafana-User"));
  asked.method = request.method;
  asked.path = request.path;
  return asked;
}

// One query from its parameters to its answer; the log is told when it begins and how it ends.
class QueryCall {
 public:
  QueryCall(const ApiParts& parts, const net::ServerRequest& request, const Parameters& parameters)
      : parts_(parts), request_(request), parameters_(parameters) {
    const int64_t now_ns = parts.clock->MonotonicNs();
    begun_ns_ = request.received_ns != 0 ? request.received_ns : now_ns;
    outcome_.queue_seconds = static_cast<double>(now_ns - begun_ns_) / 1e9;
  }

  using Evaluate =
      absl::FunctionRef<absl::StatusOr<promql::QueryResult>(const promql::QueryOptions&)>;
  Answer Run(AskedQuery asked, size_t limit, Evaluate evaluate);

 private:
  absl::StatusOr<promql::QueryOptions> Options() const;
  Answer RunLogged(const AskedQuery& asked, size_t limit, Evaluate evaluate);
  void Enter(promql::QueryPhase phase) const {
    if (entry_ != nullptr) entry_->progress()->phase.store(phase, std::memory_order_relaxed);
  }

  const ApiParts& parts_;
  const net::ServerRequest& request_;
  const Parameters& parameters_;
  int64_t begun_ns_ = 0;
  std::unique_ptr<QueryLog::Entry> entry_;
  QueryOutcome outcome_;
};

Answer QueryCall::Run(AskedQuery asked, size_t limit, Evaluate evaluate) {
  if (parts_.queries == nullptr) return RunLogged(asked, limit, evaluate);
  entry_ = parts_.queries->Start(asked, begun_ns_, request_.cancelled);
  Answer answer = RunLogged(asked, limit, evaluate);
  outcome_.status = answer.status();
  entry_->Finish(outcome_);
  return answer;
}

// Waiting for a worker counts as time that the query takes.
absl::StatusOr<promql::QueryOptions> QueryCall::Options() const {
  BARO_TRY_ASSIGN(promql::QueryOptions options, OptionsOf(parameters_, request_));
  if (options.timeout_ms == 0) options.timeout_ms = parts_.engine->options().timeout_ms;
  options.timeout_ms -= static_cast<int64_t>(outcome_.queue_seconds * 1000);
  if (options.timeout_ms <= 0) return absl::DeadlineExceededError("query timed out in query queue");
  options.detailed_stats = !parameters_.Get("stats").empty();
  options.use_cache = parameters_.Get("nocache").empty() || parameters_.Get("nocache") == "0";
  if (entry_ != nullptr) options.progress = entry_->progress();
  return options;
}

Answer QueryCall::RunLogged(const AskedQuery& asked, size_t limit, Evaluate evaluate) {
  BARO_TRY_ASSIGN(const promql::QueryOptions options, Options());
  Enter(promql::QueryPhase::kEvaluating);
  auto result = evaluate(options);
  if (!result.ok()) return QueryError(result.status());
  outcome_.stats = result->stats;
  Enter(promql::QueryPhase::kWriting);
  const int64_t written_ns = parts_.clock->MonotonicNs();
  const std::string_view stats = parameters_.Get("stats");
  AnswerShape shape{
      limit, !stats.empty(), stats == "all", outcome_.queue_seconds, asked.start_ms, asked.step_ms,
      {}};
  if (!stats.empty() && stats != "true" && stats != "all") {
    shape.notes.warnings.push_back(
        base::StrCat("value ", GoQuoted(stats),
                     " for parameter \"stats\" is deprecated and will be rejected in the next "
                     "major release, use \"true\" or \"all\""));
  }
  const promql::EngineOptions& engine = parts_.engine->options();
  BARO_TRY_ASSIGN(net::ServerResponse response,
                  ResultAnswer(*std::move(result), shape,
                               {engine.memory, engine.memory_bytes_max, request_.cancelled.get()}));
  outcome_.write_seconds = static_cast<double>(parts_.clock->MonotonicNs() - written_ns) / 1e9;
  outcome_.answer_bytes = response.BodyBytes();
  return response;
}

}  // namespace

absl::StatusOr<RangeParameters> RangeOf(const Parameters& parameters) {
  RangeParameters range;
  BARO_TRY_ASSIGN(range.start_ms, RequiredTime(parameters, "start"));
  BARO_TRY_ASSIGN(range.end_ms, RequiredTime(parameters, "end"));
  if (range.end_ms < range.start_ms) {
    return InvalidParameter(
        "end", absl::InvalidArgumentError("end timestamp must not be before start time"));
  }
  const auto step_ms = ParseDurationMs(parameters.Get("step"));
  if (!step_ms.ok()) return InvalidParameter("step", step_ms.status());
  // Prometheus counts in nanoseconds; what it takes for a step and we cannot is named.
  if (*step_ms == 0 && ParseNumber(parameters.Get("step")).value_or(0) > 0) {
    return InvalidParameter("step", absl::InvalidArgumentError("step is shorter than 1 ms"));
  }
  if (*step_ms <= 0) return InvalidParameter("step", absl::InvalidArgumentError(kBadStep));
  range.step_ms = *step_ms;
  return range;
}

absl::Status CheckPoints(const ApiParts& parts, const RangeParameters& range) {
  // In unsigned arithmetic: the ends may be as far apart as int64 goes.
  const uint64_t span_ms =
      static_cast<uint64_t>(range.end_ms) - static_cast<uint64_t>(range.start_ms);
  const int64_t points_max = parts.engine->options().points_max;
  if (span_ms / static_cast<uint64_t>(range.step_ms) <= static_cast<uint64_t>(points_max)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      base::StrCat("exceeded maximum resolution of ", WithCommas(points_max),
                   " points per timeseries. Try decreasing the query resolution (?step=XX)"));
}

Answer InstantQuery(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  BARO_TRY_ASSIGN(const int64_t time_ms, TimeParameter(parameters, "time", parts.clock->NowMs()));
  AskedQuery asked = AskedOf(parameters, request);
  asked.start_ms = asked.end_ms = time_ms;
  return QueryCall(parts, request, parameters)
      .Run(std::move(asked), limit, [&](const promql::QueryOptions& options) {
        return parts.engine->Instant(*parts.source, parameters.Get("query"), time_ms, options);
      });
}

Answer RangeQuery(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  BARO_TRY_ASSIGN(const RangeParameters range, RangeOf(parameters));
  BARO_TRY(CheckPoints(parts, range));
  AskedQuery asked = AskedOf(parameters, request);
  asked.start_ms = range.start_ms;
  asked.end_ms = range.end_ms;
  asked.step_ms = range.step_ms;
  return QueryCall(parts, request, parameters)
      .Run(std::move(asked), limit, [&](const promql::QueryOptions& options) {
        return parts.engine->Range(*parts.source, parameters.Get("query"), range.start_ms,
                                   range.end_ms, range.step_ms, options);
      });
}

}  // namespace baro::collector
