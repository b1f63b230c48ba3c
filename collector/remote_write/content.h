// What a write request claims to hold: which message, packed how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/net/http_message.h"

namespace baro::collector {

// prometheus.WriteRequest and io.prometheus.write.v2.Request.
enum class WriteVersion : uint8_t { kOne, kTwo };

struct WriteContent {
  WriteVersion version = WriteVersion::kOne;
  bool zstd = false;  // snappy otherwise
};

// Reads Content-Type and Content-Encoding. A missing one is taken for 1.0 and for snappy, as
// Prometheus does; X-Prometheus-Remote-Write-Version is not looked at, for the specification has
// the content type decide. Errors: Unimplemented, worded for the sender (415).
absl::StatusOr<WriteContent> NegotiateWrite(const net::ServerRequest& request);

// Unpacks the body. vmagent falls back from one packing to the other with requests that it has
// queued under the first name, so what is not the one is tried as the other. Errors:
// InvalidArgument (neither), ResourceExhausted (larger than `decoded_bytes_max`).
absl::Status UnpackWrite(const WriteContent& content, const std::string& body,
                         size_t decoded_bytes_max, std::string* decoded);

}  // namespace baro::collector
