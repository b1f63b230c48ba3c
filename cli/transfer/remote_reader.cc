#include "transfer/remote_reader.h"

#include <re2/re2.h>
#include <snappy.h>

#include <algorithm>
#include <utility>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "prometheus/remote.pb.h"

namespace baro::cli {
namespace {

// Metrics asked for at a time.
constexpr size_t kNamesMax = 100;
// An answer is held whole while it is read.
constexpr size_t kSeriesBytesMax = size_t{256} << 20;

absl::Status Damaged(std::string_view what, size_t offset) {
  return absl::DataLossError(
      base::StrCat("cannot read the collector's answer: ", what, " at byte ", offset));
}

prometheus::LabelMatcher::Type TypeOf(model::MatchType type) {
  switch (type) {
    case model::MatchType::kEqual:
      return prometheus::LabelMatcher::EQ;
    case model::MatchType::kNotEqual:
      return prometheus::LabelMatcher::NEQ;
    case model::MatchType::kRegex:
      return prometheus::LabelMatcher::RE;
    default:
      return prometheus::LabelMatcher::NRE;
  }
}

void AddMatcher(prometheus::LabelMatcher::Type type, const std::string& name,
                const std::string& value, prometheus::Query* query) {
  prometheus::LabelMatcher* matcher = query->add_matchers();
  matcher->set_type(type);
  matcher->set_name(name);
  matcher->set_value(value);
}

// One frame off the front: its size, its checksum, its message.
absl::Status TakeFrame(std::string_view* body, size_t whole_size,
                       prometheus::ChunkedReadResponse* response) {
  const size_t offset = whole_size - body->size();
  uint64_t size = 0;
  unsigned shift = 0;
  for (;; shift += 7) {
    if (body->empty() || shift > 35) return Damaged("a frame without a size", offset);
    const auto byte = static_cast<uint8_t>(body->front());
    body->remove_prefix(1);
    size |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) break;
  }
  if (body->size() < 4 || size > body->size() - 4) return Damaged("a frame cut off", offset);
  uint32_t checksum = 0;
  for (size_t i = 0; i < 4; ++i) checksum = checksum << 8 | static_cast<uint8_t>((*body)[i]);
  const std::string_view message = body->substr(4, size);
  body->remove_prefix(4 + size);
  if (checksum != base::Crc32c(message)) return Damaged("a frame with a wrong checksum", offset);
  if (response->ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return absl::OkStatus();
  }
  return Damaged("a frame that is no message", offset);
}

model::Labels LabelsOf(const prometheus::ChunkedSeries& series) {
  std::vector<model::Label> labels;
  for (const prometheus::Label& label : series.labels()) {
    labels.push_back({label.name(), label.value()});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

// Chunks may reach beyond what was asked for.
void CutTo(int64_t start_ms, int64_t end_ms, SeriesSamples* series) {
  const auto from = std::lower_bound(series->times_ms.begin(), series->times_ms.end(), start_ms);
  const auto to = std::upper_bound(from, series->times_ms.end(), end_ms);
  const auto begin = from - series->times_ms.begin();
  const auto end = to - series->times_ms.begin();
  const auto cut = [begin, end](auto* list) {
    if (list->empty()) return;
    list->erase(list->begin() + end, list->end());
    list->erase(list->begin(), list->begin() + begin);
  };
  cut(&series->values);
  cut(&series->histograms);
  cut(&series->times_ms);
}

// Frames of one series follow each other.
absl::Status ReadFrames(std::string_view body, int64_t start_ms, int64_t end_ms,
                        const RemoteReader::Sink& sink) {
  const size_t size = body.size();
  SeriesSamples series;
  const auto hand_on = [&]() -> absl::Status {
    CutTo(start_ms, end_ms, &series);
    if (series.values.empty()) return absl::OkStatus();
    return sink(std::move(series));
  };
  prometheus::ChunkedReadResponse response;
  while (!body.empty()) {
    BARO_TRY(TakeFrame(&body, size, &response));
    for (const prometheus::ChunkedSeries& part : response.chunked_series()) {
      model::Labels labels = LabelsOf(part);
      if (labels != series.labels) {
        BARO_TRY(hand_on());
        series = {};
        series.labels = std::move(labels);
      }
      for (const prometheus::Chunk& chunk : part.chunks()) {
        BARO_TRY(AddChunk({chunk.min_time_ms(), chunk.max_time_ms(),
                           static_cast<promblock::ChunkEncoding>(chunk.type()), chunk.data(), 0},
                          &series));
      }
    }
  }
  return hand_on();
}

}  // namespace

absl::Status RemoteReader::Read(const std::string& selector, int64_t start_ms, int64_t end_ms,
                                const Sink& sink) {
  std::vector<model::Matcher> matchers;
  if (!selector.empty()) {
    BARO_TRY_ASSIGN(matchers, promql::ParseSelector(selector));
  }
  BARO_TRY_ASSIGN(std::vector<std::string> names,
                  client_->LabelValues("__name__", {selector, Client::Window{start_ms, end_ms}}));
  std::sort(names.begin(), names.end());
  for (size_t begin = 0; begin < names.size(); begin += kNamesMax) {
    const size_t end = std::min(names.size(), begin + kNamesMax);
    BARO_TRY(ReadNames(matchers, names, begin, end, {start_ms, end_ms}, sink));
  }
  return absl::OkStatus();
}

absl::Status RemoteReader::ReadNames(const std::vector<model::Matcher>& matchers,
                                     const std::vector<std::string>& names, size_t begin,
                                     size_t end, Range range, const Sink& sink) {
  prometheus::ReadRequest request;
  request.add_accepted_response_types(prometheus::ReadRequest::STREAMED_XOR_CHUNKS);
  prometheus::Query* query = request.add_queries();
  query->set_start_timestamp_ms(range.start_ms);
  query->set_end_timestamp_ms(range.end_ms);
  for (const model::Matcher& matcher : matchers) {
    AddMatcher(TypeOf(matcher.type()), matcher.name(), matcher.value(), query);
  }
  std::string pattern;
  for (size_t i = begin; i < end; ++i) {
    base::StrAppend(&pattern, i == begin ? "" : "|", RE2::QuoteMeta(names[i]));
  }
  AddMatcher(prometheus::LabelMatcher::RE, "__name__", pattern, query);
  ApiRequest post;
  post.path = "/api/v1/read";
  post.content_type = "application/x-protobuf";
  post.headers = {{"Content-Encoding", "snappy"}, {"X-Prometheus-Remote-Read-Version", "0.1.0"}};
  const std::string message = request.SerializeAsString();
  snappy::Compress(message.data(), message.size(), &post.body);
  post.answer_bytes_max = kSeriesBytesMax;
  const absl::StatusOr<ApiResponse> answer = transport_->Send(post);
  const bool too_large =
      absl::IsResourceExhausted(answer.status()) ||
      (answer.ok() && answer->status == 400 && answer->body.find("limit") != std::string::npos);
  if (too_large && end - begin > 1) {
    const size_t middle = begin + (end - begin) / 2;
    BARO_TRY(ReadNames(matchers, names, begin, middle, range, sink));
    return ReadNames(matchers, names, middle, end, range, sink);
  }
  BARO_TRY(answer.status());
  BARO_TRY(CheckStatus(*answer));
  return ReadFrames(answer->body, range.start_ms, range.end_ms, sink);
}

}  // namespace baro::cli
