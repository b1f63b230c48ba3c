#include "http_api/query_answer.h"

#include <memory>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/json_object.h"

namespace baro::collector {
namespace {

// About what a sample's text takes: [1435781430.781,"0.123"],
constexpr uint64_t kTextBytesPerSample = 26;
constexpr uint64_t kTextBytesPerBucket = 48;
// Samples written between two looks at whether anybody waits: a few milliseconds.
constexpr size_t kSamplesPerCheck = 64 * 1024;

uint64_t TextBytesOf(const promql::ResultSeries& series) {
  uint64_t bytes = 16 + series.samples.size() * kTextBytesPerSample;
  for (const promql::HistogramPoint& point : series.histograms) {
    const model::Histogram& histogram = point.histogram;
    bytes += (2 + histogram.positive.size() + histogram.negative.size()) * kTextBytesPerBucket;
  }
  for (const model::Label& label : series.labels) {
    bytes += 6 + label.name.size() + label.value.size();
  }
  return bytes;
}

// What the text may take, and whether it is still wanted.
class Allowance {
 public:
  Allowance(const AnswerBounds& bounds, uint64_t result_bytes)
      : bounds_(bounds),
        result_bytes_(result_bytes),
        share_(std::make_shared<base::MemoryShare>(bounds.memory)) {}

  // Before a series is written.
  absl::Status Take(const promql::ResultSeries& series) {
    bytes_ += TextBytesOf(series);
    unchecked_ += series.samples.size() + series.histograms.size() + 16;
    if (unchecked_ < kSamplesPerCheck) return absl::OkStatus();
    return Check();
  }
  absl::Status Check() {
    unchecked_ = 0;
    if (bounds_.cancelled != nullptr && bounds_.cancelled->load(std::memory_order_relaxed)) {
      return absl::CancelledError("query was canceled while its answer was written");
    }
    const uint64_t all = bytes_ + result_bytes_;
    if (bounds_.bytes_max != 0 && all > bounds_.bytes_max) {
      return absl::ResourceExhaustedError(
          base::StrCat("the answer needs more memory than one query may have: ", all >> 20,
                       " MiB of ", bounds_.bytes_max >> 20, " MiB (--query.memory-limit)"));
    }
    if (share_->Grow(bytes_)) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        base::StrCat("the answer needs more memory than is free: ", bytes_ >> 20, " MiB, and ",
                     bounds_.memory->resident_bytes() >> 20, " MiB of ",
                     bounds_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
  }
  std::shared_ptr<base::MemoryShare> share() const { return share_; }

 private:
  const AnswerBounds& bounds_;
  const uint64_t result_bytes_;
  std::shared_ptr<base::MemoryShare> share_;
  uint64_t bytes_ = 0;
  size_t unchecked_ = 0;
};

void WriteElement(const promql::ResultSeries& element, JsonWriter* writer) {
  writer->Raw("{\"metric\":");
  writer->Labels(element.labels);
  if (element.samples.empty()) {
    const promql::HistogramPoint& point = element.histograms.front();
    writer->Raw(",\"histogram\":");
    writer->Histogram(point.time_ms, point.histogram);
  } else {
    const model::Sample& sample = element.samples.front();
    writer->Raw(",\"value\":");
    writer->Sample(sample.time_ms, sample.value);
  }
  writer->Raw("}");
}

// Calls write(point) for each of some points, with what goes around and between them; nothing when
// there are none.
template <typename Points, typename Write>
void WritePoints(std::string_view key, const Points& points, JsonWriter* writer, Write write) {
  if (points.empty()) return;
  writer->Raw(key);
  bool first = true;
  for (const auto& point : points) {
    if (!first) writer->Raw(",");
    first = false;
    write(point);
  }
  writer->Raw("]");
}

void WriteSeries(const promql::ResultSeries& series, JsonWriter* writer) {
  writer->Raw("{\"metric\":");
  writer->Labels(series.labels);
  WritePoints(",\"values\":[", series.samples, writer, [writer](const model::Sample& sample) {
    writer->Sample(sample.time_ms, sample.value);
  });
  WritePoints(",\"histograms\":[", series.histograms, writer,
              [writer](const promql::HistogramPoint& point) {
                writer->Histogram(point.time_ms, point.histogram);
              });
  writer->Raw("}");
}

// Scalars and strings have their time as an ordinary number: 1.5, where a sample has 1.500.
void WriteScalarTime(int64_t time_ms, JsonWriter* writer) {
  char text[kNumberBytesMax];
  writer->Raw({text, WriteFixed(static_cast<double>(time_ms) / 1000, text)});
}

// Writes type and result of each kind of value.
struct ResultWriter {
  JsonWriter* writer;
  Allowance* allowance;

  absl::Status operator()(const promql::Scalar& scalar) const {
    writer->Raw("\"resultType\":\"scalar\",\"result\":[");
    WriteScalarTime(scalar.time_ms, writer);
    char text[kNumberBytesMax];
    writer->Raw(",\"");
    writer->Raw({text, WriteFixed(scalar.value, text)});
    writer->Raw("\"]");
    return absl::OkStatus();
  }
  absl::Status operator()(const promql::String& string) const {
    writer->Raw("\"resultType\":\"string\",\"result\":[");
    WriteScalarTime(string.time_ms, writer);
    writer->Raw(",");
    writer->String(string.value);
    writer->Raw("]");
    return absl::OkStatus();
  }
  absl::Status operator()(promql::Vector& vector) const {
    writer->Raw("\"resultType\":\"vector\",\"result\":");
    JsonList list(writer);
    for (const promql::ResultSeries& element : vector.elements) {
      BARO_TRY(allowance->Take(element));
      WriteElement(element, list.Next());
    }
    return absl::OkStatus();
  }
  absl::Status operator()(promql::Matrix& matrix) const {
    writer->Raw("\"resultType\":\"matrix\",\"result\":");
    JsonList list(writer);
    for (promql::ResultSeries& series : matrix.series) {
      BARO_TRY(allowance->Take(series));
      WriteSeries(series, list.Next());
      series.samples = {};  // the text has them now
    }
    return absl::OkStatus();
  }
};

// True when something was cut off.
bool Truncate(size_t limit, promql::QueryResult* result) {
  if (limit == 0) return false;
  std::vector<promql::ResultSeries>* list = nullptr;
  if (auto* vector = std::get_if<promql::Vector>(&result->value)) list = &vector->elements;
  if (auto* matrix = std::get_if<promql::Matrix>(&result->value)) list = &matrix->series;
  if (list == nullptr || list->size() <= limit) return false;
  list->resize(limit);
  return true;
}

}  // namespace

absl::StatusOr<net::ServerResponse> ResultAnswer(promql::QueryResult result,
                                                 const AnswerShape& shape,
                                                 const AnswerBounds& bounds) {
  Notes notes = shape.notes;
  for (std::string& warning : result.warnings) notes.warnings.push_back(std::move(warning));
  notes.infos = std::move(result.infos);
  if (Truncate(shape.limit, &result)) notes.warnings.emplace_back(kTruncated);
  Allowance allowance(bounds, result.memory == nullptr ? 0 : result.memory->bytes());
  JsonWriter writer = StartAnswer();
  writer.Raw("{");
  BARO_TRY(std::visit(ResultWriter{&writer, &allowance}, result.value));
  BARO_TRY(allowance.Check());
  if (shape.with_stats) {
    writer.Raw(",\"stats\":");
    WriteStats({result.stats, shape.queue_seconds, shape.detailed, shape.start_ms, shape.step_ms},
               &writer);
  }
  writer.Raw("}");
  net::ServerResponse response = FinishAnswer(&writer, notes);
  response.reserved = allowance.share();
  return response;
}

}  // namespace baro::collector
