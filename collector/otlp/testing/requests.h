// OTLP requests for tests, built with protobuf's own classes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace baro::collector::otlp_testing {

namespace otel = opentelemetry::proto;
using Request = otel::collector::metrics::v1::ExportMetricsServiceRequest;
using Texts = std::initializer_list<std::pair<const char*, const char*>>;

inline constexpr int64_t kNowMs = 1'700'000'000'000;
inline constexpr auto kDelta = otel::metrics::v1::AGGREGATION_TEMPORALITY_DELTA;
inline constexpr auto kCumulative = otel::metrics::v1::AGGREGATION_TEMPORALITY_CUMULATIVE;

template <typename Message>
void AddTexts(const Texts& texts, Message* message) {
  for (const auto& [key, value] : texts) {
    auto* const attribute = message->add_attributes();
    attribute->set_key(key);
    attribute->mutable_value()->set_string_value(value);
  }
}

// One resource, one scope; metrics are added as they are asked for.
class Builder {
 public:
  explicit Builder(const Texts& resource = {{"service.name", "shop"},
                                            {"service.instance.id", "i-1"}}) {
    resource_ = request.add_resource_metrics();
    AddTexts(resource, resource_->mutable_resource());
    scope_ = resource_->add_scope_metrics();
  }

  otel::metrics::v1::Metric* Metric(const char* name, const char* unit = "") {
    auto* const metric = scope_->add_metrics();
    metric->set_name(name);
    metric->set_unit(unit);
    return metric;
  }
  otel::metrics::v1::Sum* Sum(const char* name, bool monotonic = true,
                              otel::metrics::v1::AggregationTemporality temporality = kCumulative) {
    auto* const sum = Metric(name)->mutable_sum();
    sum->set_is_monotonic(monotonic);
    sum->set_aggregation_temporality(temporality);
    return sum;
  }

  // Times are milliseconds after kNowMs; a start of INT64_MIN is unknown.
  template <typename Data>
  static auto* Point(Data* data, int64_t time_ms, int64_t start_ms = INT64_MIN) {
    auto* const point = data->add_data_points();
    point->set_time_unix_nano(Ns(time_ms));
    if (start_ms != INT64_MIN) point->set_start_time_unix_nano(Ns(start_ms));
    return point;
  }
  static uint64_t Ns(int64_t time_ms) {
    return static_cast<uint64_t>(kNowMs + time_ms) * 1'000'000;
  }

  // A counter's delta over (start, time].
  Builder& Delta(const char* name, int64_t start_ms, int64_t time_ms, double value) {
    Point(Sum(name, true, kDelta), time_ms, start_ms)->set_as_double(value);
    return *this;
  }
  Builder& Gauge(const char* name, int64_t time_ms, double value, const Texts& attributes = {}) {
    auto* const point = Point(Metric(name)->mutable_gauge(), time_ms);
    point->set_as_double(value);
    AddTexts(attributes, point);
    return *this;
  }

  std::string Bytes() const { return request.SerializeAsString(); }

  Request request;

 private:
  otel::metrics::v1::ResourceMetrics* resource_ = nullptr;
  otel::metrics::v1::ScopeMetrics* scope_ = nullptr;
};

}  // namespace baro::collector::otlp_testing
