// Remote write 1.0: a snappy block around a prometheus.WriteRequest, read where it lies.
//
// This is the way in for foreign senders and a hot path: no message object is built, nothing is
// copied, and labels are not even parsed when their raw bytes are already known. Lengths in the
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

namespace baro::wire {

inline constexpr size_t kRemoteWriteBytesMax = size_t{32} << 20;

// Replaces `decoded` by the content of a snappy block. The size that the block claims is checked
// before anything is allocated. Errors: InvalidArgument (not a snappy block), ResourceExhausted
// (larger than `decoded_bytes_max`).
absl::Status UncompressRemoteWrite(std::string_view body, size_t decoded_bytes_max,
                                   std::string* decoded);

// One series of a request, by reference into the request or the reader; valid until the next
// Next().
struct RemoteSeries {
  size_t index = 0;        // in the request
  size_t byte_offset = 0;  // of the series in the decoded request
  // The protobuf bytes of all its labels, one behind the other: equal bytes, equal labels.
  std::string_view label_bytes;
  std::span<const model::Sample> samples;
  // Skipped, and to be counted by the caller.
  size_t exemplars = 0;
  size_t histograms = 0;
};

struct LabelView {
  std::string_view name;
  std::string_view value;
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

  // Ok, or InvalidArgument with the byte offset and what is wrong there.
  const absl::Status& status() const { return status_; }
  // Complete when Next() has returned false.
  const std::vector<MetadataView>& metadata() const { return metadata_; }
  size_t series_count() const { return series_count_; }

 private:
  bool ReadSeries(std::string_view message, RemoteSeries* series);
  bool ReadSample(std::string_view message);
  bool ReadMetadata(std::string_view message);
  bool Fail(const char* where, const char* what);

  const std::string_view request_;
  const char* next_;
  absl::Status status_;
  size_t series_count_ = 0;
  std::vector<model::Sample> samples_;
  std::string scattered_labels_;
  std::vector<MetadataView> metadata_;
};

// Replaces `labels` by views of the labels in RemoteSeries::label_bytes, as they come. Errors:
// InvalidArgument with the offset in `label_bytes`.
absl::Status ReadLabels(std::string_view label_bytes, std::vector<LabelView>* labels);

// The labels of a series, checked: a metric name, no empty or repeated label name, valid UTF-8; in
// any order (the specification asks for sorted ones, senders differ). Labels with an empty value
// are left out. Errors: InvalidArgument with the series' index and the label.
absl::StatusOr<model::Labels> SeriesLabels(const RemoteSeries& series);

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsValidUtf8(std::string_view text);

}  // namespace baro::wire
