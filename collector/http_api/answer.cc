#include "http_api/answer.h"

#include "baro/base/strings.h"

namespace baro::collector {
namespace {

struct ErrorKind {
  int http_status;
  std::string_view type;
};

ErrorKind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return {400, "bad_data"};
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kOutOfRange:
      return {422, "execution"};
    case absl::StatusCode::kDeadlineExceeded:
      return {503, "timeout"};
    case absl::StatusCode::kCancelled:
      return {499, "canceled"};
    case absl::StatusCode::kNotFound:
      return {404, "not_found"};
    case absl::StatusCode::kUnimplemented:
      return {415, "bad_data"};
    case absl::StatusCode::kUnavailable:
      return {503, "unavailable"};
    default:
      return {500, "internal"};
  }
}

net::ServerResponse Json(int status, JsonWriter* writer) {
  net::ServerResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = writer->Take();
  return response;
}

}  // namespace

JsonWriter StartAnswer() {
  JsonWriter writer;
  writer.Raw("{\"status\":\"success\",\"data\":");
  return writer;
}

net::ServerResponse FinishAnswer(JsonWriter* writer, const Notes& notes) {
  if (!notes.warnings.empty()) {
    writer->Raw(",\"warnings\":");
    writer->Strings(notes.warnings);
  }
  if (!notes.infos.empty()) {
    writer->Raw(",\"infos\":");
    writer->Strings(notes.infos);
  }
  writer->Raw("}");
  return Json(200, writer);
}

net::ServerResponse ErrorAnswer(const absl::Status& error) {
  const ErrorKind kind = KindOf(error.code());
  JsonWriter writer;
  writer.Raw("{\"status\":\"error\",\"errorType\":");
  writer.String(kind.type);
  writer.Raw(",\"error\":");
  writer.String(base::FromAbsl(error.message()));
  writer.Raw("}");
  return Json(kind.http_status, &writer);
}

net::ServerResponse DisabledAnswer(std::string_view what) {
  JsonWriter writer;
  writer.Raw(R"({"status":"error","errorType":"unavailable","error":)");
  writer.String(what);
  writer.Raw("}");
  return Json(500, &writer);
}

net::ServerResponse NoContentAnswer() {
  net::ServerResponse response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

}  // namespace baro::collector
