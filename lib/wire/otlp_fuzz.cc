// Holds the OTLP reader against protobuf's own parser on arbitrary bytes: what protobuf accepts we
// accept, with the same metrics and points; what we accept beyond that is text that is not UTF-8.
// The same bytes as JSON must end in an error or a request that can be read.

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

#include "baro/base/check.h"
#include "baro/wire/otlp.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace baro::wire {
namespace {

using Request = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

// Counts, and sums of bits: cheap, and different for different requests.
struct Seen {
  uint64_t metrics = 0;
  uint64_t points = 0;
  uint64_t attributes = 0;
  uint64_t bits = 0;
  bool operator==(const Seen&) const = default;

  void Take(double value) {
    // NaNs may be made quiet on the way.
    bits += value != value ? 1 : std::bit_cast<uint64_t>(value);
  }
};

class Counter final : public OtlpVisitor {
 public:
  absl::Status OnResource(const OtlpResource& resource) override {
    return Attributes(resource.attributes);
  }
  absl::Status OnScope(const OtlpScope& scope) override { return Attributes(scope.attributes); }
  absl::StatusOr<bool> OnMetric(const OtlpMetric& metric) override {
    ++seen.metrics;
    seen.bits += metric.name.size() + metric.unit.size() + metric.points;
    return true;
  }
  absl::Status OnNumber(const OtlpNumber& point) override {
    seen.Take(point.value);
    return Point(point);
  }
  absl::Status OnHistogram(const OtlpHistogram& point) override {
    seen.bits += point.count;
    seen.Take(point.sum.value_or(0));
    for (const uint64_t count : point.bucket_counts) seen.bits += count;
    for (const double bound : point.bounds) seen.Take(bound);
    return Point(point);
  }
  absl::Status OnExponential(const OtlpExponential& point) override {
    seen.bits += point.count + point.zero_count + static_cast<uint32_t>(point.scale) +
                 static_cast<uint32_t>(point.positive.offset) +
                 static_cast<uint32_t>(point.negative.offset);
    seen.Take(point.sum.value_or(0));
    seen.Take(point.zero_threshold);
    for (const uint64_t count : point.positive.counts) seen.bits += count;
    for (const uint64_t count : point.negative.counts) seen.bits += count;
    return Point(point);
  }
  absl::Status OnSummary(const OtlpSummary& point) override {
    seen.bits += point.count;
    seen.Take(point.sum);
    for (const OtlpQuantile& each : point.quantiles) {
      seen.Take(each.quantile);
      seen.Take(each.value);
    }
    return Point(point);
  }
  absl::Status OnResourceEnd() override { return absl::OkStatus(); }

  Seen seen;
  bool inner_damage =
      false;  // inside attributes and exemplars, which the reader does not look into

 private:
  absl::Status Point(const OtlpPoint& point) {
    ++seen.points;
    seen.bits += point.start_ns + point.time_ns + point.flags;
    std::vector<OtlpExemplar> exemplars;
    if (!ReadOtlpExemplars(point.exemplars, &exemplars).ok()) inner_damage = true;
    return Attributes(point.attributes);
  }
  absl::Status Attributes(OtlpAttributes bytes) {
    std::vector<OtlpAttribute> attributes;
    if (!ReadOtlpAttributes(bytes, &attributes).ok()) inner_damage = true;
    seen.attributes += attributes.size();
    std::string text;
    for (const OtlpAttribute& attribute : attributes) {
      text.clear();
      if (!AppendOtlpText(attribute.value, &text).ok()) inner_damage = true;
    }
    return absl::OkStatus();
  }
};

template <typename Point>
void CountPoint(const Point& point, Seen* seen) {
  ++seen->points;
  seen->attributes += static_cast<uint64_t>(point.attributes_size());
  seen->bits += point.start_time_unix_nano() + point.time_unix_nano() + point.flags();
}

using Metric = opentelemetry::proto::metrics::v1::Metric;

void CountNumbers(const google::protobuf::RepeatedPtrField<
                      opentelemetry::proto::metrics::v1::NumberDataPoint>& points,
                  Seen* seen) {
  seen->bits += static_cast<uint64_t>(points.size());
  for (const auto& point : points) {
    CountPoint(point, seen);
    seen->Take(point.has_as_int() ? static_cast<double>(point.as_int()) : point.as_double());
  }
}

void CountHistograms(const Metric& metric, Seen* seen) {
  seen->bits += static_cast<uint64_t>(metric.histogram().data_points_size());
  for (const auto& point : metric.histogram().data_points()) {
    CountPoint(point, seen);
    seen->bits += point.count();
    seen->Take(point.sum());
    for (const uint64_t count : point.bucket_counts()) seen->bits += count;
    for (const double bound : point.explicit_bounds()) seen->Take(bound);
  }
}

void CountExponentials(const Metric& metric, Seen* seen) {
  seen->bits += static_cast<uint64_t>(metric.exponential_histogram().data_points_size());
  for (const auto& point : metric.exponential_histogram().data_points()) {
    CountPoint(point, seen);
    seen->bits += point.count() + point.zero_count() + static_cast<uint32_t>(point.scale()) +
                  static_cast<uint32_t>(point.positive().offset()) +
                  static_cast<uint32_t>(point.negative().offset());
    seen->Take(point.sum());
    seen->Take(point.zero_threshold());
    for (const uint64_t count : point.positive().bucket_counts()) seen->bits += count;
    for (const uint64_t count : point.negative().bucket_counts()) seen->bits += count;
  }
}

void CountSummaries(const Metric& metric, Seen* seen) {
  seen->bits += static_cast<uint64_t>(metric.summary().data_points_size());
  for (const auto& point : metric.summary().data_points()) {
    CountPoint(point, seen);
    seen->bits += point.count();
    seen->Take(point.sum());
    for (const auto& each : point.quantile_values()) {
      seen->Take(each.quantile());
      seen->Take(each.value());
    }
  }
}

Seen SeenByProtobuf(const Request& request) {
  Seen seen;
  for (const auto& resource : request.resource_metrics()) {
    seen.attributes += static_cast<uint64_t>(resource.resource().attributes_size());
    for (const auto& scope : resource.scope_metrics()) {
      seen.attributes += static_cast<uint64_t>(scope.scope().attributes_size());
      for (const Metric& metric : scope.metrics()) {
        ++seen.metrics;
        seen.bits += metric.name().size() + metric.unit().size();
        CountNumbers(metric.gauge().data_points(), &seen);
        CountNumbers(metric.sum().data_points(), &seen);
        CountHistograms(metric, &seen);
        CountExponentials(metric, &seen);
        CountSummaries(metric, &seen);
      }
    }
  }
  return seen;
}

void CheckAgainstProtobuf(std::string_view bytes) {
  Request request;
  const bool theirs = request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  Counter counter;
  const bool ours = ReadOtlp(bytes, &counter).ok();
  if (!theirs) return;
  BARO_CHECK(ours);
  BARO_CHECK(counter.seen == SeenByProtobuf(request));
}

}  // namespace
}  // namespace baro::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It reports each invalid text on stderr, thousands a second here.
  static const auto kReporter = google::protobuf::SetLogHandler(nullptr);
  (void)kReporter;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  baro::wire::CheckAgainstProtobuf(bytes);
  const auto protobuf = baro::wire::OtlpJsonToProtobuf(bytes);
  if (protobuf.ok()) {
    baro::wire::Counter counter;
    BARO_CHECK(baro::wire::ReadOtlp(*protobuf, &counter).ok());
  }
  return 0;
}
