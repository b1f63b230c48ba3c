// What the messages of remote write 1.0 and 2.0 have in common: a series' values, and the rules for
// labels.
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
#include "baro/wire/remote_histogram.h"

namespace baro::wire {

inline constexpr size_t kRemoteWriteBytesMax = size_t{32} << 20;
// Of one request. An empty one is told in two bytes and takes some hundred in memory: without a
// bound, a request could ask for gigabytes. Senders stay near 2,000 samples of all kinds.
inline constexpr size_t kRequestSamplesMax = 4'000'000;
inline constexpr size_t kRequestHistogramsMax = 200'000;
inline constexpr size_t kRequestExemplarsMax = 500'000;
inline constexpr size_t kRequestMetadataMax = 500'000;

struct LabelView {
  std::string_view name;
  std::string_view value;
};

struct RemoteExemplar {
  std::span<const LabelView> labels;
  int64_t time_ms = 0;
  double value = 0;
  // 2.0: its labels refer to symbols that do not exist; `labels` is empty then.
  bool damaged_refs = false;
};

// By reference into the request or its reader; valid until the reader's next Next().
struct RemoteValues {
  std::span<const model::Sample> samples;
  std::span<const WireHistogram> histograms;
  std::span<const RemoteExemplar> exemplars;

  bool empty() const { return samples.empty() && histograms.empty() && exemplars.empty(); }
};

// The labels of a series, checked: a metric name, no empty or repeated label name, valid UTF-8; in
// any order (the specifications ask for sorted ones, senders differ). Labels with an empty value
// are left out. Reorders `views`. Errors: InvalidArgument with the series' index in the request,
// the label and the whole label set.
absl::StatusOr<model::Labels> CheckSeriesLabels(size_t series_index, std::vector<LabelView>* views);

// The same for an exemplar's labels, which need no metric name. Errors: InvalidArgument.
absl::StatusOr<model::Labels> CheckExemplarLabels(const RemoteExemplar& exemplar);

// {__name__="up",job="node"}, for messages: cut to some hundred bytes, and always valid UTF-8.
std::string LabelText(std::span<const LabelView> views);

// The type of a metadata message; numbers that are none are kUnknown.
model::MetricType MetricTypeFromWire(uint32_t number);

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool IsValidUtf8(std::string_view text);

// Replaces `decoded` by the content of a snappy block. The size that the block claims is checked
// before anything is allocated. Errors: InvalidArgument (not a snappy block), ResourceExhausted
// (larger than `decoded_bytes_max`, which it names).
absl::Status UncompressRemoteWrite(std::string_view body, size_t decoded_bytes_max,
                                   std::string* decoded);

// The same for zstd frames, which vmagent sends instead of snappy blocks.
absl::Status UncompressZstd(std::string_view body, size_t decoded_bytes_max, std::string* decoded);

}  // namespace baro::wire
