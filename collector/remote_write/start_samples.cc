#include "remote_write/start_samples.h"

namespace baro::collector {
namespace {

void AddZero(const wire::WireHistogram& histogram, int64_t start_ms, tsdb::SeriesId series,
             tsdb::SampleBatch* batch) {
  wire::WireHistogram empty;
  empty.schema = histogram.schema;
  empty.zero_threshold = histogram.zero_threshold;
  empty.custom_bounds = histogram.custom_bounds;
  empty.count.kind = histogram.count.kind;
  empty.reset_hint = static_cast<int32_t>(model::ResetHint::kReset);
  auto zero = wire::HistogramFromWire(empty);
  if (zero.ok()) batch->histograms.push_back({series, start_ms, *std::move(zero)});
}

}  // namespace

void StartSamples::Add(const wire::RemoteSeries2& values, tsdb::SeriesId series,
                       StartBatch* batch) const {
  const uint64_t key = uint64_t{series.target} << 32 | series.column;
  for (size_t i = 0; i < values.samples.size(); ++i) {
    const int64_t told_ms = values.starts_ms[i];
    const int64_t start_ms = told_ms != 0 ? told_ms : values.created_ms;
    if (!IsNew(key, start_ms, values.samples[i].time_ms)) continue;
    batch->samples.series.push_back(series);
    batch->samples.times_ms.push_back(start_ms);
    batch->samples.values.push_back(0);
    batch->starts.emplace_back(key, start_ms);
  }
  for (const wire::WireHistogram& histogram : values.histograms) {
    const int64_t start_ms = histogram.start_ms != 0 ? histogram.start_ms : values.created_ms;
    if (histogram.IsStale() || !IsNew(key, start_ms, histogram.time_ms)) continue;
    AddZero(histogram, start_ms, series, &batch->samples);
    batch->starts.emplace_back(key, start_ms);
  }
}

void StartSamples::Remember(const std::vector<std::pair<uint64_t, int64_t>>& starts) {
  for (const auto& [key, start_ms] : starts) starts_.Put(key, start_ms);
}

bool StartSamples::IsNew(uint64_t key, int64_t start_ms, int64_t time_ms) const {
  return start_ms != 0 && start_ms < time_ms && !starts_.Has(key, start_ms);
}

}  // namespace baro::collector
