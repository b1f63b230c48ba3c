// OtlpTranslation: one request of OTLP metrics as samples of Prometheus' data model.
//
//   gauge, sum              name                    (monotonic sums: counters)
//   histogram               name_bucket{le} name_count name_sum
//   exponential histogram   name, a native histogram
//   summary                 name{quantile} name_count name_sum
//   resource                target_info, at the times of its points
//
// The rules are those of Prometheus 3.5's OTLP receiver; docs/formats/otlp.md has them and where we
// differ. A point is taken whole or refused whole, with a reason; the rest of the request goes on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/mutex.h"
#include "baro/model/layout.h"
#include "baro/tsdb/store.h"
#include "baro/wire/otlp.h"
#include "otlp/otlp_config.h"
#include "otlp/otlp_labels.h"
#include "remote_write/series_cache.h"

namespace baro::collector {

// Why points were refused; the words are the `reason` of baro_otlp_refused_points_total.
enum class OtlpRefusal : uint8_t {
  kInvalidLabels,
  kLimit,
  kTooOld,
  kTooNew,
  kTemporality,
  kBadValue,
  kDeltaOutOfOrder,
  kDeltaLimit,
};
inline constexpr std::array<std::string_view, 8> kOtlpRefusalNames = {
    "invalid_labels",     "limit",      "too_old", "too_new", "temporality", "bad_value",
    "delta_out_of_order", "delta_limit"};

struct OtlpRefused {
  uint64_t points = 0;
  std::string first;  // what was wrong with the first of them
};

// A value that is to be added to its series' last one before it is stored (delta_sums.h).
struct DeltaSample {
  size_t sample = 0;   // in OtlpBatch::samples, of values or of histograms
  size_t point = 0;    // of the request, for counting: a histogram is one point and many samples
  uint32_t group = 0;  // in OtlpBatch::delta_groups
  bool histogram = false;
  uint64_t start_ns = 0;
  uint64_t time_ns = 0;
};

// Where the last values of a metric's series are looked for in the store.
struct DeltaGroup {
  uint64_t key = 0;
  std::vector<std::string> metric_names;
  std::string job;
  std::string instance;
};

struct OtlpBatch {
  tsdb::SampleBatch samples;
  std::vector<DeltaSample> deltas;
  std::vector<DeltaGroup> delta_groups;
  std::vector<model::Metadata> metadata;  // of metrics not described so far
  uint64_t points = 0;
  uint64_t exemplars_refused = 0;
  uint64_t target_info_cut = 0;  // samples of target_info that were too many
  std::array<OtlpRefused, kOtlpRefusalNames.size()> refused;
  std::string warning;  // for the sender, when no point is refused for it

  void Refuse(OtlpRefusal why, uint64_t count, std::string_view what);
};

// Which metrics' metadata the store has been told. Bounded: when full it forgets all, and tells the
// store again. Thread-safe.
class DescribedMetrics {
 public:
  // True for the first time.
  bool Insert(uint64_t metric_hash) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  static constexpr size_t kMetricsMax = 100'000;
  base::Mutex mutex_;
  absl::flat_hash_set<uint64_t> seen_ ABSL_GUARDED_BY(mutex_);
};

// What a translation needs, all of it shared and outliving it.
struct OtlpContext {
  const OtlpConfig* config = nullptr;
  uint64_t config_generation = 0;  // cached series of another configuration are not found
  tsdb::Store* store = nullptr;
  SeriesCache* cache = nullptr;
  DescribedMetrics* described = nullptr;
  uint64_t hash_seed = 0;
  int64_t time_ms_min = model::kTimeMsMin;  // earlier points are refused
  int64_t time_ms_max = model::kTimeMsMax;
  int64_t target_info_interval_ms = 150'000;
};

// One request; thread-compatible. The batch counts only when ReadOtlp() has returned OK.
class OtlpTranslation final : public wire::OtlpVisitor {
 public:
  explicit OtlpTranslation(const OtlpContext& context) : context_(context) {}

  absl::Status OnResource(const wire::OtlpResource& resource) override;
  absl::Status OnScope(const wire::OtlpScope& scope) override;
  absl::StatusOr<bool> OnMetric(const wire::OtlpMetric& metric) override;
  absl::Status OnNumber(const wire::OtlpNumber& point) override;
  absl::Status OnHistogram(const wire::OtlpHistogram& point) override;
  absl::Status OnExponential(const wire::OtlpExponential& point) override;
  absl::Status OnSummary(const wire::OtlpSummary& point) override;
  absl::Status OnResourceEnd() override;

  OtlpBatch TakeBatch() { return std::move(batch_); }
  uint64_t cache_misses() const { return cache_misses_; }

 private:
  // Which series of a point.
  enum class Part : uint64_t { kOwn, kCount, kSum, kBucket, kQuantile, kTargetInfo };
  struct PendingSample {
    tsdb::SeriesId series;
    double value = 0;
  };

  static LabelHash PartHash(const LabelHash& outer, Part part, double number);

  absl::StatusOr<bool> Begin(const wire::OtlpPoint& point);
  // The series of the current point. `number` is the bound or quantile.
  absl::StatusOr<tsdb::SeriesId> Resolve(Part part, double number = 0);
  absl::StatusOr<tsdb::SeriesId> Declare(Part part, double number);
  absl::StatusOr<model::Labels> LabelsOf(Part part, double number);
  absl::StatusOr<const ResourceLabels*> Resource();
  absl::StatusOr<const LabelMap*> Scope();
  const std::string& MetricName();

  absl::Status AddPart(Part part, double number, double value);
  absl::Status AddBuckets(const wire::OtlpHistogram& point);
  absl::Status AddNative(const wire::OtlpPoint& point,
                         const absl::StatusOr<model::Histogram>& histogram);
  void Commit(const wire::OtlpPoint& point);
  void Stamp(const wire::OtlpPoint& point, size_t sample, bool histogram);
  absl::Status AddExemplars(const wire::OtlpPoint& point);
  absl::StatusOr<uint32_t> Group();
  // Turns a series' error into a refused point; damage stays an error.
  absl::Status RefusePoint(const absl::Status& why);
  void AddTargetInfoSamples(tsdb::SeriesId series);

  const OtlpContext context_;
  OtlpBatch batch_;
  uint64_t cache_misses_ = 0;

  wire::OtlpResource resource_;
  LabelHash resource_hash_;
  std::optional<ResourceLabels> resource_labels_;
  uint64_t time_ns_first_ = UINT64_MAX;  // of the resource's points
  uint64_t time_ns_last_ = 0;

  wire::OtlpScope scope_;
  LabelHash scope_hash_;
  std::optional<LabelMap> scope_labels_;

  wire::OtlpMetric metric_;
  LabelHash metric_hash_;
  std::string metric_name_;
  bool metric_named_ = false;
  std::optional<uint32_t> group_;

  const wire::OtlpPoint* point_ = nullptr;
  LabelHash point_hash_;
  std::optional<LabelMap> point_labels_;
  std::vector<PendingSample> pending_;
  std::vector<double> bucket_bounds_;  // of the pending bucket series, for exemplars
  std::vector<tsdb::SeriesId> bucket_series_;
  std::string scratch_;
};

}  // namespace baro::collector
