// Native histograms and exemplars reach the sink as Prometheus would append them: which series, at
// which time, until when.
#include <gtest/gtest.h>

#include <optional>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "recording_sink.h"
#include "target_rows.h"

namespace baro::agent {
namespace {

// One target that is scraped by hand, in OpenMetrics, with native histograms beside it.
class NativeScrapes {
 public:
  explicit NativeScrapes(std::string_view job_yaml = "") {
    const auto config = ParseScrapeConfig(
        base::StrCat("scrape_configs:\n- {job_name: j", job_yaml, "}\n"), "a.yml");
    EXPECT_TRUE(config.ok()) << config.status();
    target_ = **MakeTarget(std::make_shared<const ScrapeJob>(config->jobs.at(0)), {}, "i:1");
    rows_.emplace(&sink, &target_, &counters);
  }

  absl::Status Take(std::string_view lines, std::vector<exposition::NativeSample> natives = {}) {
    time_ms += 1000;
    const auto stats = cache_.Parse(base::StrCat(lines, "# EOF\n"));
    EXPECT_TRUE(stats.ok()) << stats.status();
    report = {};
    report.samples_scraped = stats->samples;
    report.series_added = stats->series_added;
    const absl::Status status =
        rows_->Append(cache_, std::move(natives), stats->layout_changed, time_ms, &report);
    if (!status.ok()) rows_->AppendFailure(time_ms, {}).IgnoreError();
    return status;
  }
  // "labels@time:count", stale ones as "end"; exemplars as "labels@time#value".
  std::string Told() {
    std::string text;
    for (const SeriesExtras& extras : sink.TakeExtras()) {
      for (const auto& [at_ms, histogram] : extras.histograms) {
        base::StrAppend(&text, text.empty() ? "" : " ", extras.labels.ToString(), "@", at_ms, ":");
        text += histogram.is_stale() ? "end" : base::StrCat(histogram.count);
      }
      for (const model::Exemplar& exemplar : extras.exemplars) {
        base::StrAppend(&text, text.empty() ? "" : " ", extras.labels.ToString(), "@",
                        exemplar.time_ms, "#", exemplar.value);
      }
    }
    return text;
  }
  std::string_view warning() const { return rows_->warning(); }

  RecordingSink sink;
  ScrapeCounters counters;
  ScrapeReport report;
  int64_t time_ms = 0;

 private:
  Target target_;
  exposition::LayoutCache cache_{exposition::Format::kOpenMetrics};
  std::optional<TargetRows> rows_;
};

exposition::NativeSample Native(std::string_view name, double count, int buckets = 1) {
  exposition::NativeSample sample;
  sample.labels.Set("__name__", name);
  sample.metadata = {std::string(name), model::MetricType::kHistogram, "", ""};
  sample.histogram.schema = 3;
  sample.histogram.count = count;
  for (int i = 0; i < buckets; ++i) sample.histogram.positive.push_back({i, count / buckets});
  return sample;
}

constexpr std::string_view kTarget = "instance=\"i:1\", job=\"j\"";
std::string Series(std::string_view name, std::string_view more = "") {
  return base::StrCat(name, "{", more, kTarget, "}");
}

TEST(NativeRows, TellsEachHistogramUntilItsEnd) {
  NativeScrapes scrapes;
  ASSERT_TRUE(scrapes.Take("", {Native("a", 1), Native("b", 2)}).ok());
  EXPECT_EQ(scrapes.Told(), Series("a") + "@1000:1 " + Series("b") + "@1000:2");
  EXPECT_EQ(scrapes.report.samples_scraped, 2u);
  EXPECT_EQ(scrapes.report.samples_post_relabeling, 2u);
  EXPECT_EQ(scrapes.report.series_added, 2u);
  ASSERT_TRUE(scrapes.Take("", {Native("a", 3), Native("a", 4)}).ok());
  EXPECT_EQ(scrapes.Told(), Series("a") + "@2000:3 " + Series("b") + "@2000:end");
  EXPECT_EQ(scrapes.report.series_added, 0u);
}

TEST(NativeRows, KeepsTheLeastBucketFactor) {
  // Buckets of schema 2 grow by 1.19, those of schema 3 by 1.09: too little.
  NativeScrapes scrapes(", native_histogram_min_bucket_factor: 1.1");
  ASSERT_TRUE(scrapes.Take("", {Native("a", 16, 16)}).ok());
  EXPECT_EQ(scrapes.sink.TakeExtras()[0].histograms[0].histogram.schema, 2);
}

TEST(NativeRows, KeepsTheLimits) {
  NativeScrapes reduced(
      ", native_histogram_bucket_limit: 4, native_histogram_min_bucket_factor: 1.1");
  ASSERT_TRUE(reduced.Take("", {Native("a", 16, 16)}).ok());
  const std::vector<SeriesExtras> extras = reduced.sink.TakeExtras();
  // Schema 1 would need five: bucket 0 reaches to 1, four more to 4.
  EXPECT_EQ(extras[0].histograms[0].histogram.schema, 0);
  EXPECT_EQ(extras[0].histograms[0].histogram.positive.size(), 3u);
  NativeScrapes limited(", sample_limit: 1");
  EXPECT_FALSE(limited.Take("", {Native("a", 1), Native("b", 1)}).ok());
  EXPECT_EQ(limited.Told(), "") << "a scrape is wholly good or wholly bad";
  NativeScrapes named(", label_value_length_limit: 2");
  EXPECT_FALSE(named.Take("", {Native("long", 1)}).ok());
}

TEST(NativeRows, TellsExemplarsOnce) {
  NativeScrapes scrapes(", metric_relabel_configs: [{action: labeldrop, regex: x}]");
  const std::string line = "c_total{x=\"1\"} 1 # {t=\"a\"} 0.5\n";
  ASSERT_TRUE(scrapes.Take(line).ok());
  EXPECT_EQ(scrapes.Told(), Series("c_total") + "@1000#0.5");
  ASSERT_TRUE(scrapes.Take(line).ok());
  EXPECT_EQ(scrapes.Told(), "");
  ASSERT_TRUE(scrapes.Take("c_total{x=\"1\"} 2 # {t=\"b\"} 7 1.5\n").ok());
  EXPECT_EQ(scrapes.Told(), Series("c_total") + "@1500#7");
}

constexpr std::string_view kClassic =
    "# TYPE h histogram\n"
    "h_bucket{a=\"b\",le=\"1\"} 2\nh_bucket{a=\"b\",le=\"2\"} 2\nh_bucket{a=\"b\",le=\"+Inf\"} 5\n"
    "h_sum{a=\"b\"} 9\nh_count{a=\"b\"} 5\n";

TEST(NativeRows, ConvertsClassicHistograms) {
  NativeScrapes scrapes(", convert_classic_histograms_to_nhcb: true");
  ASSERT_TRUE(scrapes.Take(kClassic).ok());
  EXPECT_EQ(scrapes.report.samples_scraped, 1u);
  EXPECT_EQ(scrapes.report.samples_post_relabeling, 1u);
  const std::vector<SeriesExtras> extras = scrapes.sink.TakeExtras();
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_EQ(extras[0].labels.ToString(), Series("h", "a=\"b\", "));
  const model::Histogram& histogram = extras[0].histograms[0].histogram;
  EXPECT_EQ(histogram.custom_bounds, (std::vector<double>{1, 2}));
  using Bucket = model::Histogram::Bucket;
  EXPECT_EQ(histogram.positive, (std::vector<Bucket>{{0, 2}, {2, 3}}));
  EXPECT_EQ(histogram.sum, 9);
  EXPECT_TRUE(model::CheckHistogram(histogram).ok());
  EXPECT_TRUE(scrapes.sink.Series(Series("h_count", "a=\"b\", ")).empty());
  ASSERT_TRUE(scrapes.Take("").ok());
  EXPECT_EQ(scrapes.Told(), Series("h", "a=\"b\", ") + "@2000:end");
  NativeScrapes both(
      ", convert_classic_histograms_to_nhcb: true, always_scrape_classic_histograms: true");
  ASSERT_TRUE(both.Take(kClassic).ok());
  EXPECT_EQ(both.report.samples_scraped, 6u);
  EXPECT_EQ(both.sink.Series(Series("h_count", "a=\"b\", ")).size(), 1u);
}

TEST(SampleLimit, LeavesOutTheLastSeriesWhenItIsToTruncate) {
  NativeScrapes scrapes(", sample_limit: 2, sample_limit_mode: truncate");
  ASSERT_TRUE(scrapes.Take("a 1\nb 1\n").ok());
  ASSERT_TRUE(scrapes.Take("new{user=\"1\"} 1\na 2\nnew{user=\"2\"} 1\nb 2\n").ok());
  EXPECT_EQ(scrapes.sink.Series(Series("a")).size(), 2u) << "those that were there before stay";
  EXPECT_TRUE(scrapes.sink.Series(Series("new", "user=\"1\", ")).empty());
  EXPECT_EQ(scrapes.warning(),
            "sample_limit 2 reached: 2 series left out; among them label \"user\" has 2 values");
  EXPECT_EQ(scrapes.report.samples_post_relabeling, 4u);
  ASSERT_TRUE(scrapes.Take("new{user=\"1\"} 1\na 3\n").ok());
  EXPECT_EQ(scrapes.warning(), "") << "there is room again";
}

}  // namespace
}  // namespace baro::agent
