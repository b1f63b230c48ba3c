// The remote write reader sees what protobuf's parser sees, refuses what is damaged with the place,
// and never believes a length.

#include "baro/wire/remote_write.h"

#include <snappy.h>

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/remote.pb.h"

namespace baro::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

void AddSeries(const model::Labels& labels, const std::vector<model::Sample>& samples,
               prometheus::WriteRequest* request) {
  prometheus::TimeSeries* const series = request->add_timeseries();
  for (const model::Label& label : labels) {
    prometheus::Label* const added = series->add_labels();
    added->set_name(label.name);
    added->set_value(label.value);
  }
  for (const model::Sample& sample : samples) {
    prometheus::Sample* const added = series->add_samples();
    added->set_timestamp(sample.time_ms);
    added->set_value(sample.value);
  }
}

// A length-delimited protobuf field; `content` is shorter than 128 bytes.
std::string Field(int number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} +
         content;
}

std::string LabelField(const std::string& name, const std::string& value) {
  return Field(1, Field(1, name) + Field(2, value));
}

absl::StatusOr<model::Labels> FirstLabels(const std::string& request) {
  RemoteWriteReader reader(request);
  RemoteSeries series;
  if (!reader.Next(&series)) return reader.status();
  return SeriesLabels(series);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(RemoteWrite, ReadsSeriesSamplesAndMetadata) {
  prometheus::WriteRequest request;
  const model::Labels up{{"__name__", "up"}, {"job", "node"}};
  const model::Labels down{{"__name__", "down"}, {"job", "n\xc3\xb6\x64\x65"}};
  AddSeries(up, {{1000, 1}, {-5, 2.5}}, &request);
  AddSeries(down, {}, &request);
  auto* const metadata = request.add_metadata();
  metadata->set_type(prometheus::MetricMetadata::COUNTER);
  metadata->set_metric_family_name("up");
  metadata->set_help("is it up?");
  metadata->set_unit("bool");
  const std::string bytes = request.SerializeAsString();

  RemoteWriteReader reader(bytes);
  RemoteSeries series;
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_EQ(series.index, 0u);
  EXPECT_EQ(*SeriesLabels(series), up);
  ASSERT_EQ(series.samples.size(), 2u);
  EXPECT_EQ(series.samples[0].time_ms, 1000);
  EXPECT_EQ(series.samples[1].time_ms, -5);
  EXPECT_EQ(series.samples[1].value, 2.5);
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_EQ(*SeriesLabels(series), down);
  EXPECT_EQ(series.samples.size(), 0u);
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  ASSERT_EQ(reader.metadata().size(), 1u);
  EXPECT_EQ(reader.metadata()[0].type, model::MetricType::kCounter);
  EXPECT_EQ(reader.metadata()[0].family, "up");
  EXPECT_EQ(reader.metadata()[0].help, "is it up?");
  EXPECT_EQ(reader.metadata()[0].unit, "bool");
}

TEST(RemoteWrite, AnEmptyRequestHasNoSeries) {
  RemoteWriteReader reader("");
  RemoteSeries series;
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok());
}

TEST(RemoteWrite, EqualLabelsHaveEqualBytes) {
  prometheus::WriteRequest request;
  const model::Labels labels{{"__name__", "up"}, {"job", "node"}};
  AddSeries(labels, {{1, 1}}, &request);
  AddSeries(labels, {{2, 1}, {3, 1}}, &request);
  const std::string bytes = request.SerializeAsString();
  RemoteWriteReader reader(bytes);
  RemoteSeries first, second;
  ASSERT_TRUE(reader.Next(&first));
  ASSERT_TRUE(reader.Next(&second));
  EXPECT_EQ(first.label_bytes, second.label_bytes);
}

TEST(RemoteWrite, FieldsMayComeInAnyOrderWithUnknownOnesBetween) {
  const std::string sample = Field(2, std::string("\x10\x07\x09\0\0\0\0\0\0\xf0\x3f", 11));
  const std::string unknown = Field(9, "what is this");
  const std::string exemplar = Field(3, "");
  const std::string histogram = Field(4, std::string("\x78\x07", 2));
  const std::string series_bytes = sample + LabelField("job", "a") + exemplar +
                                   LabelField("__name__", "b") + histogram + unknown;
  const std::string bytes = unknown + Field(1, series_bytes);
  RemoteWriteReader reader(bytes);
  RemoteSeries series;
  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_EQ(*SeriesLabels(series), (model::Labels{{"__name__", "b"}, {"job", "a"}}));
  ASSERT_EQ(series.samples.size(), 1u);
  EXPECT_EQ(series.samples[0].time_ms, 7);
  EXPECT_EQ(series.samples[0].value, 1);
  EXPECT_EQ(series.exemplars.size(), 1u);
  EXPECT_EQ(series.histograms.size(), 1u);
}

TEST(RemoteWrite, RefusesLabelsThatAreNoIdentity) {
  const auto error = [](const std::string& labels) {
    return Message(FirstLabels(Field(1, labels)).status());
  };
  EXPECT_EQ(error(LabelField("a", "b")),
            "cannot accept series 0: it has no metric name, in {a=\"b\"}");
  EXPECT_THAT(error(LabelField("__name__", "")), HasSubstr("it has no metric name"));
  const std::string name = LabelField("__name__", "m");
  EXPECT_THAT(error(name + LabelField("", "b")), HasSubstr("series 0: a label has no name, in {="));
  EXPECT_THAT(error(LabelField("a", "b") + name + LabelField("a", "c")),
              HasSubstr("label \"a\" occurs twice, in {__name__=\"m\",a=\"b\",a=\"c\"}"));
  EXPECT_THAT(error(name + LabelField("a", "\xff")),
              HasSubstr("the value of label \"a\" is not valid UTF-8"));
  EXPECT_THAT(error(name + LabelField("\xc0\x80", "x")),
              HasSubstr("a label name is not valid UTF-8"));
  EXPECT_THAT(error(Field(1, "\x0a\x05xx")), HasSubstr("damaged at byte 0 of the labels"));
}

TEST(RemoteWrite, AcceptsUnsortedAndLeavesOutEmptyValues) {
  const std::string request =
      Field(1, LabelField("z", "1") + LabelField("b", "") + LabelField("__name__", "m"));
  EXPECT_EQ(*FirstLabels(request), (model::Labels{{"__name__", "m"}, {"z", "1"}}));
}

TEST(RemoteWrite, NamesTheByteOfTheDamage) {
  const auto error = [](const std::string& request) {
    RemoteWriteReader reader(request);
    RemoteSeries series;
    while (reader.Next(&series)) {
    }
    EXPECT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument);
    return Message(reader.status());
  };
  const std::string good = Field(1, LabelField("__name__", "m"));
  const std::string place = " at byte " + std::to_string(good.size());
  EXPECT_THAT(error(good + "\x0a\x7f"), HasSubstr("series is cut off" + place));
  EXPECT_THAT(error(good + std::string(1, '\0')), HasSubstr("no field begins" + place));
  EXPECT_THAT(error(good + "\x0c"), HasSubstr("unknown field is damaged" + place));
  EXPECT_THAT(error(good + Field(1, Field(2, "\x09xxxx"))),
              HasSubstr("value is cut off at byte " + std::to_string(good.size() + 4)));
  EXPECT_THAT(error(good + Field(3, "\x12\x05xx")), HasSubstr("metadata is damaged"));
  EXPECT_THAT(error(good + Field(3, Field(4, "\xff"))), HasSubstr("not valid UTF-8"));
}

TEST(RemoteWrite, EveryTruncationEndsInAnErrorOrAtASeries) {
  prometheus::WriteRequest request;
  for (int i = 0; i < 5; ++i) {
    AddSeries({{"__name__", "m"}, {"i", std::to_string(i)}}, {{i + 1, 1.5}}, &request);
  }
  const std::string bytes = request.SerializeAsString();
  const size_t series_size = bytes.size() / 5;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    RemoteWriteReader reader({cut.data(), cut.size()});
    RemoteSeries series;
    while (reader.Next(&series)) {
    }
    EXPECT_EQ(reader.status().ok(), size % series_size == 0) << size;
  }
}

TEST(RemoteWrite, UncompressChecksTheClaimedSizeFirst) {
  std::string compressed, decoded;
  const std::string content(1000, 'x');
  snappy::Compress(content.data(), content.size(), &compressed);
  ASSERT_TRUE(UncompressRemoteWrite(compressed, 1000, &decoded).ok());
  EXPECT_EQ(decoded, content);
  const absl::Status too_large = UncompressRemoteWrite(compressed, 999, &decoded);
  EXPECT_EQ(too_large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Message(too_large), HasSubstr("1000 bytes are more than the 999 allowed"));
  // Claims 4 GiB - 1 in a few bytes.
  const absl::Status liar =
      UncompressRemoteWrite("\xff\xff\xff\xff\x0f\x04zz", size_t{1} << 40, &decoded);
  EXPECT_EQ(liar.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(liar), StartsWith("cannot uncompress"));
  for (size_t size = 0; size < compressed.size(); ++size) {
    EXPECT_EQ(UncompressRemoteWrite(compressed.substr(0, size), 1000, &decoded).code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
}

TEST(Utf8, FollowsTheStandardsTable) {
  for (const char* good :
       {"", "plain ascii text", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "12345678\xc3\xa4",
        "1234567\xc3\xa4"
        "90"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "12345678\xff", "\xff"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace baro::wire
