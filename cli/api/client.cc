#include "api/client.h"

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

Parameters MatchParameters(const std::string& match) {
  if (match.empty()) return {};
  return {{"match[]", match}};
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

absl::StatusOr<QueryAnswer> Client::Query(std::string_view expression, int64_t time_ms) {
  BARO_TRY_ASSIGN(const std::string body,
                  Post("/api/v1/query", {{"query", std::string(expression)},
                                         {"time", SecondsText(time_ms)},
                                         {"timeout", base::StrCat(timeout_ms_, "ms")}}));
  return DecodeQuery(body, &notes_);
}

absl::StatusOr<QueryAnswer> Client::QueryRange(std::string_view expression, Range range) {
  BARO_TRY_ASSIGN(const std::string body,
                  Post("/api/v1/query_range", {{"query", std::string(expression)},
                                               {"start", SecondsText(range.start_ms)},
                                               {"end", SecondsText(range.end_ms)},
                                               {"step", SecondsText(range.step_ms)},
                                               {"timeout", base::StrCat(timeout_ms_, "ms")}}));
  return DecodeQuery(body, &notes_);
}

absl::StatusOr<std::vector<std::string>> Client::LabelNames(const std::string& match) {
  BARO_TRY_ASSIGN(const std::string body, Get("/api/v1/labels", MatchParameters(match)));
  return DecodeStrings(body, &notes_);
}

absl::StatusOr<std::vector<std::string>> Client::LabelValues(std::string_view name,
                                                             const std::string& match) {
  const std::string path = base::StrCat("/api/v1/label/", net::EncodePercent(name), "/values");
  BARO_TRY_ASSIGN(const std::string body, Get(path, MatchParameters(match)));
  return DecodeStrings(body, &notes_);
}

absl::StatusOr<std::vector<LabelSet>> Client::SeriesOf(const std::string& match, Window window) {
  BARO_TRY_ASSIGN(const std::string body,
                  Post("/api/v1/series", {{"match[]", match},
                                          {"start", SecondsText(window.start_ms)},
                                          {"end", SecondsText(window.end_ms)}}));
  return DecodeLabelSets(body, &notes_);
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

absl::StatusOr<Client::Verification> Client::Verify() {
  BARO_TRY_ASSIGN(const std::string body, SendOrder("/api/v1/baro/admin/verify", {}));
  Verification verification;
  BARO_TRY_ASSIGN(verification.figures, DecodeRecord(body, &notes_));
  BARO_TRY_ASSIGN(verification.damages, DecodeRecords(body, "damages", &notes_));
  return verification;
}

absl::StatusOr<std::vector<Client::NamedList>> Client::Cardinality(int limit) {
  BARO_TRY_ASSIGN(const std::string body,
                  Get("/api/v1/status/tsdb", {{"limit", base::StrCat(limit)}}));
  std::vector<NamedList> lists;
  for (const char* name : {"seriesCountByMetricName", "labelValueCountByLabelName",
                           "memoryInBytesByLabelName", "seriesCountByLabelValuePair"}) {
    BARO_TRY_ASSIGN(std::vector<Record> entries, DecodeRecords(body, name, &notes_));
    lists.push_back({name, std::move(entries)});
  }
  return lists;
}

absl::Status Client::Health(const std::string& path) {
  BARO_TRY_ASSIGN(const ApiResponse response, transport_->Send({path, ""}));
  return response.status == 200 ? absl::OkStatus() : StatusError(response);
}

}  // namespace baro::cli
