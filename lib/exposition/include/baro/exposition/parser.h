// Parser: the Prometheus text formats (0.0.4, and 1.0.0 with quoted UTF-8 names) and OpenMetrics
// 1.0, one entry at a time and without a copy.
//
// It accepts what Prometheus 3's own parsers accept and refuses the rest: a scrape is wholly good
// or wholly bad. Two things are stricter here: a metric name needs a space before its value, and a
// NUL byte is refused outside of quoted strings and help texts, where Prometheus takes it for the
// end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"

namespace baro::exposition {

enum class Format : uint8_t {
  kText,         // 0.0.4 and 1.0.0
  kOpenMetrics,  // 1.0.0
  // The protobuf format, as ReadProtobuf() (protobuf.h) makes lines of it: OpenMetrics with times
  // in milliseconds and any unit. Nobody outside writes it.
  kProtobuf,
};

// What the Content-Type of an answer names; nothing for a type that is neither.
std::optional<Format> FormatOfContentType(std::string_view content_type);

// What a hostile target may make us hold. Errors name the limit.
struct Limits {
  size_t line_bytes_max = size_t{1} << 20;
  size_t labels_max = 256;
  size_t series_max = 1'000'000;
};

// Bytes of the body, not yet unescaped.
struct LabelView {
  std::string_view name;
  std::string_view value;
  bool escaped = false;  // name or value holds a backslash
};

struct ExemplarView {
  std::span<const LabelView> labels;
  double value = 0;
  std::optional<int64_t> time_ms;
};

// One sample. Refers to the body and the parser, until the next Next().
struct SampleView {
  std::string_view prefix;  // from the line's first byte to the value's
  std::string_view metric;
  bool metric_escaped = false;
  std::span<const LabelView> labels;
  double value = 0;
  std::optional<int64_t> time_ms;
  std::optional<ExemplarView> exemplar;
};

// One HELP, TYPE or UNIT line.
struct MetaView {
  std::string_view family;
  bool family_escaped = false;
  std::string_view text;        // of HELP and UNIT, escaped
  bool quotes_escaped = false;  // \" in `text` is an escape too (OpenMetrics)
  model::MetricType type = model::MetricType::kUnknown;
};

enum class Entry : uint8_t {
  kSample,
  kHelp,
  kType,
  kUnit,
  kComment,  // or a blank line
  kEnd,
  kError,
};

// Thread-compatible. The body must outlive the parser.
class Parser {
 public:
  Parser(std::string_view body, Format format, const Limits& limits = {});

  // The next entry; after kEnd and kError always the same.
  Entry Next();
  const SampleView& sample() const { return sample_; }
  const MetaView& meta() const { return meta_; }
  // Bytes read so far: where the next entry begins.
  size_t offset() const { return static_cast<size_t>(cursor_ - begin_); }

  // After kError: InvalidArgument "cannot parse exposition: 3:14: expected …", or ResourceExhausted
  // for a limit.
  absl::Status error() const;

  // Makes an error of the entry read last, for what only the caller can see in it.
  absl::Status Refuse(std::string_view cause);

  // For a caller that knows a line's beginning by heart (LayoutCache): goes to any offset at which
  // an entry begins; and reads value, time and exemplar of a sample from the offset of its value
  // on.
  void Seek(size_t offset) { cursor_ = begin_ + offset; }
  Entry NextFromValue(size_t offset);

 private:
  Entry Fail(const char* at, std::string_view cause);
  Entry FailLimit(const char* at, std::string_view cause);
  Entry Expected(const char* at, std::string_view what);
  Entry ReadComment();
  Entry ReadMeta(Entry entry, const char* line_end);
  bool ReadFamily();
  Entry ReadOpenMetricsComment();
  Entry ReadEof();
  Entry ReadSample();
  bool ReadSeries();
  bool ReadLabels(bool exemplar, std::vector<LabelView>* labels);
  bool ReadLabelValue(LabelView* label);
  bool ReadQuoted(std::string_view* text, bool* escaped);
  bool ReadNumber(double* value);
  Entry ReadSuffix();
  Entry ReadTextSuffix();
  Entry ReadOpenMetricsSuffix();
  bool ReadSeconds(int64_t* time_ms);
  bool ReadExemplar();
  std::string_view ReadName();
  void SkipBlanks() {
    while (cursor_ != end_ && (*cursor_ == ' ' || *cursor_ == '\t')) ++cursor_;
  }
  bool AtLineEnd() const { return cursor_ == end_ || *cursor_ == '\n'; }

  const char* const begin_;
  const char* const end_;
  const char* cursor_;
  const char* line_ = nullptr;  // where the entry under way begins
  const Format format_;         // kOpenMetrics for kProtobuf as well
  const bool protobuf_;
  const Limits limits_;
  bool ended_ = false;
  // The bare metric name read last: names come in families, so the next one begins alike.
  std::string_view last_name_;

  SampleView sample_;
  MetaView meta_;
  std::vector<LabelView> labels_;
  std::vector<LabelView> exemplar_labels_;

  const char* error_at_ = nullptr;
  std::string error_cause_;
  bool error_is_limit_ = false;
};

struct Exemplar {
  model::Labels labels;
  double value = 0;
  std::optional<int64_t> time_ms;
  bool operator==(const Exemplar&) const = default;
};

// One sample that stands for itself.
struct ParsedSample {
  model::Labels labels;
  model::Metadata metadata;
  double value = 0;
  std::optional<int64_t> time_ms;
  std::optional<Exemplar> exemplar;
};

// The whole body, slowly: for tools and tests. Errors as in Parser::error(), and InvalidArgument
// for a label name that occurs twice.
absl::StatusOr<std::vector<ParsedSample>> ParseExposition(std::string_view body, Format format,
                                                          const Limits& limits = {});

}  // namespace baro::exposition
