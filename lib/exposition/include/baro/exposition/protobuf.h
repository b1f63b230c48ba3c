// The protobuf exposition: delimited io.prometheus.client.MetricFamily messages, the only format in
// which targets tell native histograms.
//
// What a row of numbers can hold becomes lines of text (Format::kProtobuf), the same for the same
// series at each scrape, so that LayoutCache knows them by heart as it does the text formats.
// Native histograms are handed out as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/exposition/parser.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"

namespace baro::exposition {

struct ProtobufOptions {
  bool native_histograms = false;      // else only what is classic in them is read
  bool classic_beside_native = false;  // of a histogram that is both
};

struct NativeSample {
  model::Labels labels;  // with the metric's name
  model::Metadata metadata;
  model::Histogram histogram;
  std::optional<int64_t> time_ms;
  std::vector<Exemplar> exemplars;  // each has a time: others are dropped, as in Prometheus
};

struct ProtobufBody {
  std::string text;  // for LayoutCache, or Parser
  std::vector<NativeSample> histograms;

  void Clear() {
    text.clear();
    histograms.clear();
  }
};

// Reads one body into `out`, which lends its memory. Buckets of no counts are left out, schemas
// finer than 8 become 8.
//
// Errors: InvalidArgument, damaged or senseless (with the family, or the byte); ResourceExhausted,
// a limit.
absl::Status ReadProtobuf(std::string_view body, const ProtobufOptions& options,
                          const Limits& limits, ProtobufBody* out);

// Halves the resolution of an exponential histogram until it has this schema. Requires a schema
// that is not larger than its own.
void ReduceSchema(int32_t schema, model::Histogram* histogram);

}  // namespace baro::exposition
