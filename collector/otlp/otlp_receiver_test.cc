// Points become samples by the rules, are stored whole or refused by name, and the answer comes
// after the sync.
// Method: requests of protobuf's own classes into a store of maps. The names and values of every
// kind of point are held against Prometheus in tests/differential/otlp_test.py.

#include "otlp/otlp_receiver.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "otlp/testing/map_store.h"
#include "otlp/testing/requests.h"

namespace baro::collector {
namespace {

using otlp_testing::Builder;
using otlp_testing::kCumulative;
using otlp_testing::kDelta;
using otlp_testing::kNowMs;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class OtlpReceiverTest : public testing::Test {
 protected:
  OtlpReceiverTest() { Restart({}); }

  void Restart(OtlpConfig config) {
    OtlpOptions options;
    options.clock = &clock_;
    options.deltas.clock = &clock_;
    options.retention_ms = 3'600'000;
    receiver_ = std::make_unique<OtlpReceiver>(&store_, std::move(config), options);
  }
  OtlpOutcome Send(const std::string& bytes) {
    outcome_.reset();
    receiver_->Receive(bytes, [this](const OtlpOutcome& outcome) { outcome_ = outcome; });
    return outcome_.value_or(OtlpOutcome{absl::CancelledError("not answered"), 0, {}});
  }
  OtlpOutcome Send(const Builder& builder) { return Send(builder.Bytes()); }
  uint64_t Refused(OtlpRefusal why) const {
    return receiver_->GetStats().refused_total[static_cast<size_t>(why)];
  }

  MapStore store_;
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<OtlpReceiver> receiver_;
  std::optional<OtlpOutcome> outcome_;
};

TEST_F(OtlpReceiverTest, AnswersAfterTheSync) {
  store_.Hold();
  Send(Builder().Gauge("up", 0, 1));
  EXPECT_FALSE(outcome_);
  store_.Release();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->status.ok());
  EXPECT_EQ(outcome_->message, "");
  EXPECT_EQ(store_.Last(R"(up{instance="i-1", job="shop"})"), 1);
}

TEST_F(OtlpReceiverTest, SaysWhenNothingWasStored) {
  store_.Hold();
  Send(Builder().Gauge("up", 0, 1));
  store_.Fail();
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(absl::IsUnavailable(outcome_->status)) << outcome_->status;
  EXPECT_EQ(receiver_->GetStats().requests_failed_total, 1u);
}

TEST_F(OtlpReceiverTest, ReadsTheAttributesOfASeriesOnce) {
  for (int i = 0; i < 5; ++i) {
    Builder builder({{"service.name", "shop"}, {"host.name", "h"}});
    Send(builder.Gauge("up", i * 1'000, i, {{"a.b", "c"}}));
  }
  EXPECT_EQ(store_.declarations, 2) << "the series and target_info";
  EXPECT_EQ(store_.Of(R"(up{a_b="c", job="shop"})").size(), 5u);
  EXPECT_EQ(store_.Of(R"(target_info{host_name="h", job="shop"})").size(), 5u);
}

TEST_F(OtlpReceiverTest, TakesAnEmptyAttributeForNone) {
  Builder builder({{"service.name", ""}, {"host.name", "h"}});
  builder.Gauge("up", 0, 1, {{"a.b", ""}, {"a_b", "c"}, {"job", "own"}});
  Send(builder);
  EXPECT_THAT(store_.Names(), UnorderedElementsAre(R"(up{a_b="c", job="own"})"))
      << "no target_info";
}

TEST_F(OtlpReceiverTest, TellsResourcesScopesAndMetricsApart) {
  Builder builder;
  builder.Gauge("ab", 0, 1, {{"c", "d"}}).Gauge("a", 0, 2, {{"c", "d"}});
  builder.Metric("a", "s")->mutable_gauge()->add_data_points()->set_time_unix_nano(Builder::Ns(0));
  Send(builder);
  Send(Builder({{"service.name", "other"}}).Gauge("a", 0, 3, {{"c", "d"}}));
  EXPECT_THAT(store_.Names(), UnorderedElementsAre(R"(ab{c="d", instance="i-1", job="shop"})",
                                                   R"(a{c="d", instance="i-1", job="shop"})",
                                                   R"(a_seconds{instance="i-1", job="shop"})",
                                                   R"(a{c="d", job="other"})"));
}

TEST_F(OtlpReceiverTest, FollowsANewConfigurationAtOnce) {
  Send(Builder({{"service.name", "shop"}, {"k8s.pod.name", "p"}}).Gauge("a.b", 0, 1));
  OtlpConfig config;
  config.translation_strategy = OtlpNames::kNoTranslation;
  config.promote_resource_attributes = {"k8s.pod.name"};
  receiver_->Configure(config);
  Send(Builder({{"service.name", "shop"}, {"k8s.pod.name", "p"}}).Gauge("a.b", 0, 2));
  EXPECT_EQ(store_.Last(R"(a_b{job="shop"})"), 1);
  EXPECT_EQ(store_.Last(R"({"__name__"="a.b", job="shop", "k8s.pod.name"="p"})") +
                store_.Last(R"({"a.b", job="shop", "k8s.pod.name"="p"})"),
            1)
      << testing::PrintToString(store_.Names());
}

TEST_F(OtlpReceiverTest, StoresTheGoodPointsAndNamesTheRest) {
  store_.RefuseMetric("one_too_many");
  Builder builder;
  builder.Gauge("good", 0, 1).Gauge("one_too_many", 0, 1).Gauge("", 0, 1);
  builder.Gauge("old", -7'200'000, 1).Gauge("new", int64_t{48} * 3'600'000, 1);
  builder.Gauge("bad", 0, 1, {{"text", "\xff"}});
  Builder::Point(builder.Sum("timeless", true, {}), 0)->set_as_int(1);
  auto* const exponential = builder.Metric("coarse")->mutable_exponential_histogram();
  exponential->set_aggregation_temporality(kCumulative);
  Builder::Point(exponential, 0)->set_scale(-5);
  const OtlpOutcome outcome = Send(builder);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rejected_points, 7);
  for (const char* part :
       {"2 refused (invalid_labels): ", "1 refused (limit): series_max of 1 is reached",
        "1 refused (too_old): ", "1 refused (too_new): ", "1 refused (temporality): ",
        "1 refused (bad_value): metric \"coarse\": "}) {
    EXPECT_THAT(outcome.message, HasSubstr(part));
  }
  EXPECT_THAT(store_.Names(), ElementsAre(R"(good{instance="i-1", job="shop"})"));
  EXPECT_EQ(Refused(OtlpRefusal::kInvalidLabels), 2u);
}

TEST_F(OtlpReceiverTest, RefusesAHistogramWhole) {
  store_.RefuseMetric("h_sum");
  Builder builder;
  auto* const histogram = builder.Metric("h")->mutable_histogram();
  histogram->set_aggregation_temporality(kCumulative);
  auto* const point = Builder::Point(histogram, 0);
  point->set_count(3);
  point->set_sum(4.5);
  EXPECT_EQ(Send(builder).rejected_points, 1);
  EXPECT_THAT(store_.Names(), ElementsAre());
}

TEST_F(OtlpReceiverTest, RefusesAttributesNamedAsTheBucketsLabel) {
  Builder builder;
  auto* const histogram = builder.Metric("h")->mutable_histogram();
  histogram->set_aggregation_temporality(kCumulative);
  otlp_testing::AddTexts({{"le", "1"}}, Builder::Point(histogram, 0));
  const OtlpOutcome outcome = Send(builder);
  EXPECT_EQ(outcome.rejected_points, 1);
  EXPECT_THAT(outcome.message, HasSubstr("attribute \"le\""));
}

TEST_F(OtlpReceiverTest, StoresNothingOfADamagedRequest) {
  const std::string good = Builder().Gauge("up", 0, 1, {{"a", "b"}}).Bytes();
  for (size_t size = 1; size < good.size(); ++size) {
    const OtlpOutcome outcome = Send(good.substr(0, size));
    EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << size << ": " << outcome.status;
  }
  EXPECT_EQ(store_.appends, 0);
  EXPECT_TRUE(Send(good).status.ok());
  EXPECT_TRUE(Send("").status.ok());
}

TEST_F(OtlpReceiverTest, PutsExemplarsIntoTheirBuckets) {
  Builder builder;
  auto* const histogram = builder.Metric("h")->mutable_histogram();
  histogram->set_aggregation_temporality(kCumulative);
  auto* const point = Builder::Point(histogram, 0);
  point->set_count(2);
  for (const double bound : {1.0, 2.5}) point->add_explicit_bounds(bound);
  for (const uint64_t count : {1u, 0u, 1u}) point->add_bucket_counts(count);
  for (const double value : {0.5, 1.0, 99.0, std::nan("")}) {
    auto* const exemplar = point->add_exemplars();
    exemplar->set_as_double(value);
    exemplar->set_time_unix_nano(Builder::Ns(-5) + 999'999);
    exemplar->set_trace_id("0123456789abcdef");
    exemplar->set_span_id(std::string(8, '\0'));
  }
  point->mutable_exemplars(2)->set_span_id("\x01\x02\x03\x04\x05\x06\x07\xff");
  Send(builder);
  ASSERT_EQ(store_.exemplars.size(), 3u);
  EXPECT_EQ(store_.exemplars[0].series.target, store_.exemplars[1].series.target);
  EXPECT_NE(store_.exemplars[0].series.target, store_.exemplars[2].series.target);
  const model::Exemplar& last = store_.exemplars[2].exemplar;
  EXPECT_EQ(last.value, 99);
  EXPECT_EQ(last.time_ms, kNowMs - 5);
  EXPECT_EQ(last.labels.Get("trace_id"), "30313233343536373839616263646566");
  EXPECT_EQ(last.labels.Get("span_id"), "01020304050607ff");
  EXPECT_FALSE(store_.exemplars[0].exemplar.labels.Has("span_id"));
  EXPECT_EQ(receiver_->GetStats().exemplars_refused_total, 1u);
}

TEST_F(OtlpReceiverTest, StoresExponentialHistogramsAsNativeOnes) {
  Builder builder;
  auto* const exponential = builder.Metric("latency", "s")->mutable_exponential_histogram();
  exponential->set_aggregation_temporality(kCumulative);
  auto* const point = Builder::Point(exponential, 0);
  point->set_count(5);
  point->set_zero_count(2);
  point->mutable_positive()->set_offset(1);
  point->mutable_positive()->add_bucket_counts(3);
  Builder::Point(exponential, 1)->set_flags(1);
  Send(builder);
  const auto points = store_.Of(R"(latency_seconds{instance="i-1", job="shop"})");
  ASSERT_EQ(points.size(), 2u);
  ASSERT_TRUE(points.at(kNowMs).histogram);
  EXPECT_EQ(points.at(kNowMs).histogram->positive, (std::vector<model::Histogram::Bucket>{{2, 3}}));
  EXPECT_TRUE(model::IsStaleNan(points.at(kNowMs + 1).value));
}

TEST_F(OtlpReceiverTest, DescribesEachMetricOnce) {
  Builder builder;
  builder.Sum("requests");
  builder.Metric("size", "By")->set_description("How large.");
  Send(builder);
  EXPECT_TRUE(store_.described.empty()) << "without points there is no metric";
  builder.request.mutable_resource_metrics(0)->mutable_scope_metrics(0)->clear_metrics();
  Builder::Point(builder.Sum("requests"), 0)->set_as_int(1);
  auto* const size = builder.Metric("size", "By");
  size->set_description("How large.");
  Builder::Point(size->mutable_gauge(), 0)->set_as_int(1);
  Send(builder);
  Send(builder);
  EXPECT_THAT(store_.described,
              UnorderedElementsAre(
                  model::Metadata{"requests_total", model::MetricType::kCounter, "", ""},
                  model::Metadata{"size_bytes", model::MetricType::kGauge, "How large.", "By"}));
}

TEST_F(OtlpReceiverTest, BoundsTargetInfoOfPointsThatAreFarApart) {
  OtlpOptions options;
  options.clock = &clock_;
  receiver_ = std::make_unique<OtlpReceiver>(&store_, OtlpConfig(), options);  // no retention
  Builder builder({{"service.name", "shop"}, {"host.name", "h"}});
  builder.Gauge("up", -kNowMs, 1).Gauge("up", 0, 1);
  EXPECT_TRUE(Send(builder).status.ok());
  EXPECT_EQ(store_.Of(R"(target_info{host_name="h", job="shop"})").size(), 1'001u);
  EXPECT_GT(receiver_->GetStats().target_info_cut_total, 10'000'000u);
}

TEST_F(OtlpReceiverTest, ReplacesNansThatTheStoreUsesItself) {
  Send(Builder().Gauge("a", 0, model::kNoSample).Gauge("b", 0, model::kHistogramMark));
  for (const char* name : {"a", "b"}) {
    const auto points = store_.Of(std::string(name) + R"({instance="i-1", job="shop"})");
    ASSERT_EQ(points.size(), 1u);
    EXPECT_EQ(std::bit_cast<uint64_t>(points.begin()->second.value), model::kNormalNanBits);
  }
}

}  // namespace
}  // namespace baro::collector
