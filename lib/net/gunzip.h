// Gunzip: unpacks a gzip body piece by piece into a bounded string.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace baro::net {

// Thread-compatible. One body, of one or more gzip members.
class Gunzip {
 public:
  explicit Gunzip(size_t bytes_max);
  ~Gunzip();

  // Appends what `packed` unpacks to to `plain`, which stays within bytes_max.
  // Errors: InvalidArgument (not gzip, damaged; the offset in the packed bytes), ResourceExhausted.
  absl::Status Append(std::string_view packed, std::string* plain);
  // Errors: InvalidArgument when the last member is cut short.
  absl::Status Finish() const;

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
  const size_t bytes_max_;
};

}  // namespace baro::net
