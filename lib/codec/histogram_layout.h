// HistogramLayout: what all histograms of a chunk have in common.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baro/codec/bit_stream.h"
#include "baro/model/histogram.h"

namespace baro::codec {

// Numbers as histogram chunks have them: a prefix of ones, a zero, and 3, 6, 9, 12, 18, 25, 56 or
// 64 bits; a zero bit alone is 0.
void WriteVarbit(int64_t value, BitWriter* out);
void WriteVarbitUnsigned(uint64_t value, BitWriter* out);
bool ReadVarbit(BitReader* in, int64_t* value);
bool ReadVarbitUnsigned(BitReader* in, uint64_t* value);

struct HistogramLayout {
  int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<double> custom_bounds;
  // Indexes of buckets, ascending.
  std::vector<int32_t> positive;
  std::vector<int32_t> negative;

  // Takes the union of buckets; the rest is that of the first.
  void Cover(const model::Histogram& histogram);
  void Write(BitWriter* out) const;
  // False: damaged, or too large (kChunkBucketsMax).
  bool Read(BitReader* in);
};

// The counts of `buckets` at `indexes`, 0 where there is none. All buckets are among `indexes`.
void CountsAt(std::span<const model::Histogram::Bucket> buckets, std::span<const int32_t> indexes,
              std::vector<double>* counts);

}  // namespace baro::codec
