// The messages of io.prometheus.client that an exposition consists of, as views into its bytes.
// Numbers are as sent; nothing is checked beyond the encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace baro::exposition {

struct LabelPair {
  std::string_view name;
  std::string_view value;
};

struct ExemplarMessage {
  std::vector<LabelPair> labels;
  double value = 0;
  std::optional<int64_t> time_ms;
};

struct Span {
  int64_t offset = 0;
  uint64_t length = 0;
};

struct NativeBuckets {
  std::vector<Span> spans;
  std::vector<int64_t> deltas;
  std::vector<double> counts;
};

struct ClassicBucket {
  double count = 0;
  double upper_bound = 0;
  std::optional<ExemplarMessage> exemplar;
};

struct HistogramMessage {
  double count = 0;
  double float_count = 0;
  double sum = 0;
  int64_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double float_zero_count = 0;
  std::vector<ClassicBucket> buckets;
  NativeBuckets positive;
  NativeBuckets negative;
  std::vector<ExemplarMessage> exemplars;
  size_t empty_spans = 0;

  bool is_native() const {
    return !positive.spans.empty() || !negative.spans.empty() || zero_threshold > 0 ||
           zero_count > 0;
  }
  bool is_float() const { return float_count > 0 || float_zero_count > 0; }
};

struct FamilyMessage {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  uint64_t type = 0;
  std::vector<std::string_view> metrics;
};

// Numbers of io.prometheus.client.MetricType.
enum FamilyType : uint64_t {
  kCounter = 0,
  kGauge = 1,
  kSummary = 2,
  kUntyped = 3,
  kHistogram = 4,
  kGaugeHistogram = 5
};

// False: the message is damaged. A field of the wrong encoding is an unknown field, as protobuf
// has it.
bool ReadLabel(std::string_view message, LabelPair* label);
bool ReadExemplar(std::string_view message, ExemplarMessage* exemplar);
bool ReadHistogram(std::string_view message, HistogramMessage* histogram);
bool ReadFamily(std::string_view message, FamilyMessage* family);

}  // namespace baro::exposition
