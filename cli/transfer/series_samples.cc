#include "transfer/series_samples.h"

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/codec/histogram_chunk.h"
#include "baro/codec/xor_chunk.h"

namespace baro::cli {
namespace {

using promblock::Chunk;
using promblock::ChunkEncoding;

bool IsHistogram(const SeriesSamples& series, size_t i) {
  return i < series.histograms.size() && series.histograms[i] != nullptr;
}

// Samples from `begin` on that are floats, at most as many as a chunk has.
Chunk EncodeFloats(const SeriesSamples& series, size_t begin) {
  codec::XorChunkWriter writer;
  size_t end = begin;
  while (end < series.values.size() && !IsHistogram(series, end) &&
         writer.sample_count() < codec::kXorChunkSamplesUsual) {
    writer.Append({series.times_ms[end], series.values[end]});
    ++end;
  }
  const uint64_t count = end - begin;
  return {series.times_ms[begin], series.times_ms[end - 1], ChunkEncoding::kXor, writer.Finish(),
          count};
}

Chunk EncodeHistograms(const SeriesSamples& series, size_t begin) {
  std::vector<codec::HistogramAt> histograms;
  for (size_t i = begin; i < series.values.size() && IsHistogram(series, i) &&
                         histograms.size() < codec::kXorChunkSamplesUsual;
       ++i) {
    histograms.push_back({series.times_ms[i], series.histograms[i].get()});
  }
  codec::HistogramChunk encoded =
      codec::EncodeHistogramChunk(histograms, codec::kXorChunkSamplesUsual);
  return {series.times_ms[begin], series.times_ms[begin + encoded.sample_count - 1],
          encoded.float_counts ? ChunkEncoding::kFloatHistogram : ChunkEncoding::kHistogram,
          std::move(encoded.bytes), encoded.sample_count};
}

}  // namespace

void SeriesSamples::Add(int64_t time_ms, double value) {
  times_ms.push_back(time_ms);
  values.push_back(value);
  if (!histograms.empty()) histograms.emplace_back();
}

void SeriesSamples::Add(int64_t time_ms, model::Histogram histogram) {
  times_ms.push_back(time_ms);
  values.push_back(model::kHistogramMark);
  histograms.resize(values.size());
  histograms.back() = std::make_shared<const model::Histogram>(std::move(histogram));
}

absl::Status AddChunk(const Chunk& chunk, SeriesSamples* series) {
  if (chunk.encoding == ChunkEncoding::kXor) {
    std::vector<model::Sample> samples;
    BARO_TRY(codec::DecodeXorChunk(chunk.data, &samples));
    for (const model::Sample& sample : samples) series->Add(sample.time_ms, sample.value);
    return absl::OkStatus();
  }
  if (chunk.encoding != ChunkEncoding::kHistogram &&
      chunk.encoding != ChunkEncoding::kFloatHistogram) {
    return absl::UnimplementedError(base::StrCat("cannot read a chunk of encoding ",
                                                 static_cast<int>(chunk.encoding), " of ",
                                                 series->labels.ToString()));
  }
  std::vector<codec::DecodedHistogram> histograms;
  BARO_TRY(codec::DecodeHistogramChunk(chunk.data, chunk.encoding == ChunkEncoding::kFloatHistogram,
                                       &histograms));
  for (codec::DecodedHistogram& decoded : histograms) {
    if (model::IsStaleNan(decoded.histogram.sum)) {
      series->Add(decoded.time_ms, model::kStaleNan);
    } else {
      series->Add(decoded.time_ms, std::move(decoded.histogram));
    }
  }
  return absl::OkStatus();
}

std::vector<Chunk> EncodeChunks(const SeriesSamples& series) {
  std::vector<Chunk> chunks;
  for (size_t begin = 0; begin < series.values.size(); begin += chunks.back().sample_count) {
    chunks.push_back(IsHistogram(series, begin) ? EncodeHistograms(series, begin)
                                                : EncodeFloats(series, begin));
  }
  return chunks;
}

}  // namespace baro::cli
