// ExpositionWriter: series and their last samples in the formats that scrapers read: text 0.0.4 and
// length-delimited protobuf (io.prometheus.client.MetricFamily), to the letter of Prometheus'
// client libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "http_api/name_escape.h"

namespace baro::collector {

struct ExpositionFormat {
  bool protobuf = false;
  NameEscaping escaping = NameEscaping::kUnderscores;

  std::string ContentType() const;
};

// What an Accept header likes best of the two; text when it likes neither.
ExpositionFormat ChooseExposition(std::string_view accept);

// One sample of one series, its metric name apart.
struct ExposedSample {
  const std::vector<model::Label>* labels = nullptr;  // in the order they are written
  int64_t time_ms = 0;
  double value = 0;
  const model::Histogram* histogram = nullptr;  // null: `value` it is
};

enum class ExposedType { kUntyped, kHistogram, kGaugeHistogram };

// Go's strconv.FormatFloat(value, 'g', -1, 64): 1e+06, 0.0001, 1e-05, +Inf, NaN; but 0 for -0.
// Appends.
void AppendShortest(double value, std::string* out);

// Thread-compatible.
class ExpositionWriter {
 public:
  explicit ExpositionWriter(ExpositionFormat format) : format_(format) {}

  // Whether the format has a place for such a sample: exponential histograms have none in text.
  bool CanWrite(const ExposedSample& sample) const;
  // Begins a family; ends the one before.
  void Family(std::string_view name, ExposedType type);
  // Of the family begun. Requires CanWrite().
  void Add(const ExposedSample& sample);

  // The blocks written; the writer is empty afterwards.
  std::vector<std::string> Take();

 private:
  void TextLine(std::string_view suffix, const ExposedSample& sample, const double* bound,
                double value);
  void AddTextHistogram(const ExposedSample& sample);
  void EndFamily();
  void Roll();

  const ExpositionFormat format_;
  std::string name_;    // escaped
  std::string family_;  // protobuf of the family under way, without its length
  std::string block_;
  std::vector<std::string> full_;
};

}  // namespace baro::collector
