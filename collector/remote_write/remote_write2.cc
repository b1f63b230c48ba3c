// Remote write 2.0: what differs from 1.0 on the way to IncomingWrite.

#include <algorithm>
#include <array>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "remote_write/remote_write.h"

namespace baro::collector {
namespace {

// The family that a metric of this type belongs to: 2.0 tells a family's metadata with each of its
// metrics, classic histograms with three of them.
std::string_view FamilyOf(std::string_view metric, model::MetricType type) {
  using Suffixes = std::array<std::string_view, 3>;
  static constexpr Suffixes kHistogram = {"_bucket", "_count", "_sum"};
  static constexpr Suffixes kGaugeHistogram = {"_bucket", "_gcount", "_gsum"};
  static constexpr Suffixes kSummary = {"_count", "_sum", "_sum"};
  const Suffixes* suffixes = nullptr;
  if (type == model::MetricType::kHistogram) suffixes = &kHistogram;
  if (type == model::MetricType::kGaugeHistogram) suffixes = &kGaugeHistogram;
  if (type == model::MetricType::kSummary) suffixes = &kSummary;
  if (suffixes == nullptr) return metric;
  for (const std::string_view suffix : *suffixes) {
    if (metric.size() > suffix.size() && metric.ends_with(suffix)) {
      return metric.substr(0, metric.size() - suffix.size());
    }
  }
  return metric;
}

// The symbol of a series' metric name; 0 when it has none.
uint32_t NameRef(const wire::RemoteWrite2Reader& reader, std::span<const uint32_t> refs) {
  for (size_t i = 0; i + 1 < refs.size(); i += 2) {
    if (reader.Text(refs[i]) == model::kMetricName) return refs[i + 1];
  }
  return 0;
}

}  // namespace

absl::Status RemoteWrite::ReadVersion2(std::string_view decoded, IncomingWrite* write) {
  wire::RemoteWrite2Reader reader(decoded);
  wire::RemoteSeries2 series;
  SymbolHashes hashes(&cache_, reader.symbols());
  SeriesCache::Walk walk(&cache_);
  NewMetadata metadata;
  StartBatch starts;
  while (reader.Next(&series)) {
    const auto id = Resolve(reader, series, &hashes, &walk);
    Take(id, series, write);
    if (!id.ok()) continue;
    if (series.metadata.says_something()) AddMetadata(reader, series, &hashes, &metadata);
    if (options_.start_samples && !series.empty()) starts_.Add(series, *id, &starts);
  }
  BARO_TRY(reader.status());
  Describe(std::move(metadata));
  if (!starts.starts.empty()) StoreStarts(std::move(starts));
  return absl::OkStatus();
}

absl::StatusOr<tsdb::SeriesId> RemoteWrite::Resolve(const wire::RemoteWrite2Reader& reader,
                                                    const wire::RemoteSeries2& series,
                                                    SymbolHashes* hashes, SeriesCache::Walk* walk) {
  const std::optional<LabelHash> hash = hashes->OfRefs(series.label_refs);
  if (hash) {
    if (const std::optional<tsdb::SeriesId> known = walk->Find(*hash)) return *known;
  }
  const auto labels = wire::SeriesLabels(reader, series);
  if (labels.ok() && series.empty()) return tsdb::SeriesId();  // metadata alone makes no series
  return Declare(hash.value_or(LabelHash()), labels, walk);
}

void RemoteWrite::AddMetadata(const wire::RemoteWrite2Reader& reader,
                              const wire::RemoteSeries2& series, SymbolHashes* hashes,
                              NewMetadata* metadata) const {
  const auto& [type, help, unit] = series.metadata;
  const uint32_t name = NameRef(reader, series.label_refs);
  // The series of one metric follow one another.
  const std::array<uint32_t, 4> refs = {name, static_cast<uint32_t>(type), help, unit};
  if (refs == metadata->last) return;
  metadata->last = refs;
  const std::array<uint32_t, 3> texts = {name, help, unit};
  const std::optional<LabelHash> hash = hashes->OfRefs(texts);
  if (!hash) return;  // no such symbols: Prometheus leaves them out, too
  if (described_.Has(hash->low, hash->high + static_cast<uint64_t>(type))) return;
  for (const uint32_t text : texts) {
    if (!wire::IsValidUtf8(reader.Text(text))) return;
  }
  metadata->hashes.push_back({hash->low, hash->high + static_cast<uint64_t>(type)});
  metadata->metadata.push_back({std::string(FamilyOf(reader.Text(name), type)), type,
                                std::string(reader.Text(help)), std::string(reader.Text(unit))});
}

void RemoteWrite::Describe(NewMetadata metadata) {
  if (metadata.metadata.empty()) return;
  metadata_total_.fetch_add(metadata.metadata.size(), std::memory_order_relaxed);
  store_->Describe(metadata.metadata);
  for (const LabelHash& hash : metadata.hashes) described_.Put(hash.low, hash.high);
}

// Apart from the request's own samples: what becomes of the zeros is no matter of the sender's.
void RemoteWrite::StoreStarts(StartBatch starts) {
  auto known = std::make_shared<decltype(starts.starts)>(std::move(starts.starts));
  store_->Append(std::move(starts.samples), [this, known](const tsdb::AppendResult& result) {
    if (!result.status.ok()) return;  // the next request brings them again
    starts_.Remember(*known);
    start_samples_total_.fetch_add(result.stored, std::memory_order_relaxed);
  });
}

}  // namespace baro::collector
