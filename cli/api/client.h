// The collector's HTTP API as functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/decode.h"
#include "api/transport.h"

namespace baro::cli {

using Parameters = std::vector<std::pair<std::string_view, std::string>>;

// "a=1&b=2" with everything escaped that is not unreserved (RFC 3986).
std::string EncodeParameters(const Parameters& parameters);

// Thread-compatible. Gathers the warnings of all answers in notes().
//
// Errors of all: those of Transport::Send and decode.h; Unauthenticated for 401, PermissionDenied
// for 403, NotFound for 404 (an endpoint this server does not have), Internal for other statuses.
class Client {
 public:
  // `transport` must outlive the client.
  Client(Transport* transport, int64_t timeout_ms)
      : transport_(transport), timeout_ms_(timeout_ms) {}

  absl::StatusOr<QueryAnswer> Query(std::string_view expression, int64_t time_ms);

  struct Range {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    int64_t step_ms = 0;
  };
  absl::StatusOr<QueryAnswer> QueryRange(std::string_view expression, Range range);

  // Label names, or the values of `name`; `match` selects series, empty for all.
  absl::StatusOr<std::vector<std::string>> LabelNames(const std::string& match);
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name,
                                                       const std::string& match);
  struct Window {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
  };
  absl::StatusOr<std::vector<LabelSet>> SeriesOf(const std::string& match, Window window);
  absl::StatusOr<std::vector<MetricMetadata>> AllMetadata();
  absl::StatusOr<std::vector<Target>> Targets();
  absl::StatusOr<std::vector<Record>> Agents();
  // data of a status page such as "/api/v1/status/buildinfo".
  absl::StatusOr<Record> StatusPage(const std::string& path);
  // Orders something of the store, by POST. Errors: PermissionDenied when the collector takes none.
  absl::Status Order(const std::string& path, const Parameters& parameters);
  // The same, with data in the answer.
  absl::StatusOr<Record> OrderRecord(const std::string& path, const Parameters& parameters);
  struct Verification {
    Record figures;
    std::vector<Record> damages;
  };
  absl::StatusOr<Verification> Verify();
  // The lists of status/tsdb by their names, each of {name, value}.
  struct NamedList {
    std::string name;
    std::vector<Record> entries;
  };
  absl::StatusOr<std::vector<NamedList>> Cardinality(int limit);
  // OK when the health page (such as "/-/ready") answers 200.
  absl::Status Health(const std::string& path);

  const Notes& notes() const { return notes_; }

 private:
  absl::StatusOr<std::string> Get(const std::string& path, const Parameters& parameters);
  absl::StatusOr<std::string> Post(const std::string& path, const Parameters& parameters);
  absl::StatusOr<std::string> Send(const ApiRequest& request);
  absl::StatusOr<std::string> SendOrder(const std::string& path, const Parameters& parameters);

  Transport* transport_;
  int64_t timeout_ms_;
  Notes notes_;
};

}  // namespace baro::cli
