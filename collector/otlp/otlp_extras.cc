// What goes with the points of a request: exemplars, and target_info of its resources.

#include <algorithm>
#include <bit>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/remote_write.h"
#include "otlp/otlp_translation.h"

namespace baro::collector {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
// OpenMetrics' limit on the labels of an exemplar, names and values together.
constexpr size_t kExemplarRunesMax = 128;
constexpr std::string_view kTraceId = "trace_id";
constexpr std::string_view kSpanId = "span_id";
// A request with points of 1970 and of today would ask for millions.
constexpr int64_t kTargetInfoSamplesMax = 1'000;

// In the cache: this resource has no target_info.
constexpr tsdb::SeriesId kNoSeries = {UINT32_MAX, UINT32_MAX};
bool IsNoSeries(tsdb::SeriesId id) {
  return id.target == kNoSeries.target && id.column == kNoSeries.column;
}

int64_t FloorMs(uint64_t time_ns) {
  const auto ns = static_cast<int64_t>(time_ns);
  return ns / kNsPerMs - (ns % kNsPerMs < 0 ? 1 : 0);
}

size_t Runes(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// False: it is not stored (no value, labels that are too long or not UTF-8).
absl::StatusOr<bool> ToExemplar(const wire::OtlpExemplar& from, model::Exemplar* to) {
  if (!from.value) return false;
  to->value = *from.value;
  to->time_ms = FloorMs(from.time_ns);
  std::vector<model::Label> labels;
  size_t runes = 0;
  const auto add = [&labels, &runes](std::string_view name, std::string_view value) {
    runes += Runes(name) + Runes(value);
    labels.push_back({std::string(name), std::string(value)});
  };
  if (!from.trace_id.empty()) add(kTraceId, from.trace_id);
  if (!from.span_id.empty()) add(kSpanId, from.span_id);
  const size_t own = labels.size();
  std::vector<wire::OtlpAttribute> attributes;
  BARO_TRY(wire::ReadOtlpAttributes(from.attributes, &attributes));
  for (const wire::OtlpAttribute& attribute : attributes) {
    std::string text;
    BARO_TRY(wire::AppendOtlpText(attribute.value, &text));
    add(attribute.key, text);
  }
  // The trace matters more than what comes with it.
  if (runes > kExemplarRunesMax) labels.resize(own);
  for (const model::Label& label : labels) {
    if (label.name.empty() || !wire::IsValidUtf8(label.name) || !wire::IsValidUtf8(label.value)) {
      return false;
    }
  }
  to->labels = model::Labels::FromUnsorted(std::move(labels));
  return true;
}

}  // namespace

// Of a histogram with buckets an exemplar goes to the bucket it was counted in.
absl::Status OtlpTranslation::AddExemplars(const wire::OtlpPoint& point) {
  if (point.exemplars.empty()) return absl::OkStatus();
  std::vector<wire::OtlpExemplar> exemplars;
  BARO_TRY(wire::ReadOtlpExemplars(point.exemplars, &exemplars));
  for (const wire::OtlpExemplar& from : exemplars) {
    tsdb::ExemplarSample sample{pending_[0].series, {}};
    BARO_TRY_ASSIGN(bool good, ToExemplar(from, &sample.exemplar));
    if (good && !bucket_bounds_.empty()) {
      // Bounds rise as a rule; where they do not, the smallest that holds the value counts.
      size_t found = bucket_bounds_.size();
      for (size_t i = 0; i < bucket_bounds_.size(); ++i) {
        const bool holds = *from.value <= bucket_bounds_[i];
        if (holds && (found == bucket_bounds_.size() || bucket_bounds_[i] < bucket_bounds_[found]))
          found = i;
      }
      good = found < bucket_bounds_.size();  // NaN is in none
      if (good) sample.series = bucket_series_[found];
    }
    if (!good) {
      ++batch_.exemplars_refused;
      continue;
    }
    batch_.samples.exemplars.push_back(std::move(sample));
  }
  return absl::OkStatus();
}

absl::Status OtlpTranslation::OnResourceEnd() {
  if (time_ns_first_ == UINT64_MAX) return absl::OkStatus();
  const LabelHash hash = PartHash(resource_hash_, Part::kTargetInfo, 0);
  if (const auto known = context_.cache->Find(hash)) {
    if (!IsNoSeries(*known)) AddTargetInfoSamples(*known);
    return absl::OkStatus();
  }
  ++cache_misses_;
  const auto resource = Resource();
  // Too many attributes: each of its points has been refused for that already.
  if (absl::IsResourceExhausted(resource.status())) return absl::OkStatus();
  BARO_TRY(resource.status());
  if (!(*resource)->target_info) {
    context_.cache->Insert(hash, kNoSeries);
    return absl::OkStatus();
  }
  const auto labels = SeriesLabelsOf(*(*resource)->target_info, "target_info", {});
  if (!labels.ok()) return absl::OkStatus();  // not UTF-8: so are the labels of its points
  const auto series = context_.store->DeclareSeries(*labels);
  if (!series.ok()) {
    batch_.warning =
        base::StrCat("target_info is refused: ", base::FromAbsl(series.status().message()));
    return absl::OkStatus();
  }
  context_.cache->Insert(hash, *series);
  AddTargetInfoSamples(*series);
  return absl::OkStatus();
}

// From the first point to the last, close enough together that a query at any time between finds
// one.
void OtlpTranslation::AddTargetInfoSamples(tsdb::SeriesId series) {
  const int64_t last_ms = FloorMs(time_ns_last_);
  int64_t first_ms = std::max(FloorMs(time_ns_first_), context_.time_ms_min);
  if (last_ms < first_ms || last_ms > context_.time_ms_max) return;
  const int64_t interval_ms = std::max<int64_t>(context_.target_info_interval_ms, 1);
  const int64_t steps = (last_ms - first_ms) / interval_ms;
  if (steps >= kTargetInfoSamplesMax) {
    batch_.target_info_cut += static_cast<uint64_t>(steps - kTargetInfoSamplesMax + 1);
    first_ms += (steps - kTargetInfoSamplesMax + 1) * interval_ms;
  }
  const auto add = [this, series](int64_t time_ms) {
    batch_.samples.series.push_back(series);
    batch_.samples.times_ms.push_back(time_ms);
    batch_.samples.values.push_back(1);
  };
  for (int64_t time_ms = first_ms; time_ms < last_ms; time_ms += interval_ms) add(time_ms);
  add(last_ms);
}

}  // namespace baro::collector
