// The envelope of every API answer, and which error is which HTTP status.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/net/http_message.h"
#include "http_api/json_writer.h"

namespace baro::collector {

// What is said beside the result.
struct Notes {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

inline constexpr char kTruncated[] = "results truncated due to limit";

// {"status":"success","data":…}: starts the answer; the caller writes the value of "data", then
// FinishAnswer().
JsonWriter StartAnswer();
net::ServerResponse FinishAnswer(JsonWriter* writer, const Notes& notes = {});

// {"status":"error","errorType":"bad_data","error":"…"}. InvalidArgument: 400 bad_data;
// FailedPrecondition, ResourceExhausted: 422 execution; DeadlineExceeded: 503 timeout; Cancelled:
// 499 canceled, which only a log sees; Unimplemented (a Content-Encoding): 415 bad_data; NotFound:
// 404 not_found; Unavailable: 503 unavailable; the rest: 500 internal.
net::ServerResponse ErrorAnswer(const absl::Status& error);
// 500 unavailable: what Prometheus answers when a part of its API is off ("admin APIs disabled").
net::ServerResponse DisabledAnswer(std::string_view what);
// 204, for orders that have nothing to tell.
net::ServerResponse NoContentAnswer();

}  // namespace baro::collector
