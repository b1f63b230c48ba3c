// The reader of remote write 2.0 sees what protobuf's parser sees, resolves symbols that exist, and
// never believes a number.

#include "baro/wire/remote_write2.h"

#include <snappy.h>
#include <zstd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "histogram_differential.h"
#include "prometheus/write_v2.pb.h"

namespace baro::wire {
namespace {

namespace v2 = io::prometheus::write::v2;
using testing::ElementsAre;
using testing::HasSubstr;

// Symbols: "", __name__, up, job, node, help text, s
v2::Request TwoSeries() {
  v2::Request request;
  for (const char* symbol : {"", "__name__", "up", "job", "node", "is it up?", "s"}) {
    request.add_symbols(symbol);
  }
  v2::TimeSeries* const up = request.add_timeseries();
  for (const uint32_t ref : {1u, 2u, 3u, 4u}) up->add_labels_refs(ref);
  for (int i = 1; i <= 2; ++i) {
    v2::Sample* const sample = up->add_samples();
    sample->set_value(i * 1.5);
    sample->set_timestamp(i * 1000);
    sample->set_start_timestamp(i == 1 ? 500 : 0);
  }
  up->mutable_metadata()->set_type(v2::Metadata::METRIC_TYPE_GAUGE);
  up->mutable_metadata()->set_help_ref(5);
  up->mutable_metadata()->set_unit_ref(6);
  v2::Exemplar* const exemplar = up->add_exemplars();
  exemplar->add_labels_refs(3);
  exemplar->add_labels_refs(6);
  exemplar->set_value(7);
  exemplar->set_timestamp(-5);
  v2::TimeSeries* const histogram = request.add_timeseries();
  for (const uint32_t ref : {1u, 4u}) histogram->add_labels_refs(ref);
  histogram->set_created_timestamp(42);
  v2::Histogram* const value = histogram->add_histograms();
  value->set_count_int(3);
  value->set_timestamp(9);
  value->add_positive_deltas(3);
  value->add_positive_spans()->set_length(1);
  return request;
}

std::string Error(std::string_view request) {
  RemoteWrite2Reader reader(request);
  RemoteSeries2 series;
  while (reader.Next(&series)) {
  }
  EXPECT_FALSE(reader.status().ok());
  return std::string(reader.status().message());
}

TEST(RemoteWrite2, ReadsAllThatASeriesHas) {
  const v2::Request request = TwoSeries();
  const std::string bytes = request.SerializeAsString();
  RemoteWrite2Reader reader(bytes);
  RemoteSeries2 series;
  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_EQ(*SeriesLabels(reader, series), (model::Labels{{"__name__", "up"}, {"job", "node"}}));
  ASSERT_EQ(series.samples.size(), 2u);
  EXPECT_EQ(series.samples[1].value, 3);
  EXPECT_EQ(series.samples[1].time_ms, 2000);
  EXPECT_THAT(series.starts_ms, ElementsAre(500, 0));
  EXPECT_EQ(series.metadata, (MetadataRefs{model::MetricType::kGauge, 5, 6}));
  EXPECT_EQ(reader.Text(series.metadata.help), "is it up?");
  ASSERT_EQ(series.exemplars.size(), 1u);
  EXPECT_EQ(*CheckExemplarLabels(series.exemplars[0]), (model::Labels{{"job", "s"}}));
  EXPECT_EQ(series.exemplars[0].value, 7);
  EXPECT_EQ(series.exemplars[0].time_ms, -5);

  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_EQ(*SeriesLabels(reader, series), (model::Labels{{"__name__", "node"}}));
  EXPECT_EQ(series.created_ms, 42);
  EXPECT_FALSE(series.metadata.says_something());
  ASSERT_EQ(series.histograms.size(), 1u);
  CheckSameHistogram(series.histograms[0], request.timeseries(1).histograms(0));
  EXPECT_TRUE(series.exemplars.empty());
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok()) << reader.status();
}

TEST(RemoteWrite2, AnEmptyRequestHasNoSeries) {
  RemoteWrite2Reader reader("");
  RemoteSeries2 series;
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok());
}

// A receiver of 1.0 that takes it for its own finds nothing, and so does the reverse.
TEST(RemoteWrite2, SeesNothingInARequestOfTheOtherVersion) {
  const std::string v1("\x0a\x04\x12\x02\x10\x07", 6);
  RemoteWrite2Reader reader(v1);
  RemoteSeries2 series;
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok());
}

TEST(RemoteWrite2, SymbolsMayFollowTheSeries) {
  v2::Request request = TwoSeries();
  v2::Request symbols;
  symbols.mutable_symbols()->Swap(request.mutable_symbols());
  const std::string bytes = request.SerializeAsString() + symbols.SerializeAsString();
  RemoteWrite2Reader reader(bytes);
  RemoteSeries2 series;
  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_EQ(*SeriesLabels(reader, series), (model::Labels{{"__name__", "up"}, {"job", "node"}}));
}

TEST(RemoteWrite2, LabelRefsMayComeOneByOne) {
  std::string bytes = std::string("\x22\x00\x22\x08__name__\x22\x01m", 15);
  bytes += std::string("\x2a\x04\x08\x01\x08\x02", 6);
  RemoteWrite2Reader reader(bytes);
  RemoteSeries2 series;
  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_EQ(*SeriesLabels(reader, series), (model::Labels{{"__name__", "m"}}));
}

TEST(RemoteWrite2, RefusesLabelsOfSymbolsThatDoNotExist) {
  v2::Request request = TwoSeries();
  request.mutable_timeseries(0)->set_labels_refs(3, 7);
  request.mutable_timeseries(1)->add_labels_refs(1);
  request.mutable_timeseries(0)->mutable_exemplars(0)->set_labels_refs(0, 99);
  const std::string bytes = request.SerializeAsString();
  RemoteWrite2Reader reader(bytes);
  RemoteSeries2 series;
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_THAT(std::string(SeriesLabels(reader, series).status().message()),
              HasSubstr("series 0: its 4 label refs are not pairs into 7 symbols"));
  EXPECT_FALSE(CheckExemplarLabels(series.exemplars[0]).ok());
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_THAT(std::string(SeriesLabels(reader, series).status().message()),
              HasSubstr("series 1: its 3 label refs are not pairs"));
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok());
}

TEST(RemoteWrite2, RefusesLabelsThatAreNoIdentity) {
  const auto error = [](std::vector<std::string> texts) {
    v2::Request request;
    v2::TimeSeries* const series = request.add_timeseries();
    for (uint32_t i = 0; i < texts.size(); ++i) {
      request.add_symbols(texts[i]);
      series->add_labels_refs(i);
    }
    const std::string bytes = request.SerializeAsString();
    RemoteWrite2Reader reader(bytes);
    RemoteSeries2 read;
    EXPECT_TRUE(reader.Next(&read));
    return std::string(SeriesLabels(reader, read).status().message());
  };
  EXPECT_THAT(error({"a", "b"}), HasSubstr("it has no metric name, in {a=\"b\"}"));
  EXPECT_THAT(error({"__name__", "", "a", "b"}), HasSubstr("it has no metric name"));
  EXPECT_THAT(error({"__name__", "m", "a", "b", "a", "c"}), HasSubstr("label \"a\" occurs twice"));
  EXPECT_THAT(error({"__name__", "m", "", "b"}), HasSubstr("a label has no name"));
  EXPECT_EQ(error({"z", "1", "__name__", "m", "b", ""}), "");
}

TEST(RemoteWrite2, NamesTheByteOfTheDamage) {
  EXPECT_THAT(Error(std::string("\x22\x05"
                                "ab",
                                4)),
              HasSubstr("symbol is cut off at byte 0"));
  EXPECT_THAT(Error(std::string("\x22\x00\x2a\x09zz", 6)),
              HasSubstr("series is cut off at byte 2"));
  EXPECT_THAT(Error(std::string("\x2a\x03\x12\x05z", 5)), HasSubstr("sample is cut off at byte 2"));
  EXPECT_THAT(Error(std::string("\x2a\x03\x0a\x01\x80", 5)),
              HasSubstr("label refs are damaged at byte 2"));
  EXPECT_THAT(Error(std::string("\x2a\x04\x1a\x02\x0a\x7f", 6)),
              HasSubstr("histogram is damaged or too large at byte 4"));
}

TEST(RemoteWrite2, EveryTruncationIsAnErrorOrEndsAtAField) {
  const v2::Request request = TwoSeries();
  const std::string bytes = request.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    RemoteWrite2Reader reader({cut.data(), cut.size()});
    RemoteSeries2 series;
    while (reader.Next(&series)) {
    }
    v2::Request parsed;
    EXPECT_EQ(reader.status().ok(), parsed.ParseFromArray(cut.data(), static_cast<int>(size)))
        << size;
  }
}

TEST(RemoteWrite2, BoundsWhatASmallRequestMayAskFor) {
  std::string histograms;
  for (size_t i = 0; i <= kRequestHistogramsMax; ++i) histograms += std::string("\x1a\x00", 2);
  const size_t size = histograms.size();
  std::string bytes = "\x2a";
  for (size_t left = size; left > 0; left >>= 7) {
    bytes += static_cast<char>((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
  }
  EXPECT_THAT(Error(bytes + histograms), HasSubstr("too many histograms"));
}

TEST(RemoteWrite2, UncompressesZstdWithinItsBound) {
  const std::string content(100'000, 'x');
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 1));
  std::string decoded;
  ASSERT_TRUE(UncompressZstd(packed, content.size(), &decoded).ok());
  EXPECT_EQ(decoded, content);
  ASSERT_TRUE(UncompressZstd(packed + packed, 2 * content.size(), &decoded).ok());
  EXPECT_EQ(decoded, content + content);
  EXPECT_EQ(UncompressZstd(packed, content.size() - 1, &decoded).code(),
            absl::StatusCode::kResourceExhausted);
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(UncompressZstd(packed.substr(0, size), content.size(), &decoded).code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
}

}  // namespace
}  // namespace baro::wire
