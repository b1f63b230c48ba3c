// Arbitrary bytes decode to histograms or to an error; what decodes can be encoded and decodes to
// the same counts. The first byte chooses the kind.

#include <cmath>
#include <cstdint>

#include "baro/base/check.h"
#include "baro/codec/histogram_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::codec;
  if (size == 0) return 0;
  const bool floats = data[0] % 2 != 0;
  std::vector<DecodedHistogram> histograms;
  const auto status = DecodeHistogramChunk({reinterpret_cast<const char*>(data + 1), size - 1},
                                           floats, &histograms);
  if (!status.ok() || histograms.empty()) return 0;
  std::vector<HistogramAt> at;
  for (const DecodedHistogram& each : histograms) at.push_back({each.time_ms, &each.histogram});
  const HistogramChunk chunk = EncodeHistogramChunk(at, 120);
  std::vector<DecodedHistogram> again;
  BARO_CHECK(DecodeHistogramChunk(chunk.bytes, chunk.float_counts, &again).ok());
  BARO_CHECK_EQ(again.size(), chunk.sample_count);
  for (size_t i = 0; i < again.size(); ++i) {
    BARO_CHECK_EQ(again[i].time_ms, histograms[i].time_ms);
    BARO_CHECK_EQ(again[i].histogram.positive.size(), histograms[i].histogram.positive.size());
    BARO_CHECK_EQ(again[i].histogram.negative.size(), histograms[i].histogram.negative.size());
  }
  return 0;
}
