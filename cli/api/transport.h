// How a request reaches a collector: the border that tests replace.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace baro::cli {

struct ApiRequest {
  std::string path;  // "/api/v1/query"; with ?… for GET
  std::string form;  // application/x-www-form-urlencoded body: POST when not empty
  // A body of another type: POST when content_type is not empty.
  std::string content_type = {};
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  size_t answer_bytes_max = 0;  // 0: kAnswerBytesMax
  std::string method = {};      // empty: GET or POST, as above
};

struct ApiResponse {
  int status = 0;
  std::string body;
};

// Thread-compatible.
class Transport {
 public:
  virtual ~Transport() = default;
  // Errors: Unavailable (no connection), DeadlineExceeded, ResourceExhausted (the answer is larger
  // than kAnswerBytesMax), InvalidArgument (the URL). The text names the URL's host and port.
  virtual absl::StatusOr<ApiResponse> Send(const ApiRequest& request) = 0;
};

}  // namespace baro::cli
