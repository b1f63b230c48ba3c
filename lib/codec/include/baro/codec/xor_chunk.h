// XOR chunks: how Prometheus keeps float samples of one series, on disk and in remote read.
//
// Not a format of ours (columns are smaller): it is here for those who speak Prometheus'. Times are
// told by the change of their distance, values by the bits that differ from the one before (the
// idea is Facebook's: Pelkonen et al., "Gorilla", VLDB 2015). Bytes: docs/formats/xor_chunk.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "baro/codec/bit_stream.h"
#include "baro/model/sample.h"

namespace baro::codec {

// What Prometheus puts into one chunk; the format can count to kXorChunkSamplesMax.
inline constexpr size_t kXorChunkSamplesUsual = 120;
inline constexpr size_t kXorChunkSamplesMax = 65'535;

// Tells a double by its difference to the one before; the part that histogram chunks share.
// Thread-compatible.
class XorValueWriter {
 public:
  void First(double value, BitWriter* out);
  void Next(double value, BitWriter* out);

 private:
  uint64_t bits_ = 0;
  // Zero bits around those that differed last; no window yet.
  uint32_t leading_ = kNone;
  uint32_t trailing_ = 0;
  static constexpr uint32_t kNone = 0xff;
};

class XorValueReader {
 public:
  // False: cut off, or a window that is none.
  bool First(BitReader* in, double* value);
  bool Next(BitReader* in, double* value);

 private:
  bool ReadWindow(BitReader* in);

  uint64_t bits_ = 0;
  uint32_t leading_ = 0;
  uint32_t trailing_ = 0;
};

// Encodes samples into one chunk; any times, any values, bit for bit. Thread-compatible.
class XorChunkWriter {
 public:
  // Requires sample_count() < kXorChunkSamplesMax.
  void Append(model::Sample sample);

  size_t sample_count() const { return sample_count_; }
  // The chunk's bytes, its sample count in front; leaves the writer empty.
  std::string Finish();

 private:
  void AppendTime(int64_t time_ms);

  BitWriter out_;
  XorValueWriter value_;
  size_t sample_count_ = 0;
  int64_t time_ms_ = 0;
  uint64_t delta_ms_ = 0;  // modulo 2^64, as the format has it
};

// Adds the samples of a chunk to `samples`. Foreign bytes. Errors: DataLoss with the number of the
// sample that cannot be read; those before it have been added.
absl::Status DecodeXorChunk(std::string_view chunk, std::vector<model::Sample>* samples);

}  // namespace baro::codec
