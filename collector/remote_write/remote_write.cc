#include "remote_write/remote_write.h"

#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::collector {
namespace {

constexpr size_t kDescribedMax = 200'000;
// What a thread keeps of a decoded request for the next.
constexpr size_t kDecodedKeptMax = size_t{4} << 20;

net::ServerResponse TryAgain(const absl::Status& why) {
  auto response = net::ServerResponse::Text(
      503, base::StrCat(base::FromAbsl(why.message()), "; nothing was stored, send again later\n"));
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

net::ServerResponse Refusal4xx(int status, const absl::Status& why) {
  return net::ServerResponse::Text(status, base::StrCat(base::FromAbsl(why.message()), "\n"));
}

void Add(std::atomic<uint64_t>* counter, uint64_t count) {
  if (count > 0) counter->fetch_add(count, std::memory_order_relaxed);
}

}  // namespace

RemoteWrite::RemoteWrite(tsdb::Store* store, RemoteWriteOptions options)
    : store_(store),
      options_(options),
      cache_(options.cached_series_max, options.cache_seed),
      starts_(options.cached_series_max),
      described_(kDescribedMax) {}

void RemoteWrite::Handle(const net::ServerRequest& request, net::HttpReply reply) {
  cache_.SetGeneration(store_->NumbersRemoved());
  const auto content = NegotiateWrite(request);
  if (!content.ok()) {
    Add(&requests_unsupported_total_, 1);
    return reply.Send(Refusal4xx(415, content.status()));
  }
  Add(&requests_total_[static_cast<size_t>(content->version)], 1);
  thread_local std::string decoded;  // keeps its memory, so that no page is cleared twice
  IncomingWrite write(content->version);
  absl::Status status = UnpackWrite(*content, request.body, options_.decoded_bytes_max, &decoded);
  if (status.ok()) {
    status = content->version == WriteVersion::kTwo ? ReadVersion2(decoded, &write)
                                                    : ReadVersion1(decoded, &write);
  }
  if (decoded.capacity() > kDecodedKeptMax) decoded = {};
  if (!status.ok()) {
    Add(&requests_broken_total_, 1);
    auto response = Refusal4xx(absl::IsResourceExhausted(status) ? 413 : 400, status);
    AddWritten(content->version, {}, &response);
    return reply.Send(std::move(response));
  }
  Append(std::move(write), std::move(reply));
}

void RemoteWrite::Append(IncomingWrite write, net::HttpReply reply) {
  Add(&samples_total_, write.received().samples);
  Add(&histograms_total_, write.received().histograms);
  Add(&exemplars_total_, write.received().exemplars);
  Add(&nans_replaced_total_, write.nans_replaced());
  if (write.empty()) return reply.Send(Finish({}, &write));
  tsdb::SampleBatch batch = write.TakeBatch();
  // AppendDone is copyable, a reply is not.
  auto pending = std::make_shared<std::pair<net::HttpReply, IncomingWrite>>(std::move(reply),
                                                                            std::move(write));
  store_->Append(std::move(batch), [this, pending](const tsdb::AppendResult& result) {
    pending->first.Send(Finish(result, &pending->second));
  });
}

// Nothing of a damaged request is stored, so that sending it again whole is the same as before.
absl::Status RemoteWrite::ReadVersion1(std::string_view decoded, IncomingWrite* write) {
  wire::RemoteWriteReader reader(decoded);
  wire::RemoteSeries series;
  SeriesCache::Walk walk(&cache_);
  while (reader.Next(&series)) {
    if (!series.empty()) Take(Resolve(series, &walk), series, write);
  }
  BARO_TRY(reader.status());
  Describe(reader);
  return absl::OkStatus();
}

absl::StatusOr<tsdb::SeriesId> RemoteWrite::Resolve(const wire::RemoteSeries& series,
                                                    SeriesCache::Walk* walk) {
  const LabelHash hash = cache_.Hash(series.label_bytes);
  if (const std::optional<tsdb::SeriesId> known = walk->Find(hash)) return *known;
  return Declare(hash, wire::SeriesLabels(series), walk);
}

absl::StatusOr<tsdb::SeriesId> RemoteWrite::Declare(const LabelHash& hash,
                                                    const absl::StatusOr<model::Labels>& labels,
                                                    SeriesCache::Walk* walk) {
  Add(&cache_misses_total_, 1);
  if (!labels.ok()) return labels.status();
  BARO_TRY_ASSIGN(const tsdb::SeriesId id, store_->DeclareSeries(*labels));
  walk->Insert(hash, id);
  return id;
}

void RemoteWrite::Take(const absl::StatusOr<tsdb::SeriesId>& id, const wire::RemoteValues& values,
                       IncomingWrite* write) {
  if (id.ok()) return write->Accept(values, *id);
  const bool limit = absl::IsResourceExhausted(id.status());
  write->RefuseSeries(limit ? Refusal::kLimit : Refusal::kInvalidLabels, values,
                      base::FromAbsl(id.status().message()));
}

void RemoteWrite::Describe(const wire::RemoteWriteReader& reader) {
  if (reader.metadata().empty()) return;
  std::vector<model::Metadata> metadata;
  metadata.reserve(reader.metadata().size());
  for (const wire::MetadataView& view : reader.metadata()) {
    metadata.push_back(
        {std::string(view.family), view.type, std::string(view.help), std::string(view.unit)});
  }
  Add(&metadata_total_, metadata.size());
  store_->Describe(metadata);
}

net::ServerResponse RemoteWrite::Finish(const tsdb::AppendResult& result, IncomingWrite* write) {
  if (!result.status.ok()) {
    Add(&requests_failed_total_, 1);
    auto response = TryAgain(result.status);
    AddWritten(write->version(), {}, &response);
    return response;
  }
  auto response = write->Finish(result);
  Add(&duplicates_total_, result.duplicate);
  Add(&overwritten_total_, result.overwritten);
  Add(&out_of_order_total_, result.out_of_order);
  for (size_t why = 0; why < refused_total_.size(); ++why) {
    Add(&refused_total_[why], write->refused(static_cast<Refusal>(why)));
  }
  Add(&exemplars_refused_total_, write->exemplars_refused());
  return response;
}

RemoteWriteStats RemoteWrite::GetStats() const {
  const auto get = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  RemoteWriteStats stats;
  for (size_t i = 0; i < requests_total_.size(); ++i) {
    stats.requests_total[i] = get(requests_total_[i]);
  }
  for (size_t why = 0; why < refused_total_.size(); ++why) {
    stats.refused_total[why] = get(refused_total_[why]);
  }
  stats.requests_unsupported_total = get(requests_unsupported_total_);
  stats.requests_broken_total = get(requests_broken_total_);
  stats.requests_failed_total = get(requests_failed_total_);
  stats.samples_total = get(samples_total_);
  stats.histograms_total = get(histograms_total_);
  stats.exemplars_total = get(exemplars_total_);
  stats.metadata_total = get(metadata_total_);
  stats.exemplars_refused_total = get(exemplars_refused_total_);
  stats.duplicates_total = get(duplicates_total_);
  stats.overwritten_total = get(overwritten_total_);
  stats.out_of_order_total = get(out_of_order_total_);
  stats.start_samples_total = get(start_samples_total_);
  stats.nans_replaced_total = get(nans_replaced_total_);
  stats.cache_misses_total = get(cache_misses_total_);
  stats.cached_series = cache_.size();
  return stats;
}

}  // namespace baro::collector
