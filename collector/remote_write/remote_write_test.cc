// What remote write receives is stored or refused by name, and 204 comes only after the sync.

#include "remote_write/remote_write.h"

#include <snappy.h>

#include <bit>
#include <map>

#include "baro/base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baro::collector {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Keeps what was appended and answers when the test tells it to.
class FakeStore final : public tsdb::Store {
 public:
  absl::StatusOr<std::unique_ptr<model::SeriesSet>> Select(
      const model::SelectRequest&) const override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(const model::LabelRequest&) const override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(const std::string&,
                                                       const model::LabelRequest&) const override {
    return absl::UnimplementedError("");
  }
  std::vector<model::Metadata> MetricMetadata(const std::string&, size_t) const override {
    return described;
  }
  bool KnowsLayout(const model::ContentHash&) const override { return false; }
  absl::Status DeclareLayout(const model::Layout&) override { return absl::OkStatus(); }
  absl::StatusOr<tsdb::Declared> DeclareTarget(const model::Labels&,
                                               const model::ContentHash&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<tsdb::SeriesId> DeclareSeries(const model::Labels& labels) override {
    ++declarations;
    if (labels.Get(model::kMetricName) == "one_too_many") {
      return absl::ResourceExhaustedError("series_max of 1 is reached");
    }
    const auto [entry, inserted] =
        ids.emplace(labels, tsdb::SeriesId{static_cast<uint32_t>(ids.size()), 0});
    return entry->second;
  }
  void Describe(const std::vector<model::Metadata>& metadata) override { described = metadata; }
  std::vector<tsdb::SequenceRange> StoredSequences(const tsdb::AgentId&) const override {
    return {};
  }
  void Append(tsdb::FrameBatch, tsdb::AppendDone) override {}
  void Append(tsdb::SampleBatch batch, tsdb::AppendDone done) override {
    appended = std::move(batch);
    pending = std::move(done);
  }
  absl::Status Maintain(bool) override { return absl::OkStatus(); }
  tsdb::Stats GetStats() const override { return {}; }
  tsdb::Cardinality GetCardinality(size_t) const override { return {}; }
  absl::Status Close() override { return absl::OkStatus(); }

  std::map<model::Labels, tsdb::SeriesId> ids;
  std::vector<model::Metadata> described;
  tsdb::SampleBatch appended;
  tsdb::AppendDone pending;
  int declarations = 0;
};

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

class RemoteWriteTest : public testing::Test {
 protected:
  // Sends a request; the answer is there at once or after Synced().
  void Send(const std::string& protobuf) {
    net::ServerRequest request;
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"Content-Encoding", "snappy"}};
    snappy::Compress(protobuf.data(), protobuf.size(), &request.body);
    SendRequest(request);
  }
  void SendRequest(const net::ServerRequest& request) {
    status_ = 0;
    remote_write_.Handle(request, net::HttpReply([this](const net::ServerResponse& answer) {
                           status_ = answer.status;
                           text_ = answer.body.empty() ? "" : answer.body.front();
                         }));
  }
  void Synced(const tsdb::AppendResult& result = {}) {
    ASSERT_TRUE(store_.pending);
    std::exchange(store_.pending, nullptr)(result);
  }

  FakeStore store_;
  RemoteWrite remote_write_{&store_, RemoteWriteOptions()};
  int status_ = 0;
  std::string text_;
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
       Field(1, LabelField("job", "nameless") + SampleField(1, 1)) +
       Field(1, LabelField("__name__", "h") + Field(4, "histogram")));
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
  EXPECT_THAT(text_, Not(HasSubstr("native_histogram")));
  EXPECT_EQ(remote_write_.GetStats().refused_total, (std::array<uint64_t, 5>{1, 1, 1, 1, 1}));
}

TEST_F(RemoteWriteTest, LeavesNativeHistogramsOutAndCountsThem) {
  const std::string histograms =
      Field(1, LabelField("__name__", "h") + Field(4, "histogram") + Field(4, "histogram"));
  Send(SeriesField("up", 1, 1) + histograms);
  Synced();
  EXPECT_EQ(status_, 204) << text_;
  Send(histograms);
  EXPECT_EQ(status_, 204) << text_;
  EXPECT_EQ(remote_write_.GetStats().refused_total, (std::array<uint64_t, 5>{0, 0, 0, 0, 4}));
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
      {"application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", 415},
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
