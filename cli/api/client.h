// The collector's HTTP API as functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/decode.h"
#include "api/document.h"
#include "api/plan.h"
#include "api/transport.h"

namespace baro::cli {

using Parameters = std::vector<std::pair<std::string_view, std::string>>;

// "a=1&b=2" with everything escaped that is not unreserved (RFC 3986).
std::string EncodeParameters(const Parameters& parameters);

// OK for 2xx; else what Client's methods say of it, with the server's own words.
absl::Status CheckStatus(const ApiResponse& response);

// Thread-compatible. Gathers the warnings of all answers in notes().
//
// Errors of all: those of Transport::Send and decode.h; Unauthenticated for 401, PermissionDenied
// for 403, NotFound for 404 (an endpoint this server does not have), Internal for other statuses.
class Client {
 public:
  // `transport` must outlive the client.
  Client(Transport* transport, int64_t timeout_ms)
      : transport_(transport), timeout_ms_(timeout_ms) {}

  // `with_stats` asks what the query cost, too.
  absl::StatusOr<QueryAnswer> Query(std::string_view expression, int64_t time_ms,
                                    bool with_stats = false);

  struct Range {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    int64_t step_ms = 0;
  };
  absl::StatusOr<QueryAnswer> QueryRange(std::string_view expression, Range range,
                                         bool with_stats = false);

  struct Window {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
  };
  // Which names, values and series are asked for.
  struct Scope {
    std::string match = {};             // a selector; empty for all series
    std::optional<Window> window = {};  // only of series with samples in it
    int limit = 0;                      // at most so many, 0 for all; truncated() tells of more
  };
  absl::StatusOr<std::vector<std::string>> LabelNames(const Scope& scope);
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name, const Scope& scope);
  absl::StatusOr<std::vector<LabelSet>> SeriesOf(const Scope& scope);
  // True when an answer was cut to its limit. That was wished for, so notes() does not warn of it.
  bool truncated() const { return truncated_; }

  absl::StatusOr<std::vector<MetricMetadata>> AllMetadata();
  absl::StatusOr<std::vector<Target>> Targets();
  absl::StatusOr<std::vector<Record>> Agents();
  // data of a status page such as "/api/v1/status/buildinfo".
  absl::StatusOr<Record> StatusPage(const std::string& path);
  // Orders something of the store, by POST. Errors: PermissionDenied when the collector takes none.
  absl::Status Order(const std::string& path, const Parameters& parameters);
  // The same, with data in the answer.
  absl::StatusOr<Record> OrderRecord(const std::string& path, const Parameters& parameters);
  // A list of records: `list` is a member of the answer's data, empty for data itself.
  absl::StatusOr<std::vector<Record>> Records(const std::string& path, std::string_view list,
                                              const Parameters& parameters);
  // The same of what a POST has done.
  absl::StatusOr<std::vector<Record>> OrderRecords(const std::string& path, std::string_view list,
                                                   const Parameters& parameters);
  // An answer with lists inside lists, to be walked by the caller; of a GET, or of a POST of a
  // form.
  absl::StatusOr<std::unique_ptr<Document>> Page(const std::string& path,
                                                 const Parameters& parameters);
  absl::StatusOr<std::unique_ptr<Document>> OrderPage(const std::string& path,
                                                      const Parameters& parameters);
  // POST of a body that is no form; parameters go into the URL.
  absl::StatusOr<std::unique_ptr<Document>> PostText(const std::string& path,
                                                     const Parameters& parameters,
                                                     const std::string& content_type,
                                                     std::string text);
  // DELETE. Errors: also NotFound (no such thing).
  absl::Status Delete(const std::string& path);
  struct Verification {
    Record figures;
    std::vector<Record> damages;
  };
  absl::StatusOr<Verification> Verify();
  // Figures of the index, and its longest lists by their names; those of status/tsdb where the
  // server is no Barograph.
  struct NamedList {
    std::string name;
    std::vector<Record> entries;
  };
  struct IndexSize {
    Record figures;
    std::vector<NamedList> lists;
  };
  absl::StatusOr<IndexSize> Cardinality(int limit);

  // What a query would cost, and whether it may run. `range` is empty for an instant query.
  absl::StatusOr<Explanation> Explain(std::string_view expression, int64_t time_ms,
                                      std::optional<Range> range);
  absl::StatusOr<std::vector<RunningQuery>> RunningQueries();
  // `by` is one of duration, samples, count, memory.
  absl::StatusOr<std::vector<QueryCost>> TopQueries(const std::string& by, int limit,
                                                    int64_t since_ms);
  absl::Status CancelQuery(const std::string& id);
  // OK when the health page (such as "/-/ready") answers 200.
  absl::Status Health(const std::string& path);

  const Notes& notes() const { return notes_; }

 private:
  void ForgiveTruncation();
  absl::StatusOr<IndexSize> TsdbCardinality(int limit);
  absl::StatusOr<std::string> Get(const std::string& path, const Parameters& parameters);
  absl::StatusOr<std::string> Post(const std::string& path, const Parameters& parameters);
  absl::StatusOr<std::string> Send(const ApiRequest& request);
  absl::StatusOr<std::string> SendOrder(const std::string& path, const Parameters& parameters);

  Transport* transport_;
  int64_t timeout_ms_;
  Notes notes_;
  bool truncated_ = false;
};

}  // namespace baro::cli
