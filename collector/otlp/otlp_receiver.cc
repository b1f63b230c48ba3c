#include "otlp/otlp_receiver.h"

#include <algorithm>
#include <utility>

#include "baro/base/strings.h"
#include "baro/wire/remote_write.h"

namespace baro::collector {
namespace {

constexpr size_t kMessageBytesMax = 2'000;

// What is told to senders quotes them, and must be UTF-8 whatever they have sent.
std::string Tellable(std::string message) {
  if (message.size() > kMessageBytesMax) message.resize(kMessageBytesMax);
  if (wire::IsValidUtf8(message)) return message;
  for (char& c : message) {
    if (static_cast<uint8_t>(c) >= 0x80) c = '?';
  }
  return message;
}

// The store's refusals are of samples, ours of points.
void RefuseSamples(OtlpRefusal why, uint64_t samples, std::string_view what, OtlpBatch* batch) {
  if (samples > 0) batch->Refuse(why, samples, what);
}

}  // namespace

OtlpReceiver::OtlpReceiver(tsdb::Store* store, OtlpConfig config, OtlpOptions options)
    : store_(store),
      options_(options),
      cache_(options.cached_series_max, options.cache_seed),
      deltas_(store, options.deltas) {
  Configure(std::move(config));
}

void OtlpReceiver::Configure(OtlpConfig config) {
  base::MutexLock lock(&mutex_);
  const uint64_t generation = configured_ == nullptr ? 0 : configured_->generation + 1;
  if (configured_ != nullptr && configured_->config == config) return;
  configured_ = std::make_shared<const Configured>(Configured{std::move(config), generation});
}

std::shared_ptr<const OtlpReceiver::Configured> OtlpReceiver::configured() const {
  base::MutexLock lock(&mutex_);
  return configured_;
}

OtlpContext OtlpReceiver::ContextFor(const Configured& configured) {
  OtlpContext context;
  context.config = &configured.config;
  context.config_generation = configured.generation;
  context.store = store_;
  cache_.SetGeneration(store_->NumbersRemoved());
  context.cache = &cache_;
  context.described = &described_;
  context.hash_seed = options_.cache_seed;
  context.target_info_interval_ms = options_.lookback_ms / 2;
  if (options_.retention_ms > 0) {
    const int64_t now_ms = options_.clock->NowMs();
    context.time_ms_min = now_ms - options_.retention_ms;
    context.time_ms_max = now_ms + options_.future_ms_max;
  }
  return context;
}

void OtlpReceiver::Receive(std::string_view request, Done done) {
  Count(&requests_total_);
  const std::shared_ptr<const Configured> configured = this->configured();
  OtlpTranslation translation(ContextFor(*configured));
  const absl::Status read = wire::ReadOtlp(request, &translation);
  Count(&cache_misses_total_, translation.cache_misses());
  if (!read.ok()) {
    Count(&requests_broken_total_);
    return done({read, 0, {}});
  }
  auto batch = std::make_shared<OtlpBatch>(translation.TakeBatch());
  Count(&points_total_, batch->points);
  if (!batch->metadata.empty()) store_->Describe(batch->metadata);
  const bool has_deltas = !batch->deltas.empty();
  if (has_deltas) {
    const absl::Status applied = deltas_.Apply(batch.get());
    if (!applied.ok()) {
      Count(&requests_failed_total_);
      return done({applied, 0, {}});
    }
  }
  tsdb::SampleBatch samples = std::move(batch->samples);
  const bool empty =
      samples.series.empty() && samples.histograms.empty() && samples.exemplars.empty();
  if (empty) {
    if (has_deltas) deltas_.Finished(true);
    return done(Finish({}, batch.get()));
  }
  store_->Append(std::move(samples), [this, batch, has_deltas,
                                      done = std::move(done)](const tsdb::AppendResult& result) {
    if (has_deltas) deltas_.Finished(result.status.ok());
    done(Finish(result, batch.get()));
  });
}

OtlpOutcome OtlpReceiver::Finish(const tsdb::AppendResult& result, OtlpBatch* batch) {
  OtlpOutcome outcome;
  if (!result.status.ok()) {
    Count(&requests_failed_total_);
    outcome.status = absl::UnavailableError(result.status.message());
    return outcome;
  }
  RefuseSamples(OtlpRefusal::kTooOld, result.too_old, "samples older than the retention", batch);
  RefuseSamples(OtlpRefusal::kTooNew, result.too_new, "samples too far ahead of this clock", batch);
  RefuseSamples(OtlpRefusal::kBadValue, result.histograms_refused, result.histogram_refusal, batch);
  batch->exemplars_refused += result.exemplars_refused;
  uint64_t rejected = 0;
  for (size_t why = 0; why < batch->refused.size(); ++why) {
    const OtlpRefused& refused = batch->refused[why];
    if (refused.points == 0) continue;
    Count(&refused_total_[why], refused.points);
    rejected += refused.points;
    base::StrAppend(&outcome.message, outcome.message.empty() ? "" : "; ", refused.points,
                    " refused (", kOtlpRefusalNames[why], "): ", refused.first);
  }
  Count(&exemplars_refused_total_, batch->exemplars_refused);
  Count(&target_info_cut_total_, batch->target_info_cut);
  if (outcome.message.empty()) outcome.message = batch->warning;
  outcome.message = Tellable(std::move(outcome.message));
  outcome.rejected_points = static_cast<int64_t>(std::min(rejected, batch->points));
  return outcome;
}

OtlpStats OtlpReceiver::GetStats() const {
  const auto load = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  OtlpStats stats;
  stats.requests_total = load(requests_total_);
  stats.requests_broken_total = load(requests_broken_total_);
  stats.requests_failed_total = load(requests_failed_total_);
  stats.requests_shed_total = load(requests_shed_total_);
  stats.points_total = load(points_total_);
  for (size_t why = 0; why < refused_total_.size(); ++why) {
    stats.refused_total[why] = load(refused_total_[why]);
  }
  stats.exemplars_refused_total = load(exemplars_refused_total_);
  stats.target_info_cut_total = load(target_info_cut_total_);
  stats.cache_misses_total = load(cache_misses_total_);
  stats.cached_series = cache_.size();
  stats.deltas = deltas_.GetStats();
  return stats;
}

}  // namespace baro::collector
