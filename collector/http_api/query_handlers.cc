#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"
#include "http_api/time_text.h"

namespace baro::collector {
namespace {

constexpr char kBadStep[] =
    "zero or negative query resolution step widths are not accepted. Try a positive integer";

absl::Status TooManyPoints() {
  return absl::InvalidArgumentError(
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
      "resolution (?step=XX)");
}

absl::StatusOr<promql::QueryOptions> OptionsOf(const Parameters& parameters,
                                               const net::ServerRequest& request) {
  promql::QueryOptions options;
  options.cancelled = request.cancelled;
  if (const std::string_view timeout = parameters.Get("timeout"); !timeout.empty()) {
    const auto timeout_ms = ParseDurationMs(timeout);
    if (!timeout_ms.ok()) return InvalidParameter("timeout", timeout_ms.status());
    if (*timeout_ms <= 0) return absl::DeadlineExceededError("query timed out before it started");
    options.timeout_ms = *timeout_ms;
  }
  if (const std::string_view lookback = parameters.Get("lookback_delta"); !lookback.empty()) {
    const auto lookback_ms = ParseDurationMs(lookback);
    if (!lookback_ms.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat("error parsing lookback delta duration: ",
                       base::FromAbsl(lookback_ms.status().message())));
    }
    options.lookback_ms = *lookback_ms;
  }
  return options;
}

// What is wrong with the expression is said of the parameter it came in.
absl::Status QueryError(const absl::Status& error) {
  return absl::IsInvalidArgument(error) ? InvalidParameter("query", error) : error;
}

struct RangeParameters {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
};

absl::StatusOr<int64_t> RequiredTime(const Parameters& parameters, std::string_view name) {
  const auto time_ms = ParseTimeMs(parameters.Get(name));
  if (!time_ms.ok()) return InvalidParameter(name, time_ms.status());
  return time_ms;
}

absl::StatusOr<RangeParameters> RangeOf(const Parameters& parameters) {
  RangeParameters range;
  BARO_TRY_ASSIGN(range.start_ms, RequiredTime(parameters, "start"));
  BARO_TRY_ASSIGN(range.end_ms, RequiredTime(parameters, "end"));
  if (range.end_ms < range.start_ms) {
    return InvalidParameter(
        "end", absl::InvalidArgumentError("end timestamp must not be before start time"));
  }
  const auto step_ms = ParseDurationMs(parameters.Get("step"));
  if (!step_ms.ok()) return InvalidParameter("step", step_ms.status());
  // Prometheus counts in nanoseconds; what it takes for a step and we cannot is named.
  if (*step_ms == 0 && ParseNumber(parameters.Get("step")).value_or(0) > 0) {
    return InvalidParameter("step", absl::InvalidArgumentError("step is shorter than 1 ms"));
  }
  if (*step_ms <= 0) return InvalidParameter("step", absl::InvalidArgumentError(kBadStep));
  range.step_ms = *step_ms;
  return range;
}

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

  void operator()(const promql::Scalar& scalar) const {
    writer->Raw("\"resultType\":\"scalar\",\"result\":[");
    WriteScalarTime(scalar.time_ms, writer);
    char text[kNumberBytesMax];
    writer->Raw(",\"");
    writer->Raw({text, WriteFixed(scalar.value, text)});
    writer->Raw("\"]");
  }
  void operator()(const promql::String& string) const {
    writer->Raw("\"resultType\":\"string\",\"result\":[");
    WriteScalarTime(string.time_ms, writer);
    writer->Raw(",");
    writer->String(string.value);
    writer->Raw("]");
  }
  void operator()(const promql::Vector& vector) const {
    writer->Raw("\"resultType\":\"vector\",\"result\":");
    JsonList list(writer);
    for (const promql::ResultSeries& element : vector.elements) WriteElement(element, list.Next());
  }
  void operator()(const promql::Matrix& matrix) const {
    writer->Raw("\"resultType\":\"matrix\",\"result\":");
    JsonList list(writer);
    for (const promql::ResultSeries& series : matrix.series) WriteSeries(series, list.Next());
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

void WriteStats(const promql::QueryStats& stats, JsonWriter* writer) {
  JsonObject all(writer);
  {
    JsonObject timings(all.Key("timings"));
    timings.Add("evalTotalTime", stats.eval_seconds);
    timings.Add("resultSortTime", 0);
    timings.Add("queryPreparationTime", 0);
    timings.Add("innerEvalTime", stats.eval_seconds);
    timings.Add("execQueueTime", 0);
    timings.Add("execTotalTime", stats.eval_seconds);
  }
  JsonObject samples(all.Key("samples"));
  samples.Add("totalQueryableSamples", stats.samples_total);
  samples.Add("peakSamples", stats.samples_peak);
}

net::ServerResponse ResultAnswer(promql::QueryResult result, size_t limit, bool with_stats) {
  Notes notes{std::move(result.warnings), std::move(result.infos)};
  if (Truncate(limit, &result)) notes.warnings.emplace_back(kTruncated);
  JsonWriter writer = StartAnswer();
  writer.Raw("{");
  std::visit(ResultWriter{&writer}, result.value);
  if (with_stats) {
    writer.Raw(",\"stats\":");
    WriteStats(result.stats, &writer);
  }
  writer.Raw("}");
  return FinishAnswer(&writer, notes);
}

}  // namespace

Answer InstantQuery(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  BARO_TRY_ASSIGN(const int64_t time_ms, TimeParameter(parameters, "time", parts.clock->NowMs()));
  BARO_TRY_ASSIGN(const promql::QueryOptions options, OptionsOf(parameters, request));
  auto result = parts.engine->Instant(*parts.source, parameters.Get("query"), time_ms, options);
  if (!result.ok()) return QueryError(result.status());
  return ResultAnswer(*std::move(result), limit, !parameters.Get("stats").empty());
}

Answer RangeQuery(const ApiParts& parts, const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY_ASSIGN(const size_t limit, LimitParameter(parameters));
  BARO_TRY_ASSIGN(const RangeParameters range, RangeOf(parameters));
  // In unsigned arithmetic: the ends may be as far apart as int64 goes.
  const uint64_t span_ms =
      static_cast<uint64_t>(range.end_ms) - static_cast<uint64_t>(range.start_ms);
  const auto points_max = static_cast<uint64_t>(parts.engine->options().points_max);
  if (span_ms / static_cast<uint64_t>(range.step_ms) > points_max) return TooManyPoints();
  BARO_TRY_ASSIGN(const promql::QueryOptions options, OptionsOf(parameters, request));
  auto result = parts.engine->Range(*parts.source, parameters.Get("query"), range.start_ms,
                                    range.end_ms, range.step_ms, options);
  if (!result.ok()) return QueryError(result.status());
  return ResultAnswer(*std::move(result), limit, !parameters.Get("stats").empty());
}

}  // namespace baro::collector
