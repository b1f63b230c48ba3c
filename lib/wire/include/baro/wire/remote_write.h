// Remote write 1.0: a snappy block around a prometheus.WriteRequest, read where it lies.
//
// This is the way in for foreign senders and a hot path: no message object is built, nothing is
// copied, and labels are not even parsed when their raw bytes are already known. (Exemplars and
// histograms are rarer: they are parsed as they come.) Lengths in the
// bytes are never trusted. Fields may come in any order; unknown ones are skipped, as protobuf
// does.
//
//   std::string decoded;
//   BARO_TRY(UncompressRemoteWrite(body, kRemoteWriteBytesMax, &decoded));
//   RemoteWriteReader reader(decoded);
//   RemoteSeries series;
//   while (reader.Next(&series)) …look up series.label_bytes, else SeriesLabels(series)…
//   BARO_TRY(reader.status());
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "baro/model/layout.h"
#include "baro/model/sample.h"
#include "baro/wire/remote_series.h"

namespace baro::wire {

// One series of a request, by reference into the request or the reader; valid until the next
// Next().
struct RemoteSeries : RemoteValues {
  size_t index = 0;        // in the request
  size_t byte_offset = 0;  // of the series in the decoded request
  // The protobuf bytes of all its labels, one behind the other: equal bytes, equal labels.
  std::string_view label_bytes;
};

struct MetadataView {
  model::MetricType type = model::MetricType::kUnknown;
  std::string_view family;
  std::string_view help;
  std::string_view unit;
};

// Thread-compatible; `request` outlives it.
class RemoteWriteReader {
 public:
  explicit RemoteWriteReader(std::string_view request);

  // Goes to the next series; false at the end or at the first damage: see status().
  bool Next(RemoteSeries* series);

  // Ok, or InvalidArgument with the byte offset and what is wrong there; ResourceExhausted when the
  // request has more of a kind than kRequest…Max.
  const absl::Status& status() const { return status_; }
  // Complete when Next() has returned false.
  const std::vector<MetadataView>& metadata() const { return metadata_; }
  size_t series_count() const { return series_count_; }

 private:
  bool ReadSeries(std::string_view message, RemoteSeries* series);
  bool ReadSample(std::string_view message);
  bool ReadExemplar(std::string_view message);
  bool ReadHistogramSample(std::string_view message);
  bool ReadMetadata(std::string_view message);
  bool Fail(const char* where, const char* what);
  bool FailTooMany(const char* what);
  void PointToExemplarLabels();

  const std::string_view request_;
  const char* next_;
  absl::Status status_;
  size_t series_count_ = 0;
  size_t sample_count_ = 0;     // in the request
  size_t exemplar_count_ = 0;   // in the request
  size_t histogram_count_ = 0;  // in the request
  std::string scattered_labels_;
  std::vector<MetadataView> metadata_;
  // Of the series under way.
  std::vector<model::Sample> samples_;
  std::vector<WireHistogram> histograms_;
  std::vector<RemoteExemplar> exemplars_;
  std::vector<LabelView> exemplar_labels_;  // of all its exemplars
  std::vector<size_t> exemplar_labels_end_;
};

// Replaces `labels` by views of the labels in RemoteSeries::label_bytes, as they come. Errors:
// InvalidArgument with the offset in `label_bytes`.
absl::Status ReadLabels(std::string_view label_bytes, std::vector<LabelView>* labels);

// CheckSeriesLabels() of ReadLabels().
absl::StatusOr<model::Labels> SeriesLabels(const RemoteSeries& series);

}  // namespace baro::wire
