#include "otlp/otlp_http.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "baro/base/strings.h"
#include "baro/wire/otlp.h"
#include "otlp/content_coding.h"

namespace baro::collector {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";
constexpr char kRetryAfterSeconds[] = "5";
// google.rpc.Code
constexpr int kInvalidArgumentCode = 3;
constexpr int kResourceExhaustedCode = 8;
constexpr int kUnavailableCode = 14;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// "application/json; charset=utf-8" → "application/json".
std::string MediaType(std::string_view header) {
  std::string_view type = header.substr(0, header.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  while (!type.empty() && type.front() == ' ') type.remove_prefix(1);
  return Lower(type);
}

net::ServerResponse Answer(int status, std::string body, bool json) {
  net::ServerResponse response;
  response.status = status;
  response.content_type = json ? kJson : kProtobuf;
  if (!body.empty()) response.body.push_back(std::move(body));
  return response;
}

net::ServerResponse Refusal(int status, int code, std::string_view message, bool json) {
  return Answer(status, wire::RpcStatus(code, message, 0, json), json);
}

net::ServerResponse AnswerOf(const OtlpOutcome& outcome, bool json) {
  const std::string_view message = base::FromAbsl(outcome.status.message());
  if (absl::IsInvalidArgument(outcome.status)) {
    return Refusal(400, kInvalidArgumentCode, message, json);
  }
  if (!outcome.status.ok()) {
    auto response = Refusal(503, kUnavailableCode, message, json);
    response.headers.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
  }
  return Answer(200, wire::OtlpResponse(outcome.rejected_points, outcome.message, json), json);
}

net::ServerResponse BodyRefusal(const absl::Status& why, bool json) {
  const std::string_view message = base::FromAbsl(why.message());
  if (absl::IsUnimplemented(why)) return Refusal(415, kInvalidArgumentCode, message, json);
  if (absl::IsResourceExhausted(why)) return Refusal(413, kResourceExhaustedCode, message, json);
  return Refusal(400, kInvalidArgumentCode, message, json);
}

}  // namespace

void HandleOtlpHttp(const net::ServerRequest& request, net::HttpReply reply,
                    OtlpReceiver* receiver) {
  const std::string type = MediaType(request.Header("Content-Type"));
  const bool json = type == kJson;
  if (!json && type != kProtobuf) {
    receiver->CountBroken();
    return reply.Send(Refusal(415, kInvalidArgumentCode,
                              base::StrCat("cannot read request: content type \"", type,
                                           "\" is neither ", kProtobuf, " nor ", kJson),
                              true));
  }
  std::string plain;
  const auto body = DecodeBody(Lower(request.Header("Content-Encoding")), request.body,
                               wire::kOtlpBytesMax, &plain);
  if (!body.ok()) {
    receiver->CountBroken();
    return reply.Send(BodyRefusal(body.status(), json));
  }
  // A reply moves, a std::function copies.
  auto shared_reply = std::make_shared<net::HttpReply>(std::move(reply));
  const auto done = [shared_reply, json](const OtlpOutcome& outcome) {
    shared_reply->Send(AnswerOf(outcome, json));
  };
  if (!json) return receiver->Receive(*body, done);
  const auto protobuf = wire::OtlpJsonToProtobuf(*body);
  if (protobuf.ok()) return receiver->Receive(*protobuf, done);
  receiver->CountBroken();
  shared_reply->Send(BodyRefusal(protobuf.status(), json));
}

void AddOtlpRoutes(OtlpReceiver* receiver, net::HttpRouter* router) {
  for (const std::string_view path : kOtlpPaths) {
    router->Handle({{"POST"},
                    std::string(path),
                    net::HttpLane::kWrite,
                    [receiver](const net::ServerRequest& request, net::HttpReply reply) {
                      HandleOtlpHttp(request, std::move(reply), receiver);
                    },
                    wire::kOtlpBytesMax});
  }
}

}  // namespace baro::collector
