// Layout: the columns that a target's rows have. Declared once; afterwards only numbers travel.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "baro/model/labels.h"

namespace baro::model {

enum class MetricType : uint8_t {
  kUnknown = 0,
  kCounter = 1,
  kGauge = 2,
  kHistogram = 3,
  kGaugeHistogram = 4,
  kSummary = 5,
  kInfo = 6,
  kStateset = 7,
};

// "counter", "gauge", …, "unknown": the words of Prometheus' metadata API.
std::string_view MetricTypeName(MetricType type);

// What is known of a metric family. `family` is the name without _bucket, _sum, _count.
struct Metadata {
  std::string family;
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
  auto operator<=>(const Metadata&) const = default;
};

// One column: the metric-level labels (with __name__) of a series of the target.
struct Column {
  Labels labels;
  Metadata metadata;
  auto operator<=>(const Column&) const = default;
};

// XXH3-128 of a layout's columns; equal content, equal hash, on every machine and version
// (docs/formats/layout.md).
using ContentHash = std::array<uint8_t, 16>;

struct Layout {
  std::vector<Column> columns;
  ContentHash Hash() const;
};

}  // namespace baro::model
