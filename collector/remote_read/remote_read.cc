#include "remote_read/remote_read.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/remote_series.h"

namespace baro::collector {
namespace {

// Small pieces cost a system call each when they are sent: they are put together up to this.
constexpr size_t kPieceBytes = 64 * 1024;

constexpr char kStreamedType[] =
    "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

struct Series {
  model::Labels labels;
  std::string bytes;
};

void Append(std::string piece, std::vector<std::string>* pieces) {
  if (!pieces->empty() && pieces->back().size() + piece.size() <= kPieceBytes) {
    pieces->back() += piece;
  } else {
    pieces->push_back(std::move(piece));
  }
}

}  // namespace

// An answer in the making.
struct RemoteRead::Answer {
  Answer(const net::ServerRequest& http_request, base::MemoryBudget* budget)
      : request(http_request), memory(budget) {}

  const net::ServerRequest& request;
  wire::ReadForm form = wire::ReadForm::kSamples;
  std::map<std::string, std::string> external_labels;
  base::MemoryShare memory;
  Pieces pieces;
  size_t bytes = 0;  // of pieces and series
  uint64_t series_count = 0;
  uint64_t sample_count = 0;
  // Of the query under way.
  int64_t query_index = 0;
  uint64_t query_samples = 0;
  std::vector<Series> series;
};

net::ServerResponse RemoteRead::Handle(const net::ServerRequest& request) {
  auto response = Answered(request);
  return response.ok() ? *std::move(response) : ErrorResponse(response.status());
}

absl::StatusOr<net::ServerResponse> RemoteRead::Answered(const net::ServerRequest& request) {
  std::string decoded;
  const absl::Status unpacked =
      wire::UncompressRemoteWrite(request.body, options_.decoded_bytes_max, &decoded);
  if (!unpacked.ok()) return absl::InvalidArgumentError(unpacked.message());
  BARO_TRY_ASSIGN(const wire::ReadRequest read, wire::ParseReadRequest(decoded));
  Answer answer(request, options_.memory);
  answer.form = read.forms.front();
  answer.external_labels = options_.external_labels();
  for (const wire::ReadQuery& query : read.queries) BARO_TRY(ReadQuery(query, &answer));

  net::ServerResponse response;
  response.content_type = kStreamedType;
  if (answer.form == wire::ReadForm::kSamples) {
    response.content_type = "application/x-protobuf";
    response.headers.emplace_back("Content-Encoding", "snappy");
    BARO_TRY_ASSIGN(std::string block, wire::SnappyPieces(answer.pieces));
    answer.pieces.clear();
    answer.pieces.push_back(std::move(block));
  }
  response.body = std::move(answer.pieces);
  requests_total_[static_cast<size_t>(answer.form)].fetch_add(1, std::memory_order_relaxed);
  queries_total_.fetch_add(read.queries.size(), std::memory_order_relaxed);
  series_total_.fetch_add(answer.series_count, std::memory_order_relaxed);
  samples_total_.fetch_add(answer.sample_count, std::memory_order_relaxed);
  return response;
}

absl::Status RemoteRead::ReadQuery(const wire::ReadQuery& query, Answer* answer) const {
  model::SelectRequest select;
  select.start_ms = query.start_ms;
  select.end_ms = query.end_ms;
  select.histograms = true;
  for (const model::Matcher& matcher : query.matchers) {
    // Such a label is ours and lies in no series.
    const auto external = answer->external_labels.find(matcher.name());
    const bool own = external != answer->external_labels.end() &&
                     matcher.type() == model::MatchType::kEqual &&
                     matcher.value() == external->second;
    if (!own) {
      select.matchers.push_back(matcher);
      continue;
    }
    BARO_TRY_ASSIGN(model::Matcher none,
                    model::Matcher::Create(model::MatchType::kEqual, matcher.name(), ""));
    select.matchers.push_back(std::move(none));
  }
  answer->query_samples = 0;
  answer->series.clear();
  BARO_TRY_ASSIGN(const auto set, source_->Select(select));
  BARO_TRY(Collect(*set, answer));
  ++answer->query_index;
  return absl::OkStatus();
}

// The store has an order of its own; series are sorted once they are written.
absl::Status RemoteRead::Collect(const model::SeriesSet& set, Answer* answer) const {
  const auto reader = set.Read(0, set.size());
  model::SeriesView view;
  while (true) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) break;
    if (view.values.empty()) continue;
    BARO_TRY(AddSeries(set, view, answer));
  }
  std::vector<Series>& series = answer->series;
  std::sort(series.begin(), series.end(),
            [](const Series& a, const Series& b) { return a.labels < b.labels; });
  if (answer->form == wire::ReadForm::kSamples) {
    size_t bytes = 0;
    for (const Series& each : series) bytes += each.bytes.size();
    Append(wire::QueryResultHeader(bytes), &answer->pieces);
  }
  for (Series& each : series) Append(std::move(each.bytes), &answer->pieces);
  series.clear();
  return absl::OkStatus();
}

absl::Status RemoteRead::AddSeries(const model::SeriesSet& set, const model::SeriesView& view,
                                   Answer* answer) const {
  if (answer->request.cancelled != nullptr && answer->request.cancelled->load()) {
    return absl::CancelledError("the client has gone");
  }
  answer->query_samples += view.values.size();
  if (options_.samples_max > 0 && answer->query_samples > options_.samples_max) {
    return absl::OutOfRangeError(
        base::StrCat("exceeded sample limit (", options_.samples_max, ")"));
  }
  Series series{set.labels(view.index).Merge(), {}};
  for (const auto& [name, value] : answer->external_labels) {
    if (!series.labels.Has(name)) series.labels.Set(name, value);
  }
  const wire::ReadSeries samples{view.times_ms, view.values, view.histograms};
  series.bytes = answer->form == wire::ReadForm::kSamples
                     ? wire::WriteReadSeries(series.labels, samples)
                     : wire::WriteReadFrames(series.labels, samples, answer->query_index);
  answer->bytes += series.bytes.size() + sizeof(Series);
  // The packed form comes on top: at worst as large again.
  const bool packed_later = answer->form == wire::ReadForm::kSamples;
  if (!answer->memory.Grow(answer->bytes * (packed_later ? 2 : 1))) {
    return absl::ResourceExhaustedError(
        base::StrCat("an answer of more than ", answer->bytes, " bytes does not fit into memory"));
  }
  ++answer->series_count;
  answer->sample_count += view.values.size();
  answer->series.push_back(std::move(series));
  return absl::OkStatus();
}

net::ServerResponse RemoteRead::ErrorResponse(const absl::Status& error) {
  int status = 500;
  Counter* counter = &requests_failed_total_;
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
      status = 400;
      counter = &requests_broken_total_;
      break;
    case absl::StatusCode::kOutOfRange:
      status = 400;
      counter = &requests_refused_total_;
      break;
    case absl::StatusCode::kResourceExhausted:
      status = 503;
      counter = &requests_refused_total_;
      break;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
      status = 503;
      break;
    default:
      break;
  }
  counter->fetch_add(1, std::memory_order_relaxed);
  return net::ServerResponse::Text(status, base::StrCat(base::FromAbsl(error.message()), "\n"));
}

RemoteReadStats RemoteRead::GetStats() const {
  const auto get = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  RemoteReadStats stats;
  for (size_t i = 0; i < requests_total_.size(); ++i) {
    stats.requests_total[i] = get(requests_total_[i]);
  }
  stats.requests_broken_total = get(requests_broken_total_);
  stats.requests_refused_total = get(requests_refused_total_);
  stats.requests_failed_total = get(requests_failed_total_);
  stats.queries_total = get(queries_total_);
  stats.series_total = get(series_total_);
  stats.samples_total = get(samples_total_);
  return stats;
}

}  // namespace baro::collector
