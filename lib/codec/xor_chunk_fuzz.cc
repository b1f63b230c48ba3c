// What decodes from arbitrary bytes encodes to a chunk that decodes to the same; nothing else
// happens.

#include <bit>
#include <cstdint>

#include "baro/base/check.h"
#include "baro/codec/xor_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using baro::model::Sample;
  std::vector<Sample> samples;
  const auto status =
      baro::codec::DecodeXorChunk({reinterpret_cast<const char*>(data), size}, &samples);
  BARO_CHECK_LE(samples.size(), baro::codec::kXorChunkSamplesMax);
  if (!status.ok()) return 0;
  baro::codec::XorChunkWriter writer;
  for (const Sample& sample : samples) writer.Append(sample);
  std::vector<Sample> again;
  BARO_CHECK(baro::codec::DecodeXorChunk(writer.Finish(), &again).ok());
  BARO_CHECK_EQ(again.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    BARO_CHECK_EQ(again[i].time_ms, samples[i].time_ms);
    BARO_CHECK_EQ(std::bit_cast<uint64_t>(again[i].value),
                  std::bit_cast<uint64_t>(samples[i].value));
  }
  return 0;
}
