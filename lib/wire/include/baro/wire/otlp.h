// OTLP metrics: an ExportMetricsServiceRequest read in place, without a tree of objects.
//
//   ResourceMetrics ─► OnResource
//     ScopeMetrics ─► OnScope
//       Metric ─► OnMetric
//         data point ─► OnNumber | OnHistogram | OnExponential | OnSummary
//     (end of the resource) ─► OnResourceEnd
//
// Most exports repeat the one before but for times and values: attributes stay bytes here, and a
// reader that knows them already need not look inside. Damage may show late, so nothing that a
// visitor has collected counts before ReadOtlp() has returned OK.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::wire {

// The decoded size of a request that is read.
inline constexpr size_t kOtlpBytesMax = size_t{32} << 20;

// KeyValue fields, each with its tag, one behind the other: equal bytes, equal attributes.
using OtlpAttributes = std::string_view;
// Exemplar fields, likewise.
using OtlpExemplars = std::string_view;

struct OtlpAttribute {
  std::string_view key;
  std::string_view value;  // an AnyValue: see AppendOtlpText()
};

struct OtlpResource {
  OtlpAttributes attributes;
};

struct OtlpScope {
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  OtlpAttributes attributes;
};

enum class OtlpKind : uint8_t {
  kNone,  // no data, or of a kind that is newer than we are
  kGauge,
  kSum,
  kHistogram,
  kExponentialHistogram,
  kSummary,
};

enum class OtlpTemporality : uint8_t { kUnspecified = 0, kDelta = 1, kCumulative = 2 };

struct OtlpMetric {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  OtlpKind kind = OtlpKind::kNone;
  OtlpTemporality temporality = OtlpTemporality::kUnspecified;  // of what has one
  bool monotonic = false;                                       // of a sum
  size_t points = 0;
};

// What all data points have.
struct OtlpPoint {
  OtlpAttributes attributes;
  OtlpExemplars exemplars;
  uint64_t start_ns = 0;  // 0: unknown
  uint64_t time_ns = 0;
  uint32_t flags = 0;
  bool no_recorded_value() const { return (flags & 1) != 0; }
};

struct OtlpNumber : OtlpPoint {
  double value = 0;  // integers converted
};

struct OtlpHistogram : OtlpPoint {
  uint64_t count = 0;
  std::optional<double> sum;
  std::span<const uint64_t> bucket_counts;
  std::span<const double> bounds;
};

struct OtlpBuckets {
  int32_t offset = 0;
  std::span<const uint64_t> counts;
};

struct OtlpExponential : OtlpPoint {
  uint64_t count = 0;
  std::optional<double> sum;
  int32_t scale = 0;
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  OtlpBuckets positive;
  OtlpBuckets negative;
};

struct OtlpQuantile {
  double quantile = 0;
  double value = 0;
};

struct OtlpSummary : OtlpPoint {
  uint64_t count = 0;
  double sum = 0;
  std::span<const OtlpQuantile> quantiles;
};

struct OtlpExemplar {
  uint64_t time_ns = 0;
  std::optional<double> value;
  std::string trace_id;  // lower-case hexadecimal; empty when all is zero
  std::string span_id;
  OtlpAttributes attributes;
};

// What is passed is valid until the function returns. An error ends the reading and is returned by
// ReadOtlp().
class OtlpVisitor {
 public:
  virtual ~OtlpVisitor() = default;
  virtual absl::Status OnResource(const OtlpResource& resource) = 0;
  virtual absl::Status OnScope(const OtlpScope& scope) = 0;
  // False: its points are checked and not shown.
  virtual absl::StatusOr<bool> OnMetric(const OtlpMetric& metric) = 0;
  virtual absl::Status OnNumber(const OtlpNumber& point) = 0;
  virtual absl::Status OnHistogram(const OtlpHistogram& point) = 0;
  virtual absl::Status OnExponential(const OtlpExponential& point) = 0;
  virtual absl::Status OnSummary(const OtlpSummary& point) = 0;
  virtual absl::Status OnResourceEnd() = 0;
};

// Errors: InvalidArgument with the byte offset and what is wrong there; the visitor's.
absl::Status ReadOtlp(std::string_view request, OtlpVisitor* visitor);

// Replaces `attributes` by those in the bytes, as they come. Errors: InvalidArgument.
absl::Status ReadOtlpAttributes(OtlpAttributes bytes, std::vector<OtlpAttribute>* attributes);

// Appends an AnyValue as OpenTelemetry's Go libraries print it: strings as they are, numbers as
// JavaScript prints them, bytes as base64, lists and maps as JSON. Errors: InvalidArgument (damage,
// or nested deeper than 64).
absl::Status AppendOtlpText(std::string_view value, std::string* text);

// The shortest digits that read back as `value`, never with an exponent: values of `le` and
// `quantile`.
std::string PlainNumber(double value);

// Replaces `exemplars`. Errors: InvalidArgument (damage, ids of a wrong size).
absl::Status ReadOtlpExemplars(OtlpExemplars bytes, std::vector<OtlpExemplar>* exemplars);

// An OTLP/JSON request as protobuf: lowerCamelCase, 64-bit integers as strings or numbers, enums as
// numbers or names; unknown fields are left out. Trace and span ids, which OTLP/JSON writes in
// hexadecimal where protobuf's JSON has base64, come out as ReadOtlpExemplars() understands them.
// Errors: InvalidArgument.
absl::StatusOr<std::string> OtlpJsonToProtobuf(std::string_view json);

// An ExportMetricsServiceResponse, in protobuf or JSON. Empty when there is nothing to tell.
std::string OtlpResponse(int64_t rejected_points, std::string_view message, bool json);

// A google.rpc.Status. With `retry_after_ms` above 0 it says when to try again
// (google.rpc.RetryInfo; in protobuf only).
std::string RpcStatus(int code, std::string_view message, int64_t retry_after_ms, bool json);

}  // namespace baro::wire
