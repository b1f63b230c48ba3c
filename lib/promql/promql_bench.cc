// Queries over many series that share their targets' times, as the store serves them.
// items/s counts samples in the windows' ranges (rate) or points computed (selectors, sums).

#include <memory>

#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"
#include "benchmark/benchmark.h"

namespace baro::promql {
namespace {

constexpr size_t kSamples = 480;  // 2 h at 15 s
constexpr int64_t kGapMs = 15'000;

// `targets` targets with `columns` counters each; every series of a target has the same times.
class GridSource final : public model::SeriesSource {
 public:
  GridSource(size_t targets, size_t columns) {
    for (size_t i = 0; i < targets; ++i) {
      target_labels_.push_back({{"job", "node"}, {"instance", base::StrCat("host-", i)}});
    }
    for (size_t i = 0; i < columns; ++i) {
      column_labels_.push_back({{"__name__", "requests_total"}, {"code", base::StrCat(i)}});
      std::vector<double>& values = values_.emplace_back();
      for (size_t s = 0; s < kSamples; ++s) values.push_back(static_cast<double>(s * (i + 1)));
    }
    for (size_t s = 0; s < kSamples; ++s) times_ms_.push_back(static_cast<int64_t>(s) * kGapMs);
  }

  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest&) const override {
    return std::make_unique<Set>(this);
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return std::vector<std::string>();
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return {};
  }

 private:
  class Reader final : public model::SeriesReader {
   public:
    Reader(const GridSource* source, size_t begin, size_t end)
        : source_(source), next_(begin), end_(end) {}
    absl::StatusOr<bool> Next(model::SeriesView* view) override {
      if (next_ == end_) return false;
      *view = {next_, source_->times_ms_, source_->values_[next_ % source_->column_labels_.size()]};
      ++next_;
      return true;
    }

   private:
    const GridSource* const source_;
    size_t next_;
    const size_t end_;
  };
  class Set final : public model::SeriesSet {
   public:
    explicit Set(const GridSource* source) : source_(source) {}
    size_t size() const override {
      return source_->target_labels_.size() * source_->column_labels_.size();
    }
    model::LabelsRef labels(size_t index) const override {
      const size_t columns = source_->column_labels_.size();
      return {&source_->target_labels_[index / columns], &source_->column_labels_[index % columns]};
    }
    std::unique_ptr<model::SeriesReader> Read(size_t begin, size_t end) const override {
      return std::make_unique<Reader>(source_, begin, end);
    }
    const std::vector<std::string>& warnings() const override { return warnings_; }

   private:
    const GridSource* const source_;
    const std::vector<std::string> warnings_;
  };

  std::vector<model::Labels> target_labels_;
  std::vector<model::Labels> column_labels_;
  std::vector<int64_t> times_ms_;
  std::vector<std::vector<double>> values_;
};

constexpr int64_t kStartMs = 3'600'000;
constexpr int64_t kEndMs = 7'200'000 - kGapMs;
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kSteps = (kEndMs - kStartMs) / kStepMs + 1;

void RunRange(benchmark::State& state, const char* query, bool instant) {
  const GridSource source(100, static_cast<size_t>(state.range(0)) / 100);
  const Engine engine({});
  for (auto _ : state) {
    const auto result = instant ? engine.Instant(source, query, kEndMs, {})
                                : engine.Range(source, query, kStartMs, kEndMs, kStepMs, {});
    if (!result.ok()) {
      state.SkipWithError(std::string(result.status().message()).c_str());
      return;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * (instant ? 1 : kSteps));
}

void BM_RateOfManySeries(benchmark::State& state) {
  RunRange(state, "rate(requests_total[5m])", false);
}
void BM_SumByOfRate(benchmark::State& state) {
  RunRange(state, "sum by (code) (rate(requests_total[5m]))", false);
}
void BM_SumByInstanceOfRate(benchmark::State& state) {
  RunRange(state, "sum by (instance) (rate(requests_total[1h]))", false);
}
void BM_RangeSelector(benchmark::State& state) { RunRange(state, "requests_total", false); }
void BM_MaxOverTime(benchmark::State& state) {
  RunRange(state, "sum(max_over_time(requests_total[1h]))", false);
}
void BM_AvgOverTime(benchmark::State& state) {
  RunRange(state, "sum(avg_over_time(requests_total[5m]))", false);
}
void BM_AvgOverAnHour(benchmark::State& state) {
  RunRange(state, "sum(avg_over_time(requests_total[1h]))", false);
}
void BM_InstantSelector(benchmark::State& state) { RunRange(state, "requests_total", true); }
void BM_InstantCount(benchmark::State& state) { RunRange(state, "count(requests_total)", true); }
void BM_DivisionOfSeries(benchmark::State& state) {
  RunRange(state, "sum(requests_total / requests_total)", false);
}

BENCHMARK(BM_RateOfManySeries)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SumByOfRate)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SumByInstanceOfRate)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_RangeSelector)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_MaxOverTime)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AvgOverTime)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AvgOverAnHour)->Arg(1'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_InstantSelector)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_InstantCount)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_DivisionOfSeries)->Arg(10'000)->Unit(benchmark::kMillisecond);

void BM_Parse(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(ParseExpression(
        "histogram_quantile(0.9, sum by (le, job) (rate(requests_bucket{job=~\"a|b\"}[5m]))) > 1"));
  }
}
BENCHMARK(BM_Parse);

}  // namespace
}  // namespace baro::promql
