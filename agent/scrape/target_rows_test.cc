// Columns become rows as Prometheus would append their samples: which series, at which time, until
// when.
#include "target_rows.h"

#include <gtest/gtest.h>

#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "recording_sink.h"

namespace baro::agent {
namespace {

// One target that is scraped by hand.
class Scrapes {
 public:
  explicit Scrapes(std::string_view job_yaml = "") {
    const auto config = ParseScrapeConfig(
        base::StrCat("scrape_configs:\n- {job_name: j", job_yaml, "}\n"), "a.yml");
    EXPECT_TRUE(config.ok()) << config.status();
    auto job = std::make_shared<const ScrapeJob>(config->jobs.at(0));
    target_ = **MakeTarget(job, {}, "i:1");
    rows_.emplace(&sink, &target_, &counters);
  }

  std::vector<exposition::NativeSample> natives;  // of the next Take()

  absl::Status Take(std::string_view body) {
    time_ms += 1000;
    const auto stats = cache_.Parse(body);
    EXPECT_TRUE(stats.ok()) << stats.status();
    report = {};
    report.up = true;
    report.samples_scraped = stats->samples;
    report.series_added = stats->series_added;
    absl::Status status =
        rows_->Append(cache_, std::move(natives), stats->layout_changed, time_ms, &report);
    natives.clear();
    if (!status.ok()) {
      rows_->AppendFailure(time_ms, {}).IgnoreError();
    } else if (cache_.wants_compaction()) {
      rows_->Forget();
      EXPECT_TRUE(cache_.Compact(body).ok());
    }
    return status;
  }
  void Fail() {
    time_ms += 1000;
    EXPECT_TRUE(rows_->AppendFailure(time_ms, {}).ok());
  }
  void Gone() {
    rows_->AppendGone(time_ms += 1000);
    rows_.reset();
  }
  std::string Values(std::string_view name, std::string_view labels = "") const {
    return sink.Values(base::StrCat(name, "{", labels, labels.empty() ? "" : ", ",
                                    "instance=\"i:1\", job=\"j\"}"));
  }
  uint64_t Dropped(SampleDrop reason) const {
    return counters.Drops()[static_cast<size_t>(reason)].second;
  }

  std::string_view warning() const { return rows_->warning(); }

  RecordingSink sink;
  ScrapeCounters counters;
  ScrapeReport report;
  int64_t time_ms = 0;

 private:
  Target target_;
  exposition::LayoutCache cache_{exposition::Format::kText, {.labels_max = 1000}};
  std::optional<TargetRows> rows_;
};

TEST(TargetRows, HandsOnSamplesAndTheReport) {
  Scrapes scrapes;
  ASSERT_TRUE(scrapes.Take("# TYPE a counter\na 1\nb{a=\"x\"} 2\n").ok());
  ASSERT_TRUE(scrapes.Take("# TYPE a counter\na 2\nb{a=\"x\"} 3\n").ok());
  EXPECT_EQ(scrapes.Values("a"), "1 2");
  EXPECT_EQ(scrapes.Values("b", "a=\"x\""), "2 3");
  EXPECT_EQ(scrapes.Values("up"), "1 1");
  EXPECT_EQ(scrapes.Values("scrape_samples_scraped"), "2 2");
  EXPECT_EQ(scrapes.Values("scrape_samples_post_metric_relabeling"), "2 2");
  EXPECT_EQ(scrapes.Values("scrape_series_added"), "2 0");
  EXPECT_EQ(scrapes.sink.metadata().at("a").type, model::MetricType::kCounter);
  EXPECT_EQ(scrapes.sink.declarations(), 1u);
  EXPECT_EQ(scrapes.sink.rows(), 2u);
}

TEST(TargetRows, MarksWhatIsGoneAsStale) {
  Scrapes scrapes;
  ASSERT_TRUE(scrapes.Take("a 1\nb 1\n").ok());
  ASSERT_TRUE(scrapes.Take("b 2\nc 1\n").ok());
  ASSERT_TRUE(scrapes.Take("a 3\nb 3\n").ok());
  scrapes.Fail();
  ASSERT_TRUE(scrapes.Take("b 5\n").ok());
  scrapes.Gone();
  EXPECT_EQ(scrapes.Values("a"), "1 stale 3 stale");
  EXPECT_EQ(scrapes.Values("b"), "1 2 3 stale 5 stale");
  EXPECT_EQ(scrapes.Values("c"), "1 stale");
  EXPECT_EQ(scrapes.Values("up"), "1 1 1 0 1 stale");
  EXPECT_EQ(scrapes.sink.declarations(), 2u) << "a and c have kept their columns";
  EXPECT_EQ(scrapes.sink.open(), 0u);
}

TEST(TargetRows, SaysThatATargetIsDownFromItsFirstScrape) {
  Scrapes scrapes;
  scrapes.Fail();
  ASSERT_TRUE(scrapes.Take("a 1\n").ok());
  EXPECT_EQ(scrapes.Values("up"), "0 1");
  EXPECT_EQ(scrapes.Values("a"), "1");
}

TEST(TargetRows, RenamesLabelsThatTheTargetHasToo) {
  Scrapes scrapes;
  ASSERT_TRUE(scrapes.Take("a{job=\"x\",exported_instance=\"y\",instance=\"z\"} 1\n").ok());
  EXPECT_EQ(scrapes.Values("a",
                           "exported_exported_instance=\"z\", exported_instance=\"y\", "
                           "exported_job=\"x\""),
            "1");
}

TEST(TargetRows, HonorsLabelsWhenAsked) {
  Scrapes scrapes(", honor_labels: true");
  ASSERT_TRUE(scrapes.Take("a{job=\"x\"} 1\na 2\nb{job=\"j\"} 3\n").ok());
  ASSERT_TRUE(scrapes.Take("a{job=\"x\"} 4\na 5\n").ok());
  EXPECT_EQ(scrapes.sink.Values("a{instance=\"i:1\", job=\"x\"}"), "1 4");
  EXPECT_EQ(scrapes.Values("a"), "2 5");
  EXPECT_EQ(scrapes.Values("b"), "3 stale");
  scrapes.Fail();
  scrapes.Gone();
  EXPECT_EQ(scrapes.sink.Values("a{instance=\"i:1\", job=\"x\"}"), "1 4 stale");
}

TEST(TargetRows, RelabelsMetricsOnce) {
  Scrapes scrapes(
      ", metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: noise_.*}, "
      "{action: labeldrop, regex: pod}, {action: replace, source_labels: [__name__], regex: "
      "'(old)_.*', target_label: __name__, replacement: 'new'}]");
  ASSERT_TRUE(scrapes.Take("noise_a 1\nb{pod=\"1\"} 2\nb{pod=\"2\"} 3\nold_c 4\n").ok());
  EXPECT_EQ(scrapes.report.series_added, 3u);
  ASSERT_TRUE(scrapes.Take("noise_a 1\nb{pod=\"1\"} 5\nb{pod=\"2\"} 6\nold_c 7\n").ok());
  EXPECT_EQ(scrapes.Values("b"), "2 5") << "of two that became one the first counts";
  EXPECT_EQ(scrapes.Values("new"), "4 7");
  EXPECT_EQ(scrapes.Values("noise_a"), "");
  EXPECT_EQ(scrapes.Values("scrape_samples_scraped"), "4 4");
  EXPECT_EQ(scrapes.Values("scrape_samples_post_metric_relabeling"), "3 3");
  EXPECT_EQ(scrapes.Dropped(SampleDrop::kRelabelled), 2u);
  EXPECT_EQ(scrapes.Dropped(SampleDrop::kDuplicate), 2u);
}

TEST(TargetRows, MayLoseATargetLabelToRelabelling) {
  Scrapes scrapes(", metric_relabel_configs: [{action: labeldrop, regex: instance}]");
  ASSERT_TRUE(scrapes.Take("a 1\n").ok());
  ASSERT_TRUE(scrapes.Take("a 2\n").ok());
  EXPECT_EQ(scrapes.sink.Values("a{job=\"j\"}"), "1 2");
  EXPECT_EQ(scrapes.Values("up"), "1 1");
}

TEST(TargetRows, KeepsItsLimits) {
  Scrapes samples(", sample_limit: 2");
  EXPECT_TRUE(samples.Take("a 1\nb 1\n").ok());
  const absl::Status over = samples.Take("a 2\nb 2\nc 2\n");
  EXPECT_EQ(base::FromAbsl(over.message()), "cannot take 3 samples: sample_limit is 2");
  EXPECT_EQ(samples.Values("a"), "1 stale");
  EXPECT_EQ(samples.Values("up"), "1 0");
  EXPECT_TRUE(samples.Take("a 3\nb 3\n").ok());
  EXPECT_EQ(samples.Values("a"), "1 stale 3");

  Scrapes labels(", label_limit: 4, label_value_length_limit: 5");
  EXPECT_TRUE(labels.Take("a{x=\"1\"} 1\n").ok());
  EXPECT_EQ(
      base::FromAbsl(labels.Take("a{x=\"1\",y=\"2\"} 1\n").message()),
      "cannot take series a{instance=\"i:1\", job=\"j\", x=\"1\", y=\"2\"}: number of labels 5 "
      "exceeds label_limit 4");
  EXPECT_FALSE(labels.Take("a{x=\"123456\"} 1\n").ok());
}

TEST(TargetRows, LeavesOutOnlyTheSeriesThatNoCollectorWouldTake) {
  Scrapes scrapes;
  const std::string long_value = base::StrCat("a{l=\"", std::string(70'000, 'x'), "\"} 1\n");
  const std::string long_name = base::StrCat("a{", std::string(70'000, 'n'), "=\"1\"} 1\n");
  std::string many = "a{";
  for (int i = 0; i < 256; ++i) base::StrAppend(&many, "l", i, "=\"1\",");
  many += "} 1\n";
  for (const std::string& line : {long_value, long_name, many}) {
    ASSERT_TRUE(scrapes.Take(line + "b 1\n").ok());
    EXPECT_EQ(scrapes.report.samples_post_relabeling, 2u) << "as Prometheus, which has no limit";
    EXPECT_TRUE(scrapes.warning().starts_with("series left out: a{")) << scrapes.warning();
    ASSERT_TRUE(scrapes.Take("b 2\n").ok());
    EXPECT_EQ(scrapes.warning(), "");
  }
  EXPECT_EQ(scrapes.Values("b"), "1 2 1 2 1 2");
  EXPECT_EQ(scrapes.Values("up"), "1 1 1 1 1 1");
  EXPECT_EQ(scrapes.Dropped(SampleDrop::kLabelLength), 3u);
  EXPECT_EQ(scrapes.sink.Names().size(), 6u) << "b and the report";
}

TEST(TargetRows, CutsALongHelpText) {
  Scrapes scrapes;
  std::string help;
  while (help.size() < 300'000) help += "äöü€";
  ASSERT_TRUE(scrapes.Take(base::StrCat("# HELP a x", help, "\na 1\n")).ok());
  const std::string cut = scrapes.sink.metadata().at("a").help;
  EXPECT_LE(cut.size(), kHelpBytesMax);
  EXPECT_GT(cut.size(), kHelpBytesMax - 4);
  EXPECT_EQ(cut, ("x" + help).substr(0, cut.size()));
  EXPECT_NE(static_cast<unsigned char>(("x" + help)[cut.size()]) & 0xc0, 0x80)
      << "cut within a character";
  EXPECT_EQ(scrapes.Values("a"), "1");
}

TEST(TargetRows, TakesTimesThatTheTargetTells) {
  Scrapes scrapes;
  ASSERT_TRUE(scrapes.Take("a 1 100\nb 2 100\nc 3 200\nd 4\n").ok());
  ASSERT_TRUE(scrapes.Take("a 5 150\nb 6 150\nc 7 200\nd 8\n").ok());
  ASSERT_TRUE(scrapes.Take("a 9 160\nb 10 170\nc 11 300\nd 12\n").ok());
  ASSERT_TRUE(scrapes.Take("b 13 180\nc 14 100\n").ok());
  const auto times = [&](const std::string& name) {
    std::string text;
    for (const auto& sample : scrapes.sink.Series(name + "{instance=\"i:1\", job=\"j\"}")) {
      base::StrAppend(&text, sample.time_ms, " ");
    }
    return text;
  };
  EXPECT_EQ(scrapes.Values("a"), "1 5 9") << "no stale marker, as in Prometheus";
  EXPECT_EQ(times("a"), "100 150 160 ");
  EXPECT_EQ(times("b"), "100 150 170 180 ");
  EXPECT_EQ(times("c"), "200 300 ");
  EXPECT_EQ(scrapes.Values("c"), "3 11") << "the same time again tells nothing new";
  EXPECT_EQ(scrapes.Values("d"), "4 8 12 stale");
  EXPECT_EQ(scrapes.Dropped(SampleDrop::kOutOfOrder), 1u);
}

TEST(TargetRows, IgnoresTimesWhenAsked) {
  Scrapes scrapes(", honor_timestamps: false");
  ASSERT_TRUE(scrapes.Take("a 1 100\nb 2 200\n").ok());
  EXPECT_EQ(scrapes.sink.Series("a{instance=\"i:1\", job=\"j\"}").at(0).time_ms, 1000);
  EXPECT_EQ(scrapes.sink.declarations(), 1u);
}

TEST(TargetRows, FindsSeriesWithTimesAgainAfterTheyWereGone) {
  Scrapes scrapes;
  ASSERT_TRUE(scrapes.Take("a 1 100\nb 2 100\n").ok());
  ASSERT_TRUE(scrapes.Take("b 3 110\n").ok());
  ASSERT_TRUE(scrapes.Take("a 4 120\nb 5 120\n").ok());
  ASSERT_TRUE(scrapes.Take("a 6\nb 7 130\n").ok());
  ASSERT_TRUE(scrapes.Take("a 8 4500\nb 9\n").ok());
  EXPECT_EQ(scrapes.Values("a"), "1 4 6 8");
  EXPECT_EQ(scrapes.Values("b"), "2 3 5 7 9");
}

TEST(TargetRows, ComesBackWhenTheSinkHasRoomOrHasForgotten) {
  Scrapes scrapes;
  scrapes.sink.AllowDeclarations(0);
  EXPECT_EQ(scrapes.Take("a 1\n").code(), absl::StatusCode::kResourceExhausted);
  scrapes.sink.AllowDeclarations(100);
  EXPECT_TRUE(scrapes.Take("a 2\n").ok());
  scrapes.sink.ForgetAll();
  EXPECT_TRUE(scrapes.Take("a 3\n").ok());
  EXPECT_TRUE(scrapes.Take("a 4\n").ok());
  EXPECT_EQ(scrapes.Values("a"), "2 4");
  EXPECT_GT(scrapes.Dropped(SampleDrop::kSinkRefused), 0u);
}

TEST(TargetRows, SurvivesEndlessChurn) {
  Scrapes scrapes;
  for (int scrape = 0; scrape < 200; ++scrape) {
    std::string body = "steady 1\n";
    for (int i = 0; i < 20; ++i) base::StrAppend(&body, "m{pod=\"", scrape, "-", i, "\"} 1\n");
    ASSERT_TRUE(scrapes.Take(body).ok());
  }
  EXPECT_EQ(scrapes.sink.Series("steady{instance=\"i:1\", job=\"j\"}").size(), 200u);
  EXPECT_EQ(scrapes.Values("m", ""), "");
  EXPECT_EQ(scrapes.sink.Values("m{instance=\"i:1\", job=\"j\", pod=\"7-3\"}"), "1 stale");
  EXPECT_EQ(scrapes.sink.open(), 1u);
}

}  // namespace
}  // namespace baro::agent
