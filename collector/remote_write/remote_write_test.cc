// What remote write 1.0 receives is stored or refused by name, and 204 comes only after the sync.

#include <zstd.h>

#include <array>

#include "remote_write/write_test_support.h"

namespace baro::collector {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// Protobuf by hand, so that the test does not trust the code it tests.
std::string Field(int number, std::string_view bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  return out.append(bytes);
}

std::string LabelField(std::string_view name, std::string_view value) {
  return Field(1, Field(1, name) + Field(2, value));
}

std::string SampleField(double value, uint8_t time_ms) {
  std::string out(1, 1 << 3 | 1);
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(bits >> shift));
  out.push_back(2 << 3);
  out.push_back(static_cast<char>(time_ms));
  return Field(2, out);
}

std::string SeriesField(std::string_view metric, double value, uint8_t time_ms) {
  return Field(
      1, LabelField("__name__", metric) + LabelField("job", "a") + SampleField(value, time_ms));
}

class RemoteWriteTest : public WriteTest {
 protected:
  RemoteWriteTest() : WriteTest("application/x-protobuf") {}
};

TEST_F(RemoteWriteTest, Answers204OnlyAfterTheSync) {
  Send(SeriesField("up", 1.5, 7) + SeriesField("down", 2, 8));
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(store_.appended.times_ms, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(store_.appended.values, (std::vector<double>{1.5, 2}));
  EXPECT_EQ(store_.appended.series[0].target, 0u);
  EXPECT_EQ(store_.appended.series[1].target, 1u);
  Synced();
  EXPECT_EQ(status_, 204);
}

TEST_F(RemoteWriteTest, ParsesTheLabelsOfASeriesOnce) {
  for (uint8_t i = 0; i < 5; ++i) {
    Send(SeriesField("up", i, i));
    Synced();
  }
  EXPECT_EQ(store_.declarations, 1);
  EXPECT_EQ(remote_write_.GetStats().cache_misses_total, 1u);
  EXPECT_EQ(remote_write_.GetStats().samples_total, 5u);
}

TEST_F(RemoteWriteTest, StoresTheGoodPartAndNamesTheRest) {
  Send(SeriesField("up", 1, 1) + SeriesField("one_too_many", 1, 1) +
       Field(1, LabelField("job", "nameless") + SampleField(1, 1)));
  ASSERT_EQ(store_.appended.times_ms.size(), 1u);
  tsdb::AppendResult result;
  result.too_old = 1;
  result.too_new = 1;
  Synced(result);
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, HasSubstr("1 refused (invalid_labels): "));
  EXPECT_THAT(text_, HasSubstr("1 refused (limit): series_max of 1 is reached"));
  EXPECT_THAT(text_, HasSubstr("1 refused (too_old)"));
  EXPECT_THAT(text_, HasSubstr("1 refused (too_new)"));
  EXPECT_THAT(text_, HasSubstr("it has no metric name, in {job=\"nameless\"}"));
  EXPECT_THAT(text_, Not(HasSubstr("invalid_histogram")));
  EXPECT_EQ(remote_write_.GetStats().refused_total, (std::array<uint64_t, 5>{1, 1, 1, 1, 0}));
}

TEST_F(RemoteWriteTest, StoresHistogramsAndExemplars) {
  // Count 2, one bucket of 2 at index 0, time 7.
  const std::string histogram =
      Field(4, std::string("\x08\x02", 2) + Field(11, "\x10\x01") + Field(12, "\x04") + "\x78\x07");
  const std::string exemplar = Field(3, LabelField("trace_id", "abc") + "\x18\x05");
  Send(Field(1, LabelField("__name__", "h") + histogram + exemplar));
  Synced();
  EXPECT_EQ(status_, 204) << text_;
  ASSERT_EQ(store_.appended.histograms.size(), 1u);
  EXPECT_EQ(store_.appended.histograms[0].time_ms, 7);
  EXPECT_EQ(store_.appended.histograms[0].histogram.count, 2);
  EXPECT_THAT(store_.appended.histograms[0].histogram.positive,
              ElementsAre(model::Histogram::Bucket{0, 2}));
  ASSERT_EQ(store_.appended.exemplars.size(), 1u);
  EXPECT_EQ(store_.appended.exemplars[0].exemplar,
            (model::Exemplar{model::Labels{{"trace_id", "abc"}}, 5, 0}));
  EXPECT_EQ(remote_write_.GetStats().histograms_total, 1u);
  EXPECT_EQ(remote_write_.GetStats().exemplars_total, 1u);
}

TEST_F(RemoteWriteTest, StoresTheStaleMarkerThatAStaleHistogramIs) {
  std::string sum(1, 3 << 3 | 1);
  for (int shift = 0; shift < 64; shift += 8) {
    sum.push_back(static_cast<char>(model::kStaleNanBits >> shift));
  }
  Send(Field(1, LabelField("__name__", "h") + Field(4, sum + "\x78\x07")));
  ASSERT_EQ(store_.appended.values.size(), 1u);
  EXPECT_TRUE(model::IsStaleNan(store_.appended.values[0]));
  EXPECT_THAT(store_.appended.histograms, IsEmpty());
}

TEST_F(RemoteWriteTest, RefusesHistogramsThatAreNotValid) {
  Send(SeriesField("up", 1, 1) +
       Field(1, LabelField("__name__", "h") + Field(4, std::string("\x08\x02", 2))));
  Synced();
  EXPECT_EQ(status_, 400);
  EXPECT_THAT(text_, StartsWith("1 refused (invalid_histogram): histogram is not valid: 0 "
                                "observations are in its buckets, its count is 2; of 2 samples"));
}

// Prometheus itself never refuses a request of 1.0 for its exemplars.
TEST_F(RemoteWriteTest, LeavesBadExemplarsOutWithoutA400) {
  Send(Field(1,
             LabelField("__name__", "m") + SampleField(1, 1) + Field(3, LabelField("a", "\xff"))));
  Synced();
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_EQ(remote_write_.GetStats().exemplars_refused_total, 1u);
}

TEST_F(RemoteWriteTest, HasNoWrittenHeaders) {
  Send(SeriesField("up", 1, 1));
  Synced();
  EXPECT_THAT(Written(), IsEmpty());
}

// What vmagent sends: the same message, packed with zstd; and after a change of mind the one under
// the name of the other.
TEST_F(RemoteWriteTest, TakesZstd) {
  const std::string protobuf = SeriesField("up", 1.5, 7);
  net::ServerRequest request;
  request.body.resize(ZSTD_compressBound(protobuf.size()));
  request.body.resize(
      ZSTD_compress(request.body.data(), request.body.size(), protobuf.data(), protobuf.size(), 1));
  for (const char* encoding : {"zstd", "snappy"}) {
    request.headers = {{"Content-Type", content_type_}, {"Content-Encoding", encoding}};
    SendRequest(request);
    Synced();
    EXPECT_EQ(status_, 204) << text_;
    EXPECT_THAT(store_.appended.values, ElementsAre(1.5));
  }
  snappy::Compress(protobuf.data(), protobuf.size(), &request.body);
  request.headers = {{"Content-Encoding", "zstd"}};
  SendRequest(request);
  Synced();
  EXPECT_EQ(status_, 204) << text_;
}

TEST_F(RemoteWriteTest, CountsDuplicatesAndLateSamples) {
  Send(SeriesField("up", 1, 1));
  tsdb::AppendResult result;
  result.duplicate = 1;
  result.overwritten = 2;
  result.out_of_order = 3;
  Synced(result);
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_EQ(remote_write_.GetStats().duplicates_total, 1u);
  EXPECT_EQ(remote_write_.GetStats().overwritten_total, 2u);
  EXPECT_EQ(remote_write_.GetStats().out_of_order_total, 3u);
}

TEST_F(RemoteWriteTest, AsksToSendAgainWhenTheStoreCannot) {
  Send(SeriesField("up", 1, 1));
  tsdb::AppendResult result;
  result.status = absl::ResourceExhaustedError("cannot write journal: no space left on device");
  Synced(result);
  EXPECT_EQ(status_, 503);
  EXPECT_THAT(text_,
              StartsWith("cannot write journal: no space left on device; nothing was stored"));
  EXPECT_EQ(remote_write_.GetStats().requests_failed_total, 1u);
}

TEST_F(RemoteWriteTest, TakesRequestsWithMetadataOnly) {
  Send(Field(3, std::string("\x08\x01", 2) + Field(2, "up") + Field(4, "help")));
  EXPECT_EQ(status_, 204);
  ASSERT_EQ(store_.described.size(), 1u);
  EXPECT_EQ(store_.described[0], (model::Metadata{"up", model::MetricType::kCounter, "help", ""}));
  Send("");
  EXPECT_EQ(status_, 204);
}

TEST_F(RemoteWriteTest, RefusesWrongHeaders) {
  const struct {
    const char* type;
    const char* encoding;
    int status;
  } cases[] = {
      {"application/x-protobuf", "gzip", 415},
      {"text/plain", "snappy", 415},
      {"application/json", "snappy", 415},
      {"application/x-protobuf", "deflate", 415},
      {"application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", 415},
      {"application/x-protobuf;proto", "snappy", 415},
      {"application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", 204},
      {"application/x-protobuf; charset=utf-8; proto=\"prometheus.WriteRequest\"", "Snappy", 204},
      {"Application/X-Protobuf", "SNAPPY", 204},
      {"application/x-protobuf; proto=prometheus.WriteRequest", "snappy", 204},
      {"", "", 204},
  };
  std::string empty;
  snappy::Compress("", 0, &empty);
  for (const auto& test : cases) {
    net::ServerRequest request;
    request.headers = {{"Content-Type", test.type}, {"Content-Encoding", test.encoding}};
    request.body = empty;
    SendRequest(request);
    EXPECT_EQ(status_, test.status) << test.type << " " << test.encoding << ": " << text_;
  }
}

TEST_F(RemoteWriteTest, RefusesDamageWholeAndNamesThePlace) {
  const std::string first = SeriesField("up", 1, 1);
  const std::string good = first + SeriesField("down", 1, 1);
  for (size_t size = 1; size < good.size(); ++size) {
    if (size == first.size()) continue;  // the first series whole, and nothing else
    Send(good.substr(0, size));
    EXPECT_EQ(status_, 400) << size;
    EXPECT_THAT(text_, HasSubstr("at byte")) << size;
    EXPECT_FALSE(store_.pending) << size;
  }
}

TEST_F(RemoteWriteTest, RefusesBombsBeforeTheyGrow) {
  net::ServerRequest request;
  request.body = std::string("\xff\xff\xff\xff\x0f", 5);  // a snappy block of 4 GiB
  SendRequest(request);
  EXPECT_EQ(status_, 400) << text_;
  const std::string zeros(wire::kRemoteWriteBytesMax + 1, '\0');
  snappy::Compress(zeros.data(), zeros.size(), &request.body);
  SendRequest(request);
  EXPECT_EQ(status_, 413) << text_;
  EXPECT_THAT(text_, HasSubstr("33554433 bytes are more than the 33554432 allowed"));
  EXPECT_EQ(remote_write_.GetStats().requests_broken_total, 2u);
}

TEST_F(RemoteWriteTest, ReplacesNansThatTheStoreUsesItself) {
  Send(SeriesField("up", model::kNoSample, 1));
  EXPECT_EQ(std::bit_cast<uint64_t>(store_.appended.values.at(0)), model::kNormalNanBits);
  Send(SeriesField("up", model::kStaleNan, 2));
  EXPECT_TRUE(model::IsStaleNan(store_.appended.values.at(0)));
  EXPECT_EQ(remote_write_.GetStats().nans_replaced_total, 1u);
}

}  // namespace
}  // namespace baro::collector
