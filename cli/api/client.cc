#include "api/client.h"

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/form.h"
#include "time_text.h"

namespace baro::cli {
namespace {

absl::Status StatusError(const ApiResponse& response) {
  const std::string text = base::StrCat("HTTP status ", response.status);
  if (response.status == 401) return absl::UnauthenticatedError(text);
  if (response.status == 403) return absl::PermissionDeniedError(text);
  if (response.status == 404) return absl::NotFoundError(text);
  return absl::InternalError(text);
}

bool IsApiAnswer(const ApiResponse& response) {
  return response.status == 200 || (response.status != 401 && response.status != 403 &&
                                    response.body.starts_with("{\"status\":"));
}

// The first line of an answer, for a message.
std::string FirstLine(std::string_view body) {
  constexpr size_t kReadableMax = 300;
  return std::string(body.substr(0, std::min(body.find('\n'), kReadableMax)));
}

Parameters RangeParameters(const Client::Range& range) {
  return {{"start", SecondsText(range.start_ms)},
          {"end", SecondsText(range.end_ms)},
          {"step", SecondsText(range.step_ms)}};
}

Parameters ScopeParameters(const Client::Scope& scope) {
  Parameters parameters;
  if (!scope.match.empty()) parameters.emplace_back("match[]", scope.match);
  if (scope.window.has_value()) {
    parameters.emplace_back("start", SecondsText(scope.window->start_ms));
    parameters.emplace_back("end", SecondsText(scope.window->end_ms));
  }
  if (scope.limit > 0) parameters.emplace_back("limit", base::StrCat(scope.limit));
  return parameters;
}

}  // namespace

std::string EncodeParameters(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    base::StrAppend(&out, out.empty() ? "" : "&", net::EncodePercent(name), "=",
                    net::EncodePercent(value));
  }
  return out;
}

absl::Status CheckStatus(const ApiResponse& response) {
  if (response.status >= 200 && response.status < 300) return absl::OkStatus();
  const absl::Status error = StatusError(response);
  if (response.body.empty()) return error;
  return {error.code(),
          base::StrCat(base::FromAbsl(error.message()), ": ", FirstLine(response.body))};
}

absl::StatusOr<std::string> Client::Send(const ApiRequest& request) {
  BARO_TRY_ASSIGN(ApiResponse response, transport_->Send(request));
  if (!IsApiAnswer(response)) return StatusError(response);
  return std::move(response.body);
}

absl::StatusOr<std::string> Client::Get(const std::string& path, const Parameters& parameters) {
  if (parameters.empty()) return Send({path, ""});
  return Send({base::StrCat(path, "?", EncodeParameters(parameters)), ""});
}

absl::StatusOr<std::string> Client::Post(const std::string& path, const Parameters& parameters) {
  return Send({path, EncodeParameters(parameters)});
}

absl::StatusOr<QueryAnswer> Client::Query(std::string_view expression, int64_t time_ms,
                                          bool with_stats) {
  Parameters form = {{"query", std::string(expression)},
                     {"time", SecondsText(time_ms)},
                     {"timeout", base::StrCat(timeout_ms_, "ms")}};
  if (with_stats) form.emplace_back("stats", "all");
  BARO_TRY_ASSIGN(const std::string body, Post("/api/v1/query", form));
  return DecodeQuery(body, &notes_);
}

absl::StatusOr<QueryAnswer> Client::QueryRange(std::string_view expression, Range range,
                                               bool with_stats) {
  Parameters form = RangeParameters(range);
  form.emplace(form.begin(), "query", std::string(expression));
  form.emplace_back("timeout", base::StrCat(timeout_ms_, "ms"));
  if (with_stats) form.emplace_back("stats", "all");
  BARO_TRY_ASSIGN(const std::string body, Post("/api/v1/query_range", form));
  return DecodeQuery(body, &notes_);
}

absl::StatusOr<std::vector<std::string>> Client::LabelNames(const Scope& scope) {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/labels", ScopeParameters(scope)));
  BARO_TRY_ASSIGN(auto names, DecodeStrings(body, &notes_));
  ForgiveTruncation();
  return names;
}

absl::StatusOr<std::vector<std::string>> Client::LabelValues(std::string_view name,
                                                             const Scope& scope) {
  const std::string path = base::StrCat("/api/v1/label/", net::EncodePercent(name), "/values");
  BARO_TRY_ASSIGN(const std::string body, Get(path, ScopeParameters(scope)));
  BARO_TRY_ASSIGN(auto values, DecodeStrings(body, &notes_));
  ForgiveTruncation();
  return values;
}

absl::StatusOr<std::vector<LabelSet>> Client::SeriesOf(const Scope& scope) {
  BARO_TRY_ASSIGN(const std::string body, Post("/api/v1/series", ScopeParameters(scope)));
  BARO_TRY_ASSIGN(auto sets, DecodeLabelSets(body, &notes_));
  ForgiveTruncation();
  return sets;
}

void Client::ForgiveTruncation() {
  truncated_ = std::erase(notes_.warnings, "results truncated due to limit") > 0;
}

absl::StatusOr<std::vector<MetricMetadata>> Client::AllMetadata() {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/metadata", {}));
  return DecodeMetadata(body, &notes_);
}

absl::StatusOr<std::vector<Target>> Client::Targets() {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/targets", {{"state", "active"}}));
  return DecodeTargets(body, &notes_);
}

absl::StatusOr<std::vector<Record>> Client::Agents() {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/baro/agents", {}));
  return DecodeRecords(body, "agents", &notes_);
}

absl::StatusOr<Record> Client::StatusPage(const std::string& path) {
  BARO_TRY_ASSIGN(const std::string body, Get(path, {}));
  return DecodeRecord(body, &notes_);
}

// A form makes it a POST, so there is always something in it.
absl::StatusOr<std::string> Client::SendOrder(const std::string& path,
                                              const Parameters& parameters) {
  Parameters form = parameters;
  form.emplace_back("client", "baro");
  BARO_TRY_ASSIGN(ApiResponse response, transport_->Send({path, EncodeParameters(form)}));
  if (response.status == 204) return std::string();
  if (response.body.find("admin APIs disabled") != std::string::npos) {
    return absl::PermissionDeniedError(
        "admin APIs disabled: the collector runs without --web.enable-admin-api");
  }
  if (!IsApiAnswer(response)) return StatusError(response);
  if (response.status != 200) {
    BARO_TRY(DecodeRecord(response.body, &notes_).status());
    return StatusError(response);
  }
  return std::move(response.body);
}

absl::Status Client::Order(const std::string& path, const Parameters& parameters) {
  return SendOrder(path, parameters).status();
}

absl::StatusOr<Record> Client::OrderRecord(const std::string& path, const Parameters& parameters) {
  BARO_TRY_ASSIGN(const std::string body, SendOrder(path, parameters));
  return DecodeRecord(body, &notes_);
}

absl::StatusOr<std::vector<Record>> Client::Records(const std::string& path, std::string_view list,
                                                    const Parameters& parameters) {
  BARO_TRY_ASSIGN(const std::string body, Get(path, parameters));
  return DecodeRecords(body, list, &notes_);
}

absl::StatusOr<std::vector<Record>> Client::OrderRecords(const std::string& path,
                                                         std::string_view list,
                                                         const Parameters& parameters) {
  BARO_TRY_ASSIGN(const std::string body, SendOrder(path, parameters));
  return DecodeRecords(body, list, &notes_);
}

absl::StatusOr<std::unique_ptr<Document>> Client::Page(const std::string& path,
                                                       const Parameters& parameters) {
  BARO_TRY_ASSIGN(const std::string body, Get(path, parameters));
  auto document = std::make_unique<Document>();
  BARO_TRY(document->Open(body, &notes_));
  return document;
}

absl::StatusOr<std::unique_ptr<Document>> Client::OrderPage(const std::string& path,
                                                            const Parameters& parameters) {
  BARO_TRY_ASSIGN(const std::string body, SendOrder(path, parameters));
  auto document = std::make_unique<Document>();
  BARO_TRY(document->Open(body, &notes_));
  return document;
}

absl::StatusOr<std::unique_ptr<Document>> Client::PostText(const std::string& path,
                                                           const Parameters& parameters,
                                                           const std::string& content_type,
                                                           std::string text) {
  ApiRequest request{base::StrCat(path, "?", EncodeParameters(parameters)), ""};
  request.content_type = content_type;
  request.body = std::move(text);
  BARO_TRY_ASSIGN(const std::string body, Send(request));
  auto document = std::make_unique<Document>();
  BARO_TRY(document->Open(body, &notes_));
  return document;
}

absl::Status Client::Delete(const std::string& path) {
  ApiRequest request{path, ""};
  request.method = "DELETE";
  BARO_TRY_ASSIGN(const ApiResponse response, transport_->Send(request));
  return CheckStatus(response);
}

absl::StatusOr<Client::Verification> Client::Verify() {
  BARO_TRY_ASSIGN(const std::string body, SendOrder("/api/v1/baro/admin/verify", {}));
  Verification verification;
  BARO_TRY_ASSIGN(verification.figures, DecodeRecord(body, &notes_));
  BARO_TRY_ASSIGN(verification.damages, DecodeRecords(body, "damages", &notes_));
  return verification;
}

absl::StatusOr<Client::IndexSize> Client::Cardinality(int limit) {
  auto body = Get("/api/v1/baro/cardinality", {{"limit", base::StrCat(limit)}});
  if (absl::IsNotFound(body.status())) return TsdbCardinality(limit);
  BARO_TRY(body.status());
  IndexSize size;
  BARO_TRY_ASSIGN(size.figures, DecodeRecord(*body, &notes_));
  for (const char* name : {"metrics", "largestTargets", "seriesByJob", "seriesByNamespace",
                           "valuesByLabel", "bytesByLabel", "seriesByLabelPair", "refused"}) {
    BARO_TRY_ASSIGN(std::vector<Record> entries, DecodeRecords(*body, name, &notes_));
    size.lists.push_back({name, std::move(entries)});
  }
  return size;
}

absl::StatusOr<Client::IndexSize> Client::TsdbCardinality(int limit) {
  BARO_TRY_ASSIGN(const std::string body,
                  Get("/api/v1/status/tsdb", {{"limit", base::StrCat(limit)}}));
  IndexSize size;
  BARO_TRY_ASSIGN(size.figures, DecodeRecord(body, &notes_));
  for (const char* name : {"seriesCountByMetricName", "labelValueCountByLabelName",
                           "memoryInBytesByLabelName", "seriesCountByLabelValuePair"}) {
    BARO_TRY_ASSIGN(std::vector<Record> entries, DecodeRecords(body, name, &notes_));
    size.lists.push_back({name, std::move(entries)});
  }
  return size;
}

absl::StatusOr<Explanation> Client::Explain(std::string_view expression, int64_t time_ms,
                                            std::optional<Range> range) {
  Parameters form =
      range.has_value() ? RangeParameters(*range) : Parameters{{"time", SecondsText(time_ms)}};
  form.emplace(form.begin(), "query", std::string(expression));
  BARO_TRY_ASSIGN(const std::string body, Post("/api/v1/baro/explain", form));
  return DecodeExplanation(body, &notes_);
}

absl::StatusOr<std::vector<RunningQuery>> Client::RunningQueries() {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/baro/queries", {}));
  return DecodeRunningQueries(body, &notes_);
}

absl::StatusOr<std::vector<QueryCost>> Client::TopQueries(const std::string& by, int limit,
                                                          int64_t since_ms) {
  BARO_TRY_ASSIGN(
      const std::string body,
      Get("/api/v1/baro/top_queries",
          {{"by", by}, {"limit", base::StrCat(limit)}, {"since", base::StrCat(since_ms, "ms")}}));
  return DecodeTopQueries(body, &notes_);
}

absl::Status Client::CancelQuery(const std::string& id) {
  return Order("/api/v1/baro/queries/cancel", {{"id", id}});
}

absl::Status Client::Health(const std::string& path) {
  BARO_TRY_ASSIGN(const ApiResponse response, transport_->Send({path, ""}));
  return response.status == 200 ? absl::OkStatus() : StatusError(response);
}

}  // namespace baro::cli
