// Holds the remote write reader against protobuf's own parser on arbitrary bytes: what one accepts
// the other accepts, and both see the same.

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "baro/base/check.h"
#include "baro/wire/remote_write.h"
#include "histogram_differential.h"
#include "prometheus/remote.pb.h"

namespace baro::wire {
namespace {

void CheckLabels(const RemoteSeries& ours, const prometheus::TimeSeries& theirs) {
  std::vector<LabelView> labels;
  BARO_CHECK(ReadLabels(ours.label_bytes, &labels).ok());
  BARO_CHECK_EQ(labels.size(), static_cast<size_t>(theirs.labels_size()));
  for (int i = 0; i < theirs.labels_size(); ++i) {
    BARO_CHECK_EQ(labels[static_cast<size_t>(i)].name, theirs.labels(i).name());
    BARO_CHECK_EQ(labels[static_cast<size_t>(i)].value, theirs.labels(i).value());
  }
}

void CheckSamples(const RemoteSeries& ours, const prometheus::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.samples.size(), static_cast<size_t>(theirs.samples_size()));
  for (int i = 0; i < theirs.samples_size(); ++i) {
    const model::Sample& sample = ours.samples[static_cast<size_t>(i)];
    BARO_CHECK_EQ(sample.time_ms, theirs.samples(i).timestamp());
    BARO_CHECK_EQ(std::bit_cast<uint64_t>(sample.value),
                  std::bit_cast<uint64_t>(theirs.samples(i).value()));
  }
}

void CheckExemplars(const RemoteSeries& ours, const prometheus::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.exemplars.size(), static_cast<size_t>(theirs.exemplars_size()));
  for (int i = 0; i < theirs.exemplars_size(); ++i) {
    const RemoteExemplar& exemplar = ours.exemplars[static_cast<size_t>(i)];
    BARO_CHECK_EQ(exemplar.time_ms, theirs.exemplars(i).timestamp());
    BARO_CHECK_EQ(BitsOf(exemplar.value), BitsOf(theirs.exemplars(i).value()));
    BARO_CHECK_EQ(exemplar.labels.size(), static_cast<size_t>(theirs.exemplars(i).labels_size()));
    for (int j = 0; j < theirs.exemplars(i).labels_size(); ++j) {
      BARO_CHECK_EQ(exemplar.labels[static_cast<size_t>(j)].name,
                    theirs.exemplars(i).labels(j).name());
      BARO_CHECK_EQ(exemplar.labels[static_cast<size_t>(j)].value,
                    theirs.exemplars(i).labels(j).value());
    }
  }
}

void CheckHistograms(const RemoteSeries& ours, const prometheus::TimeSeries& theirs) {
  BARO_CHECK_EQ(ours.histograms.size(), static_cast<size_t>(theirs.histograms_size()));
  for (int i = 0; i < theirs.histograms_size(); ++i) {
    CheckSameHistogram(ours.histograms[static_cast<size_t>(i)], theirs.histograms(i));
    CheckHistogramFromWire(ours.histograms[static_cast<size_t>(i)]);
  }
}

void CheckMetadata(const RemoteWriteReader& reader, const prometheus::WriteRequest& request) {
  BARO_CHECK_EQ(reader.metadata().size(), static_cast<size_t>(request.metadata_size()));
  for (int i = 0; i < request.metadata_size(); ++i) {
    const MetadataView& ours = reader.metadata()[static_cast<size_t>(i)];
    const prometheus::MetricMetadata& theirs = request.metadata(i);
    BARO_CHECK_EQ(ours.family, theirs.metric_family_name());
    BARO_CHECK_EQ(ours.help, theirs.help());
    BARO_CHECK_EQ(ours.unit, theirs.unit());
    if (theirs.type() >= 0 && theirs.type() <= 7) {
      BARO_CHECK_EQ(static_cast<int>(ours.type), static_cast<int>(theirs.type()));
    }
  }
}

bool AreUtf8(std::span<const LabelView> labels) {
  return std::all_of(labels.begin(), labels.end(), [](const LabelView& label) {
    return IsValidUtf8(label.name) && IsValidUtf8(label.value);
  });
}

// True when our reader takes everything, labels included.
bool OursAccepts(std::string_view request) {
  RemoteWriteReader reader(request);
  RemoteSeries series;
  std::vector<LabelView> labels;
  bool good = true;
  while (reader.Next(&series)) {
    const bool series_good = ReadLabels(series.label_bytes, &labels).ok() && AreUtf8(labels);
    if (const auto checked = SeriesLabels(series); checked.ok()) {
      BARO_CHECK(series_good && checked->Has(model::kMetricName));
    }
    good = good && series_good;
    for (const RemoteExemplar& exemplar : series.exemplars) {
      good = good && AreUtf8(exemplar.labels);
      (void)CheckExemplarLabels(exemplar);
    }
  }
  return good && reader.status().ok();
}

void CheckAgainstProtobuf(std::string_view bytes) {
  prometheus::WriteRequest request;
  const bool theirs = request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  BARO_CHECK_EQ(OursAccepts(bytes), theirs);
  if (!theirs) return;
  RemoteWriteReader reader(bytes);
  RemoteSeries series;
  int index = 0;
  for (; reader.Next(&series); ++index) {
    CheckLabels(series, request.timeseries(index));
    CheckSamples(series, request.timeseries(index));
    CheckExemplars(series, request.timeseries(index));
    CheckHistograms(series, request.timeseries(index));
  }
  BARO_CHECK_EQ(index, request.timeseries_size());
  CheckMetadata(reader, request);
}

}  // namespace
}  // namespace baro::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It reports each invalid text on stderr, thousands a second here.
  static const auto kReporter = google::protobuf::SetLogHandler(nullptr);
  (void)kReporter;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  baro::wire::CheckAgainstProtobuf(bytes);
  std::string decoded;
  constexpr size_t kDecodedBytesMax = 1 << 20;
  if (baro::wire::UncompressRemoteWrite(bytes, kDecodedBytesMax, &decoded).ok()) {
    BARO_CHECK_LE(decoded.size(), kDecodedBytesMax);
    baro::wire::CheckAgainstProtobuf(decoded);
  }
  if (baro::wire::UncompressZstd(bytes, kDecodedBytesMax, &decoded).ok()) {
    BARO_CHECK_LE(decoded.size(), kDecodedBytesMax);
  }
  return 0;
}
