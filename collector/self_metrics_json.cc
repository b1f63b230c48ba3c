#include "self_metrics_json.h"

#include <array>
#include <cmath>

#include "baro/base/strings.h"
#include "http_api/json_object.h"

namespace baro::collector {
namespace {

// JSON has no infinities; protobuf writes words.
void WriteDouble(double value, JsonWriter* writer) {
  if (std::isnan(value)) return writer->String("NaN");
  if (std::isinf(value)) return writer->String(value > 0 ? "Infinity" : "-Infinity");
  writer->Number(value);
}

// 64-bit whole numbers are strings there.
void AddCount(std::string_view key, uint64_t count, JsonObject* object) {
  object->Add(key, base::StrCat(count));
}

void WriteHistogram(const prometheus::ClientMetric::Histogram& histogram, JsonWriter* writer) {
  JsonObject object(writer);
  AddCount("sampleCount", histogram.sample_count, &object);
  WriteDouble(histogram.sample_sum, object.Key("sampleSum"));
  JsonList list(object.Key("bucket"));
  for (const auto& bucket : histogram.bucket) {
    JsonObject entry(list.Next());
    AddCount("cumulativeCount", bucket.cumulative_count, &entry);
    WriteDouble(bucket.upper_bound, entry.Key("upperBound"));
  }
}

void WriteSummary(const prometheus::ClientMetric::Summary& summary, JsonWriter* writer) {
  JsonObject object(writer);
  AddCount("sampleCount", summary.sample_count, &object);
  WriteDouble(summary.sample_sum, object.Key("sampleSum"));
  JsonList list(object.Key("quantile"));
  for (const auto& quantile : summary.quantile) {
    JsonObject entry(list.Next());
    WriteDouble(quantile.quantile, entry.Key("quantile"));
    WriteDouble(quantile.value, entry.Key("value"));
  }
}

void WriteValue(prometheus::MetricType type, const prometheus::ClientMetric& metric,
                JsonObject* object) {
  const auto simple = [object](std::string_view key, double value) {
    JsonObject inner(object->Key(key));
    WriteDouble(value, inner.Key("value"));
  };
  switch (type) {
    case prometheus::MetricType::Counter:
      return simple("counter", metric.counter.value);
    case prometheus::MetricType::Gauge:
      return simple("gauge", metric.gauge.value);
    case prometheus::MetricType::Histogram:
      return WriteHistogram(metric.histogram, object->Key("histogram"));
    case prometheus::MetricType::Summary:
      return WriteSummary(metric.summary, object->Key("summary"));
    default:
      return simple("untyped", metric.untyped.value);
  }
}

std::string_view TypeWord(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "COUNTER";
    case prometheus::MetricType::Gauge:
      return "GAUGE";
    case prometheus::MetricType::Histogram:
      return "HISTOGRAM";
    case prometheus::MetricType::Summary:
      return "SUMMARY";
    default:
      return "UNTYPED";
  }
}

void WriteFamily(const prometheus::MetricFamily& family, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("name", family.name);
  object.Add("help", family.help);
  object.Add("type", TypeWord(family.type));
  JsonList metrics(object.Key("metric"));
  for (const auto& metric : family.metric) {
    JsonObject entry(metrics.Next());
    if (!metric.label.empty()) {
      JsonList labels(entry.Key("label"));
      for (const auto& label : metric.label) {
        JsonObject pair(labels.Next());
        pair.Add("name", label.name);
        pair.Add("value", label.value);
      }
    }
    WriteValue(family.type, metric, &entry);
  }
}

}  // namespace

std::string FamiliesJson(const std::vector<prometheus::MetricFamily>& families,
                         const std::function<bool(std::string_view name)>& wanted) {
  JsonWriter writer;
  {
    JsonList list(&writer);
    for (const auto& family : families) {
      if (!family.metric.empty() && wanted(family.name)) WriteFamily(family, list.Next());
    }
  }
  std::string text;
  for (const std::string& piece : writer.Take()) text += piece;
  return text;
}

}  // namespace baro::collector
