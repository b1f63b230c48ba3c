#include "otlp/otlp_translation.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/histogram.h"
#include "baro/wire/remote_write.h"
#include "otlp/exponential.h"
#include "otlp/otlp_names.h"

namespace baro::collector {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

int64_t Ms(uint64_t time_ns) { return static_cast<int64_t>(time_ns) / kNsPerMs; }

// The store's own marks are not a sender's to use.
double Storable(double value) {
  const bool mark = model::IsNoSample(value) || model::IsHistogramMark(value);
  return mark ? std::bit_cast<double>(model::kNormalNanBits) : value;
}

LabelHash HashOf(std::string_view bytes, const LabelHash& outer) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), outer.low);
  return {hash.low64, hash.high64 ^ std::rotl(outer.high, 1)};
}

void AppendSized(std::string_view text, std::string* out) {
  const uint64_t size = text.size();
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(text);
}

model::MetricType TypeOf(const wire::OtlpMetric& metric) {
  switch (metric.kind) {
    case wire::OtlpKind::kGauge:
      return model::MetricType::kGauge;
    case wire::OtlpKind::kSum:
      return metric.monotonic ? model::MetricType::kCounter : model::MetricType::kGauge;
    case wire::OtlpKind::kHistogram:
    case wire::OtlpKind::kExponentialHistogram:
      return model::MetricType::kHistogram;
    case wire::OtlpKind::kSummary:
      return model::MetricType::kSummary;
    case wire::OtlpKind::kNone:
      break;
  }
  return model::MetricType::kUnknown;
}

bool HasTemporality(wire::OtlpKind kind) {
  return kind == wire::OtlpKind::kSum || kind == wire::OtlpKind::kHistogram ||
         kind == wire::OtlpKind::kExponentialHistogram;
}

}  // namespace

void OtlpBatch::Refuse(OtlpRefusal why, uint64_t count, std::string_view what) {
  OtlpRefused& entry = refused[static_cast<size_t>(why)];
  if (entry.points == 0) entry.first = what;
  entry.points += count;
}

bool DescribedMetrics::Insert(uint64_t metric_hash) {
  base::MutexLock lock(&mutex_);
  if (seen_.size() >= kMetricsMax) seen_.clear();
  return seen_.insert(metric_hash).second;
}

absl::Status OtlpTranslation::OnResource(const wire::OtlpResource& resource) {
  resource_ = resource;
  resource_hash_ = HashOf(resource.attributes, {context_.hash_seed, context_.config_generation});
  resource_labels_.reset();
  time_ns_first_ = UINT64_MAX;
  time_ns_last_ = 0;
  return absl::OkStatus();
}

absl::Status OtlpTranslation::OnScope(const wire::OtlpScope& scope) {
  scope_ = scope;
  scope_labels_.reset();
  scope_hash_ = resource_hash_;
  if (!context_.config->promote_scope_metadata) return absl::OkStatus();
  scratch_.clear();
  AppendSized(scope.name, &scratch_);
  AppendSized(scope.version, &scratch_);
  AppendSized(scope.schema_url, &scratch_);
  scratch_.append(scope.attributes);
  scope_hash_ = HashOf(scratch_, resource_hash_);
  return absl::OkStatus();
}

absl::StatusOr<bool> OtlpTranslation::OnMetric(const wire::OtlpMetric& metric) {
  metric_ = metric;
  metric_named_ = false;
  group_.reset();
  scratch_.clear();
  AppendSized(metric.name, &scratch_);
  AppendSized(metric.unit, &scratch_);
  scratch_.push_back(static_cast<char>(metric.kind));
  scratch_.push_back(metric.monotonic ? 1 : 0);
  metric_hash_ = HashOf(scratch_, scope_hash_);
  if (metric.kind == wire::OtlpKind::kNone || metric.points == 0) return true;
  scratch_.append(metric.description);
  const LabelHash described = HashOf(scratch_, {context_.hash_seed, context_.config_generation});
  if (context_.described->Insert(described.low) && wire::IsValidUtf8(metric.description) &&
      wire::IsValidUtf8(metric.unit) && wire::IsValidUtf8(metric.name)) {
    batch_.metadata.push_back(
        {MetricName(), TypeOf(metric), std::string(metric.description), std::string(metric.unit)});
  }
  return true;
}

const std::string& OtlpTranslation::MetricName() {
  if (!metric_named_) {
    metric_name_ = PrometheusMetricName(
        {metric_.name, metric_.unit, metric_.kind, metric_.monotonic}, *context_.config);
    metric_named_ = true;
  }
  return metric_name_;
}

absl::StatusOr<bool> OtlpTranslation::Begin(const wire::OtlpPoint& point) {
  ++batch_.points;
  point_ = &point;
  point_hash_ = HashOf(point.attributes, metric_hash_);
  point_labels_.reset();
  pending_.clear();
  bucket_bounds_.clear();
  bucket_series_.clear();
  time_ns_first_ = std::min(time_ns_first_, point.time_ns);
  time_ns_last_ = std::max(time_ns_last_, point.time_ns);
  if (HasTemporality(metric_.kind) && metric_.temporality == wire::OtlpTemporality::kUnspecified) {
    batch_.Refuse(OtlpRefusal::kTemporality, 1,
                  base::StrCat("metric \"", metric_.name,
                               "\" is neither of delta nor of cumulative temporality"));
    return false;
  }
  const int64_t time_ms = Ms(point.time_ns);
  if (time_ms < context_.time_ms_min) {
    batch_.Refuse(OtlpRefusal::kTooOld, 1,
                  base::StrCat("a point of metric \"", metric_.name, "\" at ", time_ms,
                               " ms is older than the retention"));
    return false;
  }
  if (time_ms > context_.time_ms_max) {
    batch_.Refuse(OtlpRefusal::kTooNew, 1,
                  base::StrCat("a point of metric \"", metric_.name, "\" at ", time_ms,
                               " ms is too far ahead of this clock"));
    return false;
  }
  return true;
}

absl::StatusOr<const ResourceLabels*> OtlpTranslation::Resource() {
  if (!resource_labels_) {
    BARO_TRY_ASSIGN(resource_labels_, ReadResourceLabels(resource_.attributes, *context_.config));
  }
  return &*resource_labels_;
}

absl::StatusOr<const LabelMap*> OtlpTranslation::Scope() {
  if (!scope_labels_) {
    BARO_TRY_ASSIGN(scope_labels_, ReadScopeLabels(scope_, *context_.config));
  }
  return &*scope_labels_;
}

LabelHash OtlpTranslation::PartHash(const LabelHash& outer, Part part, double number) {
  const std::array<uint64_t, 2> which = {static_cast<uint64_t>(part),
                                         std::bit_cast<uint64_t>(number)};
  return HashOf({reinterpret_cast<const char*>(which.data()), sizeof(which)}, outer);
}

absl::StatusOr<tsdb::SeriesId> OtlpTranslation::Resolve(Part part, double number) {
  const LabelHash hash = part == Part::kOwn ? point_hash_ : PartHash(point_hash_, part, number);
  if (const std::optional<tsdb::SeriesId> known = context_.cache->Find(hash)) return *known;
  ++cache_misses_;
  BARO_TRY_ASSIGN(const tsdb::SeriesId series, Declare(part, number));
  context_.cache->Insert(hash, series);
  return series;
}

absl::StatusOr<tsdb::SeriesId> OtlpTranslation::Declare(Part part, double number) {
  if (!point_labels_) {
    BARO_TRY_ASSIGN(const ResourceLabels* const resource, Resource());
    BARO_TRY_ASSIGN(const LabelMap* const scope, Scope());
    BARO_TRY_ASSIGN(point_labels_,
                    ReadPointLabels(point_->attributes, *resource, *scope, *context_.config));
  }
  BARO_TRY_ASSIGN(const model::Labels labels, LabelsOf(part, number));
  return context_.store->DeclareSeries(labels);
}

absl::StatusOr<model::Labels> OtlpTranslation::LabelsOf(Part part, double number) {
  const std::string& name = MetricName();
  switch (part) {
    case Part::kCount:
      return SeriesLabelsOf(*point_labels_, name + "_count", {});
    case Part::kSum:
      return SeriesLabelsOf(*point_labels_, name + "_sum", {});
    case Part::kBucket:
      return SeriesLabelsOf(*point_labels_, name + "_bucket", {"le", wire::PlainNumber(number)});
    case Part::kQuantile:
      return SeriesLabelsOf(*point_labels_, name, {"quantile", wire::PlainNumber(number)});
    case Part::kOwn:
    case Part::kTargetInfo:
      break;
  }
  return SeriesLabelsOf(*point_labels_, name, {});
}

// What a limit or a label is at fault for is that point's own; damaged bytes are the request's.
absl::Status OtlpTranslation::RefusePoint(const absl::Status& why) {
  constexpr std::string_view kDamage = "cannot read OTLP";
  const std::string_view what = base::FromAbsl(why.message());
  if (absl::IsInvalidArgument(why) && what.starts_with(kDamage)) return why;
  if (absl::IsInvalidArgument(why)) {
    batch_.Refuse(OtlpRefusal::kInvalidLabels, 1, what);
  } else {
    batch_.Refuse(OtlpRefusal::kLimit, 1, what);
  }
  return absl::OkStatus();
}

absl::Status OtlpTranslation::AddPart(Part part, double number, double value) {
  BARO_TRY_ASSIGN(const tsdb::SeriesId series, Resolve(part, number));
  if (part == Part::kBucket) {
    bucket_bounds_.push_back(number);
    bucket_series_.push_back(series);
  }
  pending_.push_back({series, value});
  return absl::OkStatus();
}

// Adds what is pending: the point is good.
void OtlpTranslation::Commit(const wire::OtlpPoint& point) {
  const int64_t time_ms = Ms(point.time_ns);
  const bool delta = metric_.temporality == wire::OtlpTemporality::kDelta;
  tsdb::SampleBatch& samples = batch_.samples;
  for (const PendingSample& sample : pending_) {
    samples.series.push_back(sample.series);
    samples.times_ms.push_back(time_ms);
    samples.values.push_back(point.no_recorded_value() ? model::kStaleNan : Storable(sample.value));
    if (delta && !point.no_recorded_value()) {
      Stamp(point, samples.values.size() - 1, false);
    }
  }
}

void OtlpTranslation::Stamp(const wire::OtlpPoint& point, size_t sample, bool histogram) {
  batch_.deltas.push_back(
      {sample, batch_.points, *group_, histogram, point.start_ns, point.time_ns});
}

absl::Status OtlpTranslation::OnNumber(const wire::OtlpNumber& point) {
  BARO_TRY_ASSIGN(const bool good, Begin(point));
  if (!good) return absl::OkStatus();
  absl::Status status = AddPart(Part::kOwn, 0, point.value);
  if (status.ok()) status = Group().status();
  if (!status.ok()) return RefusePoint(status);
  Commit(point);
  if (metric_.kind == wire::OtlpKind::kGauge) return absl::OkStatus();
  return AddExemplars(point);
}

absl::Status OtlpTranslation::AddBuckets(const wire::OtlpHistogram& point) {
  uint64_t cumulative = 0;
  const size_t buckets = std::min(point.bounds.size(), point.bucket_counts.size());
  if (buckets > kHistogramBucketsMax) {
    return absl::ResourceExhaustedError(base::StrCat(buckets, " buckets of metric \"", metric_.name,
                                                     "\" are more than the ", kHistogramBucketsMax,
                                                     " allowed"));
  }
  for (size_t i = 0; i < buckets; ++i) {
    cumulative += point.bucket_counts[i];
    BARO_TRY(AddPart(Part::kBucket, point.bounds[i], static_cast<double>(cumulative)));
  }
  return AddPart(Part::kBucket, INFINITY, static_cast<double>(point.count));
}

absl::Status OtlpTranslation::OnHistogram(const wire::OtlpHistogram& point) {
  BARO_TRY_ASSIGN(const bool good, Begin(point));
  if (!good) return absl::OkStatus();
  if (context_.config->convert_histograms_to_nhcb) {
    return AddNative(point, CustomBucketsHistogram(point));
  }
  absl::Status status = AddPart(Part::kCount, 0, static_cast<double>(point.count));
  if (status.ok() && point.sum) status = AddPart(Part::kSum, 0, *point.sum);
  if (status.ok()) status = AddBuckets(point);
  if (status.ok()) status = Group().status();
  if (!status.ok()) return RefusePoint(status);
  Commit(point);
  return AddExemplars(point);
}

absl::Status OtlpTranslation::OnExponential(const wire::OtlpExponential& point) {
  BARO_TRY_ASSIGN(const bool good, Begin(point));
  if (!good) return absl::OkStatus();
  return AddNative(point, NativeHistogram(point));
}

absl::Status OtlpTranslation::AddNative(const wire::OtlpPoint& point,
                                        const absl::StatusOr<model::Histogram>& histogram) {
  if (!histogram.ok() && !point.no_recorded_value()) {
    batch_.Refuse(OtlpRefusal::kBadValue, 1,
                  base::StrCat("metric \"", metric_.name,
                               "\": ", base::FromAbsl(histogram.status().message())));
    return absl::OkStatus();
  }
  absl::Status status = AddPart(Part::kOwn, 0, 0);
  if (status.ok()) status = Group().status();
  if (!status.ok()) return RefusePoint(status);
  if (point.no_recorded_value()) {
    Commit(point);  // a stale marker ends histograms as it ends floats
    return absl::OkStatus();
  }
  batch_.samples.histograms.push_back({pending_[0].series, Ms(point.time_ns), *histogram});
  if (metric_.temporality == wire::OtlpTemporality::kDelta) {
    Stamp(point, batch_.samples.histograms.size() - 1, true);
  }
  return AddExemplars(point);
}

absl::Status OtlpTranslation::OnSummary(const wire::OtlpSummary& point) {
  BARO_TRY_ASSIGN(const bool good, Begin(point));
  if (!good) return absl::OkStatus();
  absl::Status status = AddPart(Part::kSum, 0, point.sum);
  if (status.ok()) status = AddPart(Part::kCount, 0, static_cast<double>(point.count));
  for (size_t i = 0; i < point.quantiles.size() && status.ok(); ++i) {
    status = AddPart(Part::kQuantile, point.quantiles[i].quantile, point.quantiles[i].value);
  }
  if (!status.ok()) return RefusePoint(status);
  Commit(point);
  return absl::OkStatus();
}

// Only metrics of delta temporality have one.
absl::StatusOr<uint32_t> OtlpTranslation::Group() {
  if (metric_.temporality != wire::OtlpTemporality::kDelta) return 0;
  if (group_) return *group_;
  BARO_TRY_ASSIGN(const ResourceLabels* const resource, Resource());
  DeltaGroup group;
  group.key = metric_hash_.low;
  group.job = resource->job.value_or("");
  group.instance = resource->instance.value_or("");
  const std::string& name = MetricName();
  if (metric_.kind == wire::OtlpKind::kHistogram && !context_.config->convert_histograms_to_nhcb) {
    group.metric_names = {name + "_bucket", name + "_count", name + "_sum"};
  } else {
    group.metric_names = {name};
  }
  batch_.delta_groups.push_back(std::move(group));
  group_ = static_cast<uint32_t>(batch_.delta_groups.size() - 1);
  return *group_;
}

}  // namespace baro::collector
