// Answers to remote read are what protobuf's parser and the chunk decoders read back.

#include "baro/wire/remote_read.h"

#include <snappy.h>

#include <bit>

#include "baro/base/crc32c.h"
#include "baro/codec/histogram_chunk.h"
#include "baro/codec/xor_chunk.h"
#include "baro/model/sample.h"
#include "baro/wire/remote_histogram.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/remote.pb.h"

namespace baro::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const model::Labels kLabels{{"__name__", "up"}, {"job", "n\xc3\xb6\x64\x65"}};

prometheus::Query* AddQuery(prometheus::ReadRequest* request, prometheus::LabelMatcher::Type type,
                            const char* name, const char* value) {
  prometheus::Query* const query = request->add_queries();
  query->set_start_timestamp_ms(-5);
  query->set_end_timestamp_ms(1000);
  prometheus::LabelMatcher* const matcher = query->add_matchers();
  matcher->set_type(type);
  matcher->set_name(name);
  matcher->set_value(value);
  return query;
}

model::Histogram SomeHistogram(bool float_counts) {
  model::Histogram histogram;
  histogram.float_counts = float_counts;
  histogram.schema = -1;
  histogram.zero_threshold = 0.5;
  histogram.zero_count = 2;
  histogram.count = 11;
  histogram.sum = -3;
  histogram.positive = {{-2, 1}, {-1, 3}, {4, 2}};
  histogram.negative = {{0, 3}};
  return histogram;
}

// The frames of a stream, checked against their checksums.
std::vector<prometheus::ChunkedReadResponse> ReadFrames(std::string_view stream) {
  std::vector<prometheus::ChunkedReadResponse> frames;
  while (!stream.empty()) {
    size_t size = 0;
    size_t at = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(stream[at++]);
      size |= size_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    uint32_t crc = 0;
    for (int i = 0; i < 4; ++i) crc = crc << 8 | static_cast<uint8_t>(stream[at++]);
    const std::string_view message = stream.substr(at, size);
    EXPECT_EQ(crc, base::Crc32c(message));
    EXPECT_TRUE(frames.emplace_back().ParseFromArray(message.data(), static_cast<int>(size)));
    stream.remove_prefix(at + size);
  }
  return frames;
}

TEST(RemoteRead, ReadsQueriesAndMatchers) {
  prometheus::ReadRequest message;
  AddQuery(&message, prometheus::LabelMatcher::EQ, "job", "a");
  AddQuery(&message, prometheus::LabelMatcher::NRE, "job", "a.*")
      ->mutable_hints()
      ->set_func("rate");
  message.add_accepted_response_types(prometheus::ReadRequest::STREAMED_XOR_CHUNKS);
  message.add_accepted_response_types(prometheus::ReadRequest::SAMPLES);
  const auto request = ParseReadRequest(message.SerializeAsString());
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_EQ(request->queries.size(), 2u);
  EXPECT_EQ(request->queries[0].start_ms, -5);
  EXPECT_EQ(request->queries[0].end_ms, 1000);
  EXPECT_EQ(request->queries[0].matchers.at(0).ToString(), "job=\"a\"");
  EXPECT_EQ(request->queries[1].matchers.at(0).ToString(), "job!~\"a.*\"");
  EXPECT_THAT(request->forms, ElementsAre(ReadForm::kStreamedChunks, ReadForm::kSamples));
}

TEST(RemoteRead, TakesSamplesForAClientThatAsksForNothing) {
  EXPECT_THAT(ParseReadRequest("")->forms, ElementsAre(ReadForm::kSamples));
}

TEST(RemoteRead, RefusesWhatItCannotAnswer) {
  const auto error = [](const std::string& message) {
    const auto request = ParseReadRequest(message);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(request.status().message());
  };
  EXPECT_THAT(error("\x0a\x05xx"), HasSubstr("no prometheus.ReadRequest"));
  prometheus::ReadRequest message;
  AddQuery(&message, prometheus::LabelMatcher::RE, "job", "a(");
  EXPECT_THAT(error(message.SerializeAsString()), HasSubstr("a("));
  message.Clear();
  AddQuery(&message, static_cast<prometheus::LabelMatcher::Type>(7), "job", "a");
  EXPECT_THAT(error(message.SerializeAsString()), HasSubstr("unknown type 7"));
  message.Clear();
  message.add_accepted_response_types(static_cast<prometheus::ReadRequest::ResponseType>(9));
  EXPECT_THAT(error(message.SerializeAsString()), HasSubstr("response types 9"));
  message.Clear();
  for (size_t i = 0; i <= kReadQueriesMax; ++i) message.add_queries();
  EXPECT_THAT(error(message.SerializeAsString()), HasSubstr("1001 queries are more than 1000"));
}

TEST(RemoteRead, WritesSamplesOfEveryKind) {
  const model::Histogram integers = SomeHistogram(false);
  const model::Histogram floats = SomeHistogram(true);
  const std::vector<int64_t> times = {-10, 0, 10, 20};
  const std::vector<double> values = {1.5, model::kStaleNan, model::kHistogramMark,
                                      model::kHistogramMark};
  const std::vector<const model::Histogram*> histograms = {nullptr, nullptr, &integers, &floats};
  const std::string written = WriteReadSeries(kLabels, {times, values, histograms});
  const std::string response = QueryResultHeader(0) + QueryResultHeader(written.size()) + written;
  prometheus::ReadResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(response));
  ASSERT_EQ(parsed.results_size(), 2);
  EXPECT_EQ(parsed.results(0).timeseries_size(), 0);
  ASSERT_EQ(parsed.results(1).timeseries_size(), 1);
  const prometheus::TimeSeries& series = parsed.results(1).timeseries(0);
  ASSERT_EQ(series.labels_size(), 2);
  EXPECT_EQ(series.labels(1).value(), "n\xc3\xb6\x64\x65");
  ASSERT_EQ(series.samples_size(), 2);
  EXPECT_EQ(series.samples(0).timestamp(), -10);
  EXPECT_EQ(series.samples(0).value(), 1.5);
  EXPECT_EQ(std::bit_cast<uint64_t>(series.samples(1).value()), model::kStaleNanBits);
  ASSERT_EQ(series.histograms_size(), 2);
  for (int i = 0; i < 2; ++i) {
    WireHistogram wire;
    ASSERT_TRUE(ReadHistogram(series.histograms(i).SerializeAsString(), &wire));
    EXPECT_EQ(wire.time_ms, 10 + 10 * i);
    EXPECT_EQ(*HistogramFromWire(wire), i == 0 ? integers : floats);
  }
}

TEST(RemoteRead, PacksPiecesIntoOneBlock) {
  std::vector<std::string> pieces;
  std::string whole;
  for (int i = 0; i < 1000; ++i) {
    pieces.emplace_back(static_cast<size_t>(i % 7 == 0 ? 0 : i), static_cast<char>('a' + i % 26));
    whole += pieces.back();
  }
  const auto packed = SnappyPieces(pieces);
  ASSERT_TRUE(packed.ok()) << packed.status();
  std::string unpacked;
  ASSERT_TRUE(snappy::Uncompress(packed->data(), packed->size(), &unpacked));
  EXPECT_EQ(unpacked, whole);
  ASSERT_TRUE(snappy::Uncompress(SnappyPieces({})->data(), SnappyPieces({})->size(), &unpacked));
  EXPECT_EQ(unpacked, "");
}

TEST(RemoteRead, StreamsChunksOfAtMost120Samples) {
  std::vector<int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < 250; ++i) {
    times.push_back(1'700'000'000'000 + i * 15'000);
    values.push_back(i == 130 ? model::kStaleNan : i * 0.25);
  }
  const auto frames = ReadFrames(WriteReadFrames(kLabels, {times, values, {}}, 3));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].query_index(), 3);
  ASSERT_EQ(frames[0].chunked_series_size(), 1);
  const prometheus::ChunkedSeries& series = frames[0].chunked_series(0);
  EXPECT_EQ(series.labels_size(), 2);
  ASSERT_EQ(series.chunks_size(), 3);
  std::vector<model::Sample> samples;
  for (const prometheus::Chunk& chunk : series.chunks()) {
    EXPECT_EQ(chunk.type(), prometheus::Chunk::XOR);
    EXPECT_EQ(chunk.min_time_ms(), times[samples.size()]);
    ASSERT_TRUE(codec::DecodeXorChunk(chunk.data(), &samples).ok());
    EXPECT_EQ(chunk.max_time_ms(), times[samples.size() - 1]);
  }
  ASSERT_EQ(samples.size(), 250u);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].time_ms, times[i]);
    EXPECT_EQ(std::bit_cast<uint64_t>(samples[i].value), std::bit_cast<uint64_t>(values[i]));
  }
}

TEST(RemoteRead, BeginsAFrameWhenOneIsFull) {
  std::vector<int64_t> times;
  std::vector<double> values;
  for (int i = 0; i < 1200; ++i) {
    times.push_back(i);
    values.push_back(i * 1.1);
  }
  const auto frames = ReadFrames(WriteReadFrames(kLabels, {times, values, {}}, 0, 2000));
  ASSERT_GT(frames.size(), 3u);
  int chunks = 0;
  for (const auto& frame : frames) {
    EXPECT_LT(frame.ByteSizeLong(), 4000u);
    EXPECT_EQ(frame.chunked_series(0).labels_size(), 2);
    chunks += frame.chunked_series(0).chunks_size();
  }
  EXPECT_EQ(chunks, 10);
}

TEST(RemoteRead, StreamsHistogramsInChunksOfTheirOwn) {
  const model::Histogram integers = SomeHistogram(false);
  const model::Histogram floats = SomeHistogram(true);
  const double mark = model::kHistogramMark;
  const std::vector<int64_t> times = {1, 2, 3, 4, 5};
  const std::vector<double> values = {7, mark, mark, mark, 8};
  const std::vector<const model::Histogram*> histograms = {nullptr, &integers, &integers, &floats,
                                                           nullptr};
  const auto frames = ReadFrames(WriteReadFrames(kLabels, {times, values, histograms}, 0));
  ASSERT_EQ(frames.size(), 1u);
  const auto& chunks = frames[0].chunked_series(0).chunks();
  ASSERT_EQ(chunks.size(), 4);
  EXPECT_EQ(chunks.Get(0).type(), prometheus::Chunk::XOR);
  EXPECT_EQ(chunks.Get(1).type(), prometheus::Chunk::HISTOGRAM);
  EXPECT_EQ(chunks.Get(1).max_time_ms(), 3);
  EXPECT_EQ(chunks.Get(2).type(), prometheus::Chunk::FLOAT_HISTOGRAM);
  EXPECT_EQ(chunks.Get(3).type(), prometheus::Chunk::XOR);
  std::vector<codec::DecodedHistogram> decoded;
  ASSERT_TRUE(codec::DecodeHistogramChunk(chunks.Get(1).data(), false, &decoded).ok());
  ASSERT_EQ(decoded.size(), 2u);
  EXPECT_EQ(decoded[0].histogram, integers);
  EXPECT_EQ(decoded[1].time_ms, 3);
}

}  // namespace
}  // namespace baro::wire
