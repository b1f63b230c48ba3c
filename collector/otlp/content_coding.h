// Content-Encoding of request bodies: gzip, deflate (zlib), zstd.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace baro::collector {

// Replaces `plain` by what `body` unpacks to, never more than `bytes_max`. An empty coding and
// "identity" leave `plain` alone and give the body itself.
// Errors: Unimplemented (no such coding), InvalidArgument (damaged), ResourceExhausted (too large).
absl::StatusOr<std::string_view> DecodeBody(std::string_view coding, std::string_view body,
                                            size_t bytes_max, std::string* plain);

}  // namespace baro::collector
