// Remote read answers what matches, sorted and bounded, in the form the client likes best.

#include "remote_read/remote_read.h"

#include <snappy.h>

#include "baro/base/strings.h"
#include "baro/codec/xor_chunk.h"
#include "baro/model/memory_source.h"
#include "baro/wire/remote_series.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/remote.pb.h"

namespace baro::collector {
namespace {

using prometheus::LabelMatcher;
using testing::ElementsAre;
using testing::HasSubstr;

prometheus::Query* AddQuery(prometheus::ReadRequest* request, LabelMatcher::Type type,
                            const char* name, const char* value) {
  prometheus::Query* const query = request->add_queries();
  query->set_start_timestamp_ms(0);
  query->set_end_timestamp_ms(1'000);
  LabelMatcher* const matcher = query->add_matchers();
  matcher->set_type(type);
  matcher->set_name(name);
  matcher->set_value(value);
  return query;
}

std::string Text(const prometheus::TimeSeries& series) {
  std::string text;
  for (const auto& label : series.labels()) text += label.name() + "=" + label.value() + " ";
  for (const auto& sample : series.samples()) {
    base::StrAppend(&text, sample.timestamp(), ":", sample.value(), " ");
  }
  return text;
}

class RemoteReadTest : public testing::Test {
 protected:
  RemoteReadTest() {
    for (const char* instance : {"b", "c", "a"}) {
      const model::Labels labels{{"__name__", "up"}, {"instance", instance}, {"job", "node"}};
      for (int64_t time_ms : {-1, 0, 500, 1'000, 1'001}) {
        source_.Append(labels, {time_ms, double(instance[0])});
      }
    }
    source_.Append(model::Labels{{"__name__", "down"}, {"instance", "a"}}, {7, model::kStaleNan});
  }

  net::ServerResponse Send(const std::string& protobuf, RemoteReadOptions options = {}) {
    net::ServerRequest request;
    snappy::Compress(protobuf.data(), protobuf.size(), &request.body);
    return RemoteRead(&source_, std::move(options)).Handle(request);
  }
  static std::string Body(const net::ServerResponse& response) {
    std::string body;
    for (const std::string& piece : response.body) body += piece;
    return body;
  }
  static prometheus::ReadResponse Samples(const net::ServerResponse& response) {
    EXPECT_EQ(response.status, 200) << Body(response);
    std::string unpacked;
    const std::string body = Body(response);
    EXPECT_TRUE(snappy::Uncompress(body.data(), body.size(), &unpacked));
    prometheus::ReadResponse parsed;
    EXPECT_TRUE(parsed.ParseFromString(unpacked));
    return parsed;
  }

  model::MemorySource source_;
};

TEST_F(RemoteReadTest, AnswersSeveralQueriesInTheirOrder) {
  prometheus::ReadRequest request;
  AddQuery(&request, LabelMatcher::RE, "instance", "[ab]")->add_matchers()->set_name("missing");
  AddQuery(&request, LabelMatcher::EQ, "job", "nobody");
  AddQuery(&request, LabelMatcher::EQ, "__name__", "down");
  const net::ServerResponse response = Send(request.SerializeAsString());
  EXPECT_EQ(response.content_type, "application/x-protobuf");
  EXPECT_THAT(response.headers, ElementsAre(testing::Pair("Content-Encoding", "snappy")));
  const prometheus::ReadResponse answer = Samples(response);
  ASSERT_EQ(answer.results_size(), 3);
  ASSERT_EQ(answer.results(0).timeseries_size(), 3);
  EXPECT_THAT(Text(answer.results(0).timeseries(0)), HasSubstr("__name__=down instance=a"));
  EXPECT_EQ(Text(answer.results(0).timeseries(1)),
            "__name__=up instance=a job=node 0:97 500:97 1000:97 ");
  EXPECT_EQ(Text(answer.results(0).timeseries(2)),
            "__name__=up instance=b job=node 0:98 500:98 1000:98 ");
  EXPECT_EQ(answer.results(1).timeseries_size(), 0);
  EXPECT_TRUE(model::IsStaleNan(answer.results(2).timeseries(0).samples(0).value()));
}

TEST_F(RemoteReadTest, StreamsWhenTheClientLikesThatBest) {
  prometheus::ReadRequest request;
  AddQuery(&request, LabelMatcher::EQ, "__name__", "up");
  request.add_accepted_response_types(prometheus::ReadRequest::STREAMED_XOR_CHUNKS);
  request.add_accepted_response_types(prometheus::ReadRequest::SAMPLES);
  const net::ServerResponse response = Send(request.SerializeAsString());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type,
            "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  EXPECT_TRUE(response.headers.empty());
  const std::string body = Body(response);
  ASSERT_GT(body.size(), 5u);
  prometheus::ChunkedReadResponse frame;
  ASSERT_TRUE(frame.ParseFromString(body.substr(5, static_cast<uint8_t>(body[0]))));
  EXPECT_EQ(frame.chunked_series(0).labels(1).value(), "a");
  std::vector<model::Sample> samples;
  ASSERT_TRUE(codec::DecodeXorChunk(frame.chunked_series(0).chunks(0).data(), &samples).ok());
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[2].time_ms, 1'000);
}

TEST_F(RemoteReadTest, EndsAtTheSampleLimitOfOneQuery) {
  prometheus::ReadRequest request;
  AddQuery(&request, LabelMatcher::EQ, "__name__", "up");
  AddQuery(&request, LabelMatcher::EQ, "__name__", "up");
  RemoteReadOptions options;
  options.samples_max = 8;
  const net::ServerResponse response = Send(request.SerializeAsString(), options);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(Body(response), "exceeded sample limit (8)\n");
  options.samples_max = 9;
  EXPECT_EQ(Send(request.SerializeAsString(), options).status, 200);
  options.samples_max = 0;
  EXPECT_EQ(Send(request.SerializeAsString(), options).status, 200);
}

TEST_F(RemoteReadTest, RefusesAnswersBeyondTheMemory) {
  prometheus::ReadRequest request;
  AddQuery(&request, LabelMatcher::EQ, "__name__", "up");
  base::MemoryBudget::Options limits;
  limits.limit_bytes = 100;
  limits.resident_bytes = [] { return uint64_t{0}; };
  base::MemoryBudget budget(limits);
  RemoteReadOptions options;
  options.memory = &budget;
  const net::ServerResponse response = Send(request.SerializeAsString(), options);
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(Body(response), HasSubstr("does not fit into memory"));
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

TEST_F(RemoteReadTest, AddsItsExternalLabelsAndKnowsThem) {
  prometheus::ReadRequest request;
  AddQuery(&request, LabelMatcher::EQ, "cluster", "eu")->add_matchers()->set_name("job");
  RemoteReadOptions options;
  options.external_labels = [] {
    return std::map<std::string, std::string>{{"cluster", "eu"}, {"instance", "never"}};
  };
  const prometheus::ReadResponse answer = Samples(Send(request.SerializeAsString(), options));
  ASSERT_EQ(answer.results(0).timeseries_size(), 1);
  EXPECT_THAT(Text(answer.results(0).timeseries(0)),
              HasSubstr("__name__=down cluster=eu instance=a"));
}

TEST_F(RemoteReadTest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(Send("\x0a\x05xx").status, 400);
  net::ServerRequest request;
  request.body = "not snappy";
  RemoteRead remote_read(&source_, {});
  EXPECT_EQ(remote_read.Handle(request).status, 400);
  EXPECT_EQ(remote_read.GetStats().requests_broken_total, 1u);
}

TEST_F(RemoteReadTest, StopsWhenNobodyWaits) {
  prometheus::ReadRequest message;
  AddQuery(&message, LabelMatcher::EQ, "__name__", "up");
  const std::string protobuf = message.SerializeAsString();
  net::ServerRequest request;
  snappy::Compress(protobuf.data(), protobuf.size(), &request.body);
  request.cancelled = std::make_shared<std::atomic<bool>>(true);
  EXPECT_EQ(RemoteRead(&source_, {}).Handle(request).status, 503);
}

}  // namespace
}  // namespace baro::collector
