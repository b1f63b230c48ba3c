// What remote write 2.0 receives is stored or refused by name, and the headers tell how much.

#include <numeric>

#include "prometheus/write_v2.pb.h"
#include "remote_write/write_test_support.h"

namespace baro::collector {
namespace {

namespace v2 = io::prometheus::write::v2;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kContentType[] = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

// Builds requests as senders do.
class RequestBuilder {
 public:
  RequestBuilder() { request_.add_symbols(""); }

  uint32_t Symbol(const std::string& text) {
    for (int i = 0; i < request_.symbols_size(); ++i) {
      if (request_.symbols(i) == text) return static_cast<uint32_t>(i);
    }
    request_.add_symbols(text);
    return static_cast<uint32_t>(request_.symbols_size() - 1);
  }
  v2::TimeSeries* Series(const model::Labels& labels) {
    v2::TimeSeries* const series = request_.add_timeseries();
    for (const model::Label& label : labels) {
      series->add_labels_refs(Symbol(label.name));
      series->add_labels_refs(Symbol(label.value));
    }
    return series;
  }
  v2::TimeSeries* Sample(const model::Labels& labels, double value, int64_t time_ms) {
    v2::TimeSeries* const series = Series(labels);
    v2::Sample* const sample = series->add_samples();
    sample->set_value(value);
    sample->set_timestamp(time_ms);
    return series;
  }
  v2::TimeSeries* Histogram(const model::Labels& labels, uint64_t count, int64_t time_ms) {
    v2::TimeSeries* const series = Series(labels);
    v2::Histogram* const histogram = series->add_histograms();
    histogram->set_count_int(count);
    histogram->set_zero_count_int(3);
    histogram->set_timestamp(time_ms);
    return series;
  }
  void Exemplar(v2::TimeSeries* series, const std::string& trace, int64_t time_ms) {
    v2::Exemplar* const exemplar = series->add_exemplars();
    exemplar->add_labels_refs(Symbol("trace_id"));
    exemplar->add_labels_refs(Symbol(trace));
    exemplar->set_timestamp(time_ms);
  }
  std::string Bytes() const { return request_.SerializeAsString(); }

 private:
  v2::Request request_;
};

const model::Labels kUp{{"__name__", "up"}, {"job", "a"}};
const model::Labels kLatency{{"__name__", "latency_seconds"}, {"job", "a"}};
const model::Labels kNameless{{"job", "a"}};

class RemoteWrite2Test : public WriteTest {
 protected:
  RemoteWrite2Test() : WriteTest(kContentType) {}
};

TEST_F(RemoteWrite2Test, StoresAllKindsAndTellsHowMany) {
  RequestBuilder request;
  request.Exemplar(request.Sample(kUp, 1.5, 7), "abc", 6);
  request.Sample({{"__name__", "down"}}, 2, -8);
  request.Histogram(kLatency, 3, 9);
  Send(request.Bytes());
  EXPECT_EQ(status_, 0);
  EXPECT_THAT(store_.appended.values, ElementsAre(1.5, 2));
  EXPECT_THAT(store_.appended.times_ms, ElementsAre(7, -8));
  ASSERT_THAT(store_.appended.histograms, SizeIs(1));
  EXPECT_EQ(store_.appended.histograms[0].histogram.zero_count, 3);
  ASSERT_THAT(store_.appended.exemplars, SizeIs(1));
  EXPECT_EQ(store_.appended.exemplars[0].exemplar.labels.Get("trace_id"), "abc");
  EXPECT_EQ(store_.ids.count(kUp), 1u);
  EXPECT_EQ(store_.ids.count(kLatency), 1u);
  Synced();
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_THAT(text_, IsEmpty());
  EXPECT_THAT(Written(), ElementsAre("2", "1", "1"));
  EXPECT_EQ(remote_write_.GetStats().requests_total, (std::array<uint64_t, 2>{0, 1}));
}

TEST_F(RemoteWrite2Test, KnowsASeriesWhateverTheNumbersOfItsSymbols) {
  for (int i = 0; i < 3; ++i) {
    RequestBuilder request;
    for (int j = 0; j < i; ++j) request.Symbol("another " + std::to_string(j));
    request.Sample(kUp, i, i);
    Send(request.Bytes());
    Synced();
  }
  EXPECT_EQ(store_.declarations, 1);
  EXPECT_EQ(store_.ids.size(), 1u);
}

TEST_F(RemoteWrite2Test, KeepsSeriesApartThatShareTheirSymbols) {
  RequestBuilder request;
  request.Sample({{"__name__", "m"}, {"a", "b"}, {"c", "d"}}, 1, 1);
  request.Sample({{"__name__", "m"}, {"a", "d"}, {"c", "b"}}, 2, 1);
  request.Sample({{"__name__", "m"}, {"a", "b"}}, 3, 1);
  Send(request.Bytes());
  EXPECT_EQ(store_.ids.size(), 3u);
}

TEST_F(RemoteWrite2Test, StoresTheGoodPartAndNamesTheRest) {
  RequestBuilder request;
  request.Exemplar(request.Sample(kUp, 1, 1), "x", 1);
  request.Exemplar(request.Sample(kNameless, 1, 1), "x", 1);
  request.Sample({{"__name__", "one_too_many"}}, 1, 1);
  request.Histogram(kLatency, 99, 9);
  request.Histogram(kLatency, 3, 10);
  Send(request.Bytes());
  Synced();
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("1 refused (invalid_labels): cannot accept series 1: it has no "
                               "metric name, in {job=\"a\"}"));
  EXPECT_THAT(text_, HasSubstr("1 refused (limit): series_max of 1 is reached"));
  EXPECT_THAT(text_, HasSubstr("1 refused (invalid_histogram)"));
  EXPECT_THAT(text_, HasSubstr("of 5 samples the others are stored"));
  EXPECT_THAT(Written(), ElementsAre("1", "1", "1"));
}

TEST_F(RemoteWrite2Test, RefusesBadExemplars) {
  RequestBuilder request;
  v2::TimeSeries* const series = request.Sample(kUp, 1, 1);
  request.Exemplar(series, "good", 1);
  series->add_exemplars()->add_labels_refs(999);
  Send(request.Bytes());
  Synced();
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("1 exemplars refused: exemplar refers to symbols that do not"));
  EXPECT_THAT(Written(), ElementsAre("1", "0", "1"));
}

TEST_F(RemoteWrite2Test, TellsWhatTheStoreRefused) {
  RequestBuilder request;
  for (int i = 0; i < 5; ++i) request.Sample(kUp, i, i);
  Send(request.Bytes());
  tsdb::AppendResult result;
  result.stored = 2;
  result.too_old = 3;
  Synced(result);
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("3 refused (too_old)"));
  EXPECT_THAT(Written(), ElementsAre("2", "0", "0"));
}

TEST_F(RemoteWrite2Test, TellsOfWhichKindTheStoreRefusedSome) {
  RequestBuilder request;
  v2::TimeSeries* const up = request.Sample(kUp, 1, 1);
  for (int i = 0; i < 3; ++i) request.Exemplar(up, "x", i);
  for (int i = 0; i < 4; ++i) request.Histogram(kLatency, 3, i);
  Send(request.Bytes());
  tsdb::AppendResult result;
  result.stored = 2;
  result.histograms_stored = 1;
  result.histograms_refused = 1;
  result.histogram_refusal = "cannot store histogram: 2000 buckets, the limit is 1024";
  result.exemplars_refused = 1;
  result.exemplars_out_of_order = 1;
  result.too_old = 2;
  Synced(result);
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("1 refused (invalid_histogram): cannot store histogram: 2000"));
  EXPECT_THAT(text_, HasSubstr("2 exemplars refused: labels longer than 128"));
  EXPECT_THAT(Written(), ElementsAre("1", "1", "1"));
  EXPECT_EQ(remote_write_.GetStats().exemplars_refused_total, 2u);
}

// The store had them already: a sender that repeats a request must not hear that it was in vain.
TEST_F(RemoteWrite2Test, CountsDuplicatesAsWritten) {
  RequestBuilder request;
  request.Exemplar(request.Sample(kUp, 1, 1), "x", 1);
  request.Histogram(kLatency, 3, 1);
  Send(request.Bytes());
  tsdb::AppendResult result;
  result.duplicate = 2;
  Synced(result);
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_THAT(Written(), ElementsAre("1", "1", "1"));
}

TEST_F(RemoteWrite2Test, AsksToSendAgainWhenTheStoreCannot) {
  RequestBuilder request;
  request.Sample(kUp, 1, 1);
  Send(request.Bytes());
  tsdb::AppendResult result;
  result.status = absl::ResourceExhaustedError("append queue is full");
  Synced(result);
  EXPECT_EQ(status_, 503);
  EXPECT_EQ(headers_.count("Retry-After"), 1u);
  EXPECT_THAT(Written(), ElementsAre("0", "0", "0"));
}

TEST_F(RemoteWrite2Test, RefusesDamageWholeAndTellsThatNothingIsWritten) {
  RequestBuilder request;
  request.Sample(kUp, 1, 1);
  Send(request.Bytes() + "\x2a\x7f");
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("series is cut off at byte"));
  EXPECT_THAT(Written(), ElementsAre("0", "0", "0"));
  EXPECT_FALSE(store_.pending);
}

TEST_F(RemoteWrite2Test, DescribesAFamilyOnce) {
  const auto send = [this](const char* metric, v2::Metadata::MetricType type, const char* help) {
    RequestBuilder request;
    v2::TimeSeries* const series = request.Sample({{"__name__", metric}}, 1, 1);
    series->mutable_metadata()->set_type(type);
    series->mutable_metadata()->set_help_ref(request.Symbol(help));
    series->mutable_metadata()->set_unit_ref(request.Symbol("s"));
    store_.described.clear();
    Send(request.Bytes());
    Synced();
    EXPECT_EQ(status_, 204) << text_;
  };
  send("requests_total", v2::Metadata::METRIC_TYPE_COUNTER, "help");
  EXPECT_THAT(store_.described, ElementsAre(model::Metadata{
                                    "requests_total", model::MetricType::kCounter, "help", "s"}));
  send("requests_total", v2::Metadata::METRIC_TYPE_COUNTER, "help");
  EXPECT_THAT(store_.described, IsEmpty());
  send("requests_total", v2::Metadata::METRIC_TYPE_COUNTER, "another help");
  EXPECT_THAT(store_.described, SizeIs(1));
  send("d_seconds_bucket", v2::Metadata::METRIC_TYPE_HISTOGRAM, "help");
  EXPECT_EQ(store_.described.at(0).family, "d_seconds");
  send("q_seconds_sum", v2::Metadata::METRIC_TYPE_SUMMARY, "help");
  EXPECT_EQ(store_.described.at(0).family, "q_seconds");
}

TEST_F(RemoteWrite2Test, TakesMetadataAloneAndExemplarsAlone) {
  RequestBuilder metadata;
  metadata.Series(kUp)->mutable_metadata()->set_type(v2::Metadata::METRIC_TYPE_GAUGE);
  Send(metadata.Bytes());
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_THAT(Written(), ElementsAre("0", "0", "0"));
  EXPECT_THAT(store_.described, SizeIs(1));
  EXPECT_EQ(store_.declarations, 0);
  RequestBuilder exemplar;
  exemplar.Exemplar(exemplar.Series(kUp), "abc", 1);
  Send(exemplar.Bytes());
  Synced();
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_THAT(Written(), ElementsAre("0", "0", "1"));
}

TEST_F(RemoteWrite2Test, RefusesMetadataWithoutAName) {
  RequestBuilder request;
  request.Series(kNameless)->mutable_metadata()->set_type(v2::Metadata::METRIC_TYPE_GAUGE);
  Send(request.Bytes());
  EXPECT_EQ(status_, 400) << text_;
}

TEST_F(RemoteWrite2Test, LeavesStartTimesAloneUnlessAsked) {
  RequestBuilder request;
  request.Sample(kUp, 5, 1000)->mutable_samples(0)->set_start_timestamp(400);
  Send(request.Bytes());
  EXPECT_THAT(store_.batches, SizeIs(1));
}

class StartSamplesTest : public WriteTest {
 protected:
  StartSamplesTest() : WriteTest(kContentType, WithStarts()) {}

  static RemoteWriteOptions WithStarts() {
    RemoteWriteOptions options;
    options.start_samples = true;
    return options;
  }
};

TEST_F(StartSamplesTest, StoresAZeroAtEachStartOnce) {
  RequestBuilder request;
  request.Sample(kUp, 5, 1000)->mutable_samples(0)->set_start_timestamp(400);
  v2::TimeSeries* const histogram = request.Histogram(kLatency, 3, 1000);
  histogram->set_created_timestamp(300);  // as release candidate 3 tells it
  Send(request.Bytes());
  ASSERT_THAT(store_.batches, SizeIs(2));
  const tsdb::SampleBatch& starts = store_.batches[0];
  EXPECT_THAT(starts.times_ms, ElementsAre(400));
  EXPECT_THAT(starts.values, ElementsAre(0));
  ASSERT_THAT(starts.histograms, SizeIs(1));
  EXPECT_EQ(starts.histograms[0].time_ms, 300);
  EXPECT_EQ(starts.histograms[0].histogram.count, 0);
  EXPECT_EQ(starts.histograms[0].histogram.reset_hint, model::ResetHint::kReset);
}

TEST_F(StartSamplesTest, ForgetsNothingAndRepeatsNothing) {
  RequestBuilder request;
  request.Sample(kUp, 5, 1000)->mutable_samples(0)->set_start_timestamp(400);
  store_.answer_at_once = absl::UnavailableError("disk full");
  Send(request.Bytes());
  EXPECT_THAT(store_.batches, SizeIs(2));
  store_.answer_at_once = absl::OkStatus();
  Send(request.Bytes());  // again, for the zero was not stored
  EXPECT_THAT(store_.batches, SizeIs(4));
  Send(request.Bytes());
  EXPECT_THAT(store_.batches, SizeIs(5));
  EXPECT_THAT(Written(), ElementsAre("1", "0", "0"));
}

TEST_F(StartSamplesTest, IgnoresStartsThatAreNone) {
  RequestBuilder request;
  request.Sample(kUp, 5, 1000)->mutable_samples(0)->set_start_timestamp(1000);
  request.Sample(kUp, 5, 1000)->mutable_samples(0)->set_start_timestamp(1001);
  request.Sample(kUp, 5, 1000);
  Send(request.Bytes());
  EXPECT_THAT(store_.batches, SizeIs(1));
}

}  // namespace
}  // namespace baro::collector
