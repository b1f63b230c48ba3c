// SeriesSamples: one series on its way into the collector or out of it, decoded.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/histogram.h"
#include "baro/model/labels.h"
#include "baro/promblock/block_writer.h"

namespace baro::cli {

struct SeriesSamples {
  model::Labels labels;
  std::vector<int64_t> times_ms;
  std::vector<double> values;  // model::kHistogramMark where the sample is a histogram
  // Empty, or as long as `values`: null where the sample is a float.
  std::vector<std::shared_ptr<const model::Histogram>> histograms;

  void Add(int64_t time_ms, double value);
  void Add(int64_t time_ms, model::Histogram histogram);
};

// Adds a chunk's samples. Errors: DataLoss (the number of the sample that cannot be read),
// Unimplemented (an encoding that is not known).
absl::Status AddChunk(const promblock::Chunk& chunk, SeriesSamples* series);

// Chunks of a series as Prometheus cuts them: 120 samples, floats and histograms apart.
std::vector<promblock::Chunk> EncodeChunks(const SeriesSamples& series);

}  // namespace baro::cli
