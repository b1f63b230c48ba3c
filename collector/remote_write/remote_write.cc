#include "remote_write/remote_write.h"

#include <algorithm>
#include <optional>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "spdlog/spdlog.h"

namespace baro::collector {
namespace {

constexpr int64_t kHistogramWarningNs = 60'000'000'000;
constexpr std::string_view kMediaType = "application/x-protobuf";
constexpr std::string_view kMessageV1 = "prometheus.WriteRequest";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What is wrong with the headers; empty when nothing is. A missing header is taken for the right
// one, as Prometheus does.
std::string WrongHeaders(const net::ServerRequest& request) {
  const std::string_view type = request.Header("Content-Type");
  const size_t semicolon = std::min(type.find(';'), type.size());
  if (!type.empty() && Trim(type.substr(0, semicolon)) != kMediaType) {
    return base::StrCat("expected ", kMediaType, " as the first (media) part, got ", type,
                        " content-type\n");
  }
  const size_t proto = type.find("proto=");
  if (proto != std::string_view::npos) {
    const std::string_view rest = type.substr(proto + 6);
    const std::string_view message = Trim(rest.substr(0, rest.find(';')));
    if (message != kMessageV1) {
      return base::StrCat("remote write message ", message,
                          " is not accepted by this server; only ", kMessageV1, " is\n");
    }
  }
  const std::string_view encoding = request.Header("Content-Encoding");
  if (!encoding.empty() && encoding != "snappy") {
    return base::StrCat(encoding,
                        " encoding (compression) is not accepted by this server; only snappy is\n");
  }
  return {};
}

net::ServerResponse NoContent() {
  net::ServerResponse response;
  response.status = 204;
  return response;
}

net::ServerResponse TryAgain(const absl::Status& why) {
  auto response = net::ServerResponse::Text(
      503, base::StrCat(base::FromAbsl(why.message()), "; nothing was stored, send again later\n"));
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

}  // namespace

struct RemoteWrite::Request {
  tsdb::SampleBatch batch;
  uint64_t samples = 0;
  struct Refused {
    uint64_t count = 0;
    std::string first;
  };
  std::array<Refused, kRefusalNames.size()> refused;
};

RemoteWrite::RemoteWrite(tsdb::Store* store, RemoteWriteOptions options)
    : store_(store), options_(options), cache_(options.cached_series_max, options.cache_seed) {}

void RemoteWrite::Handle(const net::ServerRequest& request, net::HttpReply reply) {
  requests_total_.fetch_add(1, std::memory_order_relaxed);
  cache_.SetGeneration(store_->NumbersRemoved());
  const auto refuse = [this, &reply](int status, std::string text) {
    requests_broken_total_.fetch_add(1, std::memory_order_relaxed);
    reply.Send(net::ServerResponse::Text(status, std::move(text)));
  };
  if (std::string wrong = WrongHeaders(request); !wrong.empty()) {
    return refuse(415, std::move(wrong));
  }
  std::string decoded;
  Request parsed;
  absl::Status status =
      wire::UncompressRemoteWrite(request.body, options_.decoded_bytes_max, &decoded);
  if (status.ok()) status = ReadSeries(decoded, &parsed);
  if (!status.ok()) {
    return refuse(absl::IsResourceExhausted(status) ? 413 : 400,
                  base::StrCat(base::FromAbsl(status.message()), "\n"));
  }
  if (parsed.batch.series.empty()) return reply.Send(Finish({}, std::move(parsed)));
  tsdb::SampleBatch batch = std::move(parsed.batch);
  // AppendDone is copyable, a reply is not.
  auto pending =
      std::make_shared<std::pair<net::HttpReply, Request>>(std::move(reply), std::move(parsed));
  store_->Append(std::move(batch), [this, pending](const tsdb::AppendResult& result) {
    pending->first.Send(Finish(result, std::move(pending->second)));
  });
}

// Nothing of a damaged request is stored, so that sending it again whole is the same as before.
absl::Status RemoteWrite::ReadSeries(std::string_view decoded, Request* request) {
  wire::RemoteWriteReader reader(decoded);
  wire::RemoteSeries series;
  while (reader.Next(&series)) {
    request->samples += series.samples.size();
    exemplars_dropped_total_.fetch_add(series.exemplars, std::memory_order_relaxed);
    if (series.histograms > 0) {
      Refuse(Refusal::kHistogram, series.histograms, "native histograms are not stored", request);
    }
    if (series.samples.empty()) continue;
    const auto id = Resolve(series);
    if (id.ok()) {
      AddSamples(series, *id, request);
      continue;
    }
    const bool limit = absl::IsResourceExhausted(id.status());
    Refuse(limit ? Refusal::kLimit : Refusal::kInvalidLabels, series.samples.size(),
           base::FromAbsl(id.status().message()), request);
  }
  BARO_TRY(reader.status());
  samples_total_.fetch_add(request->samples, std::memory_order_relaxed);
  Describe(reader);
  return absl::OkStatus();
}

absl::StatusOr<tsdb::SeriesId> RemoteWrite::Resolve(const wire::RemoteSeries& series) {
  const LabelHash hash = cache_.Hash(series.label_bytes);
  if (const std::optional<tsdb::SeriesId> known = cache_.Find(hash)) return *known;
  cache_misses_total_.fetch_add(1, std::memory_order_relaxed);
  BARO_TRY_ASSIGN(const model::Labels labels, wire::SeriesLabels(series));
  BARO_TRY_ASSIGN(const tsdb::SeriesId id, store_->DeclareSeries(labels));
  cache_.Insert(hash, id);
  return id;
}

void RemoteWrite::AddSamples(const wire::RemoteSeries& series, tsdb::SeriesId id,
                             Request* request) {
  tsdb::SampleBatch& batch = request->batch;
  for (model::Sample sample : series.samples) {
    if (model::IsNoSample(sample.value)) [[unlikely]] {
      nans_replaced_total_.fetch_add(1, std::memory_order_relaxed);
      sample.value = model::kNormalNan;
    }
    batch.series.push_back(id);
    batch.times_ms.push_back(sample.time_ms);
    batch.values.push_back(sample.value);
  }
}

void RemoteWrite::Describe(const wire::RemoteWriteReader& reader) {
  if (reader.metadata().empty()) return;
  std::vector<model::Metadata> metadata;
  metadata.reserve(reader.metadata().size());
  for (const wire::MetadataView& view : reader.metadata()) {
    metadata.push_back(
        {std::string(view.family), view.type, std::string(view.help), std::string(view.unit)});
  }
  store_->Describe(metadata);
}

void RemoteWrite::Refuse(Refusal why, uint64_t count, std::string_view first, Request* request) {
  Request::Refused& refused = request->refused[static_cast<size_t>(why)];
  if (refused.count == 0) refused.first = first;
  refused.count += count;
}

void RemoteWrite::WarnOfHistograms(uint64_t count) {
  const int64_t now_ns = options_.clock->MonotonicNs();
  int64_t at_ns = histogram_warning_at_ns_.load(std::memory_order_relaxed);
  if (now_ns < at_ns) return;
  // Of several threads one wins.
  if (!histogram_warning_at_ns_.compare_exchange_strong(at_ns, now_ns + kHistogramWarningNs))
    return;
  spdlog::warn(
      "remote write: native histograms are not stored, {} left out of one request; "
      "baro_remote_write_refused_samples_total{{reason=\"native_histogram\"}} counts all",
      count);
}

net::ServerResponse RemoteWrite::Finish(const tsdb::AppendResult& result, Request request) {
  if (!result.status.ok()) {
    requests_failed_total_.fetch_add(1, std::memory_order_relaxed);
    return TryAgain(result.status);
  }
  if (result.too_old > 0) {
    Refuse(Refusal::kTooOld, result.too_old, "samples older than the retention", &request);
  }
  if (result.too_new > 0) {
    Refuse(Refusal::kTooNew, result.too_new, "samples more than a day ahead of this clock",
           &request);
  }
  std::string refused;
  for (size_t why = 0; why < request.refused.size(); ++why) {
    const auto& [count, first] = request.refused[why];
    if (count == 0) continue;
    refused_total_[why].fetch_add(count, std::memory_order_relaxed);
    if (static_cast<Refusal>(why) == Refusal::kHistogram) {
      WarnOfHistograms(count);
      continue;
    }
    base::StrAppend(&refused, refused.empty() ? "" : "; ", count, " refused (", kRefusalNames[why],
                    "): ", first);
  }
  if (refused.empty()) return NoContent();
  return net::ServerResponse::Text(
      400, base::StrCat(refused, "; of ", request.samples, " samples the others are stored\n"));
}

RemoteWriteStats RemoteWrite::GetStats() const {
  RemoteWriteStats stats;
  stats.requests_total = requests_total_.load(std::memory_order_relaxed);
  stats.requests_broken_total = requests_broken_total_.load(std::memory_order_relaxed);
  stats.requests_failed_total = requests_failed_total_.load(std::memory_order_relaxed);
  stats.samples_total = samples_total_.load(std::memory_order_relaxed);
  for (size_t why = 0; why < refused_total_.size(); ++why) {
    stats.refused_total[why] = refused_total_[why].load(std::memory_order_relaxed);
  }
  stats.exemplars_dropped_total = exemplars_dropped_total_.load(std::memory_order_relaxed);
  stats.nans_replaced_total = nans_replaced_total_.load(std::memory_order_relaxed);
  stats.cache_misses_total = cache_misses_total_.load(std::memory_order_relaxed);
  stats.cached_series = cache_.size();
  return stats;
}

}  // namespace baro::collector
