// Histogram chunks: how Prometheus keeps native histograms of one series, on disk and in remote
// read. Like xor_chunk.h, it is here for those who speak Prometheus' formats.
//
// A chunk tells its layout once (schema, zero threshold, spans, custom bounds), then each histogram
// as numbers against the one before. Counters never fall within a chunk: at a reset a new one
// begins. Bytes: docs/formats/xor_chunk.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/histogram.h"

namespace baro::codec {

// Buckets of one chunk's layout, and custom bounds, that a decoder takes.
inline constexpr size_t kChunkBucketsMax = 20'000;

// Whether its counts must be told as floats: the sender's were, or they are none that a whole
// number of 63 bits could be.
bool HasFloatCounts(const model::Histogram& histogram);

struct HistogramAt {
  int64_t time_ms = 0;
  const model::Histogram* histogram = nullptr;
};

struct HistogramChunk {
  std::string bytes;
  size_t sample_count = 0;
  bool float_counts = false;  // Prometheus has an encoding number for each kind
};

// Encodes as many of the first `samples_max` histograms as can lie in one chunk; at least one.
// Requires histograms and 0 < samples_max <= 65,535. Buckets that some of them lack are told as
// empty.
HistogramChunk EncodeHistogramChunk(std::span<const HistogramAt> histograms, size_t samples_max);

struct DecodedHistogram {
  int64_t time_ms = 0;
  // A stale one has sum kStaleNan and nothing else. Empty buckets are left out.
  model::Histogram histogram;
};

// Adds the histograms of a chunk to `histograms`. Foreign bytes: counts are not held against
// buckets. Errors: DataLoss with the number of the sample that cannot be read; those before it have
// been added.
absl::Status DecodeHistogramChunk(std::string_view chunk, bool float_counts,
                                  std::vector<DecodedHistogram>* histograms);

}  // namespace baro::codec
