// Remote read: prometheus.ReadRequest, and the two forms of its answer.
//
//   SAMPLES                one ReadResponse of raw samples, in a snappy block
//   STREAMED_XOR_CHUNKS    frames of ChunkedReadResponse: size as varint, CRC-32C big-endian,
//   message
//
// Both writers build bytes series by series, without a message object: an answer may hold fifty
// million samples. docs/formats/remote_read.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/model/matcher.h"
#include "baro/model/series_source.h"

namespace baro::wire {

inline constexpr size_t kReadQueriesMax = 1'000;
inline constexpr size_t kReadMatchersMax = 1'000;  // of one query

enum class ReadForm : uint8_t { kSamples, kStreamedChunks };

struct ReadQuery {
  int64_t start_ms = 0;  // both ends are part of the range
  int64_t end_ms = 0;
  std::vector<model::Matcher> matchers;
};

struct ReadRequest {
  std::vector<ReadQuery> queries;
  // The forms that the client takes and we have, the one it likes best first; never empty.
  std::vector<ReadForm> forms;
};

// Reads the message that the request's snappy block holds. Hints are left alone: they only tell
// what may be left out. Errors: InvalidArgument (damaged, bad matcher, no form that we have).
absl::StatusOr<ReadRequest> ParseReadRequest(std::string_view message);

// One series' samples of a query's range: floats, and histograms in between, as SeriesView has
// them; without kNoSample.
struct ReadSeries {
  std::span<const int64_t> times_ms;
  std::span<const double> values;
  std::span<const model::Histogram* const> histograms;  // empty, or as long as `values`
};

// A TimeSeries of a QueryResult, field number and size included: results are these, one behind the
// other.
std::string WriteReadSeries(const model::Labels& labels, const ReadSeries& series);
// What stands in front of a QueryResult of `series_bytes` in a ReadResponse. Every query has one,
// if it found nothing, too.
std::string QueryResultHeader(size_t series_bytes);
// A snappy block of all pieces as one, without putting them together first. Errors:
// ResourceExhausted (snappy ends at 4 GiB).
absl::StatusOr<std::string> SnappyPieces(std::span<const std::string> pieces);

// The frames of one series, each of one ChunkedReadResponse of about `frame_bytes_max` at most.
// Floats lie in XOR chunks of at most 120 samples; at histograms a chunk of their own kind begins.
inline constexpr size_t kFrameBytesMax = 1 << 20;
std::string WriteReadFrames(const model::Labels& labels, const ReadSeries& series,
                            int64_t query_index, size_t frame_bytes_max = kFrameBytesMax);

}  // namespace baro::wire
