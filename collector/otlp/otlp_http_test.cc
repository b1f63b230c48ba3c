// The HTTP side speaks OTLP's words: encodings, compression, status codes, google.rpc.Status.

#include "otlp/otlp_http.h"

#include <google/protobuf/util/json_util.h>
#include <zlib.h>
#include <zstd.h>

#include "baro/wire/otlp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "otlp/content_coding.h"
#include "otlp/testing/map_store.h"
#include "otlp/testing/requests.h"

namespace baro::collector {
namespace {

using otlp_testing::Builder;
using otlp_testing::kNowMs;
using testing::HasSubstr;
using Response = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceResponse;

constexpr char kProtobuf[] = "application/x-protobuf";
constexpr char kJson[] = "application/json";

std::string Gzip(std::string_view plain) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string Zstd(std::string_view plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  return packed;
}

class OtlpHttpTest : public testing::Test {
 protected:
  OtlpHttpTest() {
    options_.clock = &clock_;
    receiver_ = std::make_unique<OtlpReceiver>(&store_, OtlpConfig(), options_);
  }

  const net::ServerResponse& Post(std::string body, const char* type, const char* coding = "") {
    net::ServerRequest request;
    request.headers = {{"Content-Type", type}, {"Content-Encoding", coding}};
    request.body = std::move(body);
    answer_ = {};
    answer_.status = 0;
    HandleOtlpHttp(request,
                   net::HttpReply([this](net::ServerResponse answer) { answer_ = answer; }),
                   receiver_.get());
    return answer_;
  }
  std::string Body() const { return answer_.body.empty() ? "" : answer_.body.front(); }

  MapStore store_;
  base::FakeClock clock_{kNowMs};
  OtlpOptions options_;
  std::unique_ptr<OtlpReceiver> receiver_;
  net::ServerResponse answer_;
};

TEST_F(OtlpHttpTest, TakesProtobufAndJsonInEveryCompression) {
  const Builder builder = Builder().Gauge("up", 0, 1, {{"a", "b"}});
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(builder.request, &json).ok());
  int count = 0;
  for (const auto& [type, plain] :
       {std::pair(kProtobuf, builder.Bytes()), std::pair(kJson, json)}) {
    for (const auto& [coding, body] :
         {std::pair("", plain), std::pair("identity", plain), std::pair("gzip", Gzip(plain)),
          std::pair("GZIP", Gzip(plain)), std::pair("zstd", Zstd(plain))}) {
      EXPECT_EQ(Post(body, type, coding).status, 200) << type << " " << coding << Body();
      EXPECT_EQ(answer_.content_type, type);
      EXPECT_EQ(Body(), type == kJson ? "{}" : "");
      EXPECT_EQ(store_.appends, ++count);
    }
  }
  EXPECT_EQ(Post(json, "application/json; charset=utf-8").status, 200) << Body();
}

TEST_F(OtlpHttpTest, NamesWhatWasRefusedInTheRequestsEncoding) {
  const Builder builder = Builder().Gauge("up", 0, 1).Gauge("", 0, 1);
  Post(builder.Bytes(), kProtobuf);
  Response response;
  ASSERT_TRUE(response.ParseFromString(Body()));
  EXPECT_EQ(response.partial_success().rejected_data_points(), 1);
  EXPECT_THAT(response.partial_success().error_message(), HasSubstr("the metric has no name"));
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(builder.request, &json).ok());
  Post(json, kJson);
  Response again;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(Body(), &again).ok()) << Body();
  EXPECT_EQ(again.SerializeAsString(), response.SerializeAsString());
}

TEST_F(OtlpHttpTest, RefusesWithTheFieldsOwnStatus) {
  const struct {
    const char* body;
    const char* type;
    const char* coding;
    int status;
    const char* says;
  } cases[] = {
      {"", "text/plain", "", 415, "neither application/x-protobuf nor application/json"},
      {"", "", "", 415, "neither"},
      {"", kProtobuf, "snappy", 415, "none of gzip"},
      {"\n", kProtobuf, "", 400, "at byte 0"},
      {"{", kJson, "", 400, "OTLP/JSON"},
      {"[]", kJson, "", 400, "OTLP/JSON"},
      {"no gzip", kProtobuf, "gzip", 400, "not gzip"},
      {"no zstd", kProtobuf, "zstd", 400, "not zstd"},
      {"", kProtobuf, "gzip", 400, "not gzip"},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(testing::Message() << test.type << " " << test.coding << " " << test.body);
    EXPECT_EQ(Post(test.body, test.type, test.coding).status, test.status);
    EXPECT_THAT(Body(), HasSubstr(test.says));
  }
  EXPECT_EQ(Post("{", kJson).content_type, kJson);
  EXPECT_THAT(Body(), testing::StartsWith("{\"code\":3,\"message\":\""));
  EXPECT_EQ(Post("", kProtobuf).status, 200) << "an empty request is a good one";
  EXPECT_EQ(Post("{}", kJson).status, 200);
  EXPECT_EQ(receiver_->GetStats().requests_broken_total, 10u);
}

TEST_F(OtlpHttpTest, AsksToSendAgainWhenTheStoreCannot) {
  store_.Hold();
  Post(Builder().Gauge("up", 0, 1).Bytes(), kProtobuf);
  EXPECT_EQ(answer_.status, 0) << "not before the sync";
  store_.Fail();
  EXPECT_EQ(answer_.status, 503);
  EXPECT_THAT(answer_.headers, testing::Contains(testing::Pair("Retry-After", "5")));
  EXPECT_THAT(Body(), HasSubstr("cannot write journal"));
}

TEST_F(OtlpHttpTest, RefusesBombsBeforeTheyGrow) {
  const std::string zeros(wire::kOtlpBytesMax + 1, '\0');
  EXPECT_EQ(Post(Gzip(zeros), kProtobuf, "gzip").status, 413);
  EXPECT_EQ(Post(Zstd(zeros), kProtobuf, "zstd").status, 413);
  EXPECT_EQ(Post(zeros, kProtobuf).status, 413);
}

TEST_F(OtlpHttpTest, UnpacksWhatWasPacked) {
  for (const size_t size : {0ul, 1ul, 65'535ul, 65'536ul, 65'537ul, 300'000ul}) {
    std::string plain;
    for (size_t i = 0; i < size; ++i) plain.push_back(static_cast<char>(i * i >> 3));
    std::string out;
    for (const auto& [coding, packed] :
         {std::pair("gzip", Gzip(plain)), std::pair("zstd", Zstd(plain)),
          std::pair("gzip", Gzip(plain.substr(0, size / 2)) + Gzip(plain.substr(size / 2)))}) {
      const auto unpacked = DecodeBody(coding, packed, size, &out);
      ASSERT_TRUE(unpacked.ok()) << coding << " " << size << " " << unpacked.status();
      EXPECT_EQ(*unpacked, plain);
      EXPECT_FALSE(size > 0 && DecodeBody(coding, packed, size - 1, &out).ok());
      for (size_t cut = 1; cut <= 4; ++cut) {
        const auto damaged = DecodeBody(coding, packed.substr(0, packed.size() - cut), size, &out);
        EXPECT_TRUE(absl::IsInvalidArgument(damaged.status())) << coding << " " << size;
      }
    }
  }
}

// As the OTLP specification's own example has it: times and counts as strings and numbers, ids in
// hexadecimal, unknown fields.
TEST_F(OtlpHttpTest, ReadsJsonAsSendersWriteIt) {
  constexpr char kText[] = R"({"resourceMetrics":[{"resource":{"attributes":[
      {"key":"service.name","value":{"stringValue":"my.service"}}],"newer":[1,{}]},
    "scopeMetrics":[{"scope":{"name":"my.library","version":"1.0.0"},"metrics":[
      {"name":"my.counter","unit":"1","description":"I am a Counter","sum":{
        "aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
        {"asDouble":5,"startTimeUnixNano":"1544712660300000000",
         "timeUnixNano":"1700000000000000000","exemplars":[{"asInt":"7",
           "timeUnixNano":1700000000000000000,"traceId":"5B8EFFF798038103D269B633813FC60C",
           "spanId":"EEE19B7EC3C1B174"}],
         "attributes":[{"key":"n","value":{"intValue":12}}]}]}},
      {"name":"h","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE",
        "dataPoints":[{"timeUnixNano":1700000000000000000,"count":"2","sum":null,
        "bucketCounts":[1,"1"],"explicitBounds":[0.5]}]}}]}]}]})";
  EXPECT_EQ(Post(kText, kJson).status, 200) << Body();
  EXPECT_EQ(Body(), "{}");
  EXPECT_EQ(store_.Last(R"(my_counter_total{job="my.service", n="12"})"), 5);
  EXPECT_EQ(store_.Last(R"(h_bucket{job="my.service", le="0.5"})"), 1);
  EXPECT_EQ(store_.Last(R"(h_count{job="my.service"})"), 2);
  EXPECT_TRUE(store_.Of(R"(h_sum{job="my.service"})").empty()) << "null is no value";
  ASSERT_EQ(store_.exemplars.size(), 1u);
  EXPECT_EQ(store_.exemplars[0].exemplar.labels.Get("trace_id"),
            "5b8efff798038103d269b633813fc60c");
  EXPECT_EQ(store_.exemplars[0].exemplar.labels.Get("span_id"), "eee19b7ec3c1b174");
}

}  // namespace
}  // namespace baro::collector
