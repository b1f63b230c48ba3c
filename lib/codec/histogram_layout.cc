#include "histogram_layout.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

#include "baro/codec/histogram_chunk.h"

namespace baro::codec {
namespace {

constexpr uint32_t kWidths[] = {3, 6, 9, 12, 18, 25, 56};
constexpr uint32_t kWidthCount = std::size(kWidths);

// The prefix of the i-th width: i + 1 ones, then a zero.
void WritePrefix(uint32_t i, BitWriter* out) { out->Bits((uint64_t{2} << (i + 1)) - 2, i + 2); }

// The bits of a number; 0 for the number 0, which has none.
bool ReadBits(BitReader* in, uint32_t* width, uint64_t* bits) {
  bool more = false;
  if (!in->Bit(&more)) return false;
  *width = 0;
  *bits = 0;
  if (!more) return true;
  for (const uint32_t each : kWidths) {
    if (!in->Bit(&more)) return false;
    if (!more) return in->Bits(*width = each, bits);
  }
  return in->Bits(*width = 64, bits);
}

// Powers of two from 2^-243 to 2^10 take one byte, the exponent as frexp() tells it plus 243.
constexpr int kExponentBias = 243;

void WriteZeroThreshold(double threshold, BitWriter* out) {
  int exponent = 0;
  if (threshold == 0) return out->Bits(0, 8);
  if (std::frexp(threshold, &exponent) != 0.5 || exponent < -242 || exponent > 11) {
    out->Bits(255, 8);
    return out->Bits(std::bit_cast<uint64_t>(threshold), 64);
  }
  out->Bits(static_cast<uint64_t>(exponent + kExponentBias), 8);
}

bool ReadZeroThreshold(BitReader* in, double* threshold) {
  uint64_t byte = 0;
  uint64_t bits = 0;
  if (!in->Bits(8, &byte)) return false;
  *threshold = byte == 0 ? 0 : std::ldexp(0.5, static_cast<int>(byte) - kExponentBias);
  if (byte != 255) return true;
  if (!in->Bits(64, &bits)) return false;
  *threshold = std::bit_cast<double>(bits);
  return true;
}

// Whole thousandths up to 33,554.430 are numbers from 1; 0 says that a double follows.
void WriteCustomBound(double bound, BitWriter* out) {
  const double scaled = bound * 1000;
  if (scaled >= 0 && scaled <= 33'554'430) {
    const auto thousandths = static_cast<uint64_t>(std::round(scaled));
    const bool negative_zero = thousandths == 0 && std::signbit(bound);
    if (!negative_zero && static_cast<double>(thousandths) / 1000 == bound) {
      return WriteVarbitUnsigned(thousandths + 1, out);
    }
  }
  out->Bit(false);
  out->Bits(std::bit_cast<uint64_t>(bound), 64);
}

bool ReadCustomBound(BitReader* in, double* bound) {
  uint64_t number = 0;
  if (!ReadVarbitUnsigned(in, &number)) return false;
  if (number != 0) {
    *bound = static_cast<double>(number - 1) / 1000;
    return true;
  }
  if (!in->Bits(64, &number)) return false;
  *bound = std::bit_cast<double>(number);
  return true;
}

struct Span {
  int64_t offset = 0;
  uint64_t length = 0;
};

void WriteSpans(std::span<const int32_t> indexes, BitWriter* out) {
  std::vector<Span> spans;
  int64_t end = 0;  // of the span before
  for (const int64_t index : indexes) {
    if (spans.empty() || index != end) spans.push_back({index - end, 0});
    ++spans.back().length;
    end = index + 1;
  }
  WriteVarbitUnsigned(spans.size(), out);
  for (const Span& span : spans) {
    WriteVarbitUnsigned(span.length, out);
    WriteVarbit(span.offset, out);
  }
}

bool ReadSpans(BitReader* in, std::vector<int32_t>* indexes) {
  uint64_t spans = 0;
  if (!ReadVarbitUnsigned(in, &spans) || spans > kChunkBucketsMax) return false;
  int64_t next = 0;
  for (uint64_t i = 0; i < spans; ++i) {
    uint64_t length = 0;
    int64_t offset = 0;
    if (!ReadVarbitUnsigned(in, &length) || !ReadVarbit(in, &offset)) return false;
    if (length > kChunkBucketsMax - indexes->size() || (i > 0 && offset < 0) ||
        std::abs(next) > INT32_MAX || offset < INT32_MIN || offset > INT32_MAX) {
      return false;
    }
    next += offset;
    for (uint64_t j = 0; j < length; ++j, ++next) {
      if (next < INT32_MIN || next > INT32_MAX) return false;
      indexes->push_back(static_cast<int32_t>(next));
    }
  }
  return true;
}

void Unite(std::span<const model::Histogram::Bucket> buckets, std::vector<int32_t>* indexes) {
  std::vector<int32_t> added;
  added.reserve(buckets.size());
  for (const auto& bucket : buckets) added.push_back(bucket.index);
  if (std::includes(indexes->begin(), indexes->end(), added.begin(), added.end())) return;
  std::vector<int32_t> all;
  std::set_union(indexes->begin(), indexes->end(), added.begin(), added.end(),
                 std::back_inserter(all));
  *indexes = std::move(all);
}

}  // namespace

void WriteVarbit(int64_t value, BitWriter* out) {
  if (value == 0) return out->Bit(false);
  for (uint32_t i = 0; i < kWidthCount; ++i) {
    const int64_t half = int64_t{1} << (kWidths[i] - 1);
    if (value <= -half || value > half) continue;
    WritePrefix(i, out);
    return out->Bits(static_cast<uint64_t>(value), kWidths[i]);
  }
  out->Bits(0xff, 8);
  out->Bits(static_cast<uint64_t>(value), 64);
}

void WriteVarbitUnsigned(uint64_t value, BitWriter* out) {
  if (value == 0) return out->Bit(false);
  for (uint32_t i = 0; i < kWidthCount; ++i) {
    if (value >> kWidths[i] != 0) continue;
    WritePrefix(i, out);
    return out->Bits(value, kWidths[i]);
  }
  out->Bits(0xff, 8);
  out->Bits(value, 64);
}

bool ReadVarbit(BitReader* in, int64_t* value) {
  uint32_t width = 0;
  uint64_t bits = 0;
  if (!ReadBits(in, &width, &bits)) return false;
  // The pattern of a one and zeros is the highest number, not the lowest.
  const bool negative = width != 0 && width != 64 && bits > uint64_t{1} << (width - 1);
  *value = static_cast<int64_t>(negative ? bits - (uint64_t{1} << width) : bits);
  return true;
}

bool ReadVarbitUnsigned(BitReader* in, uint64_t* value) {
  uint32_t width = 0;
  return ReadBits(in, &width, value);
}

void HistogramLayout::Cover(const model::Histogram& histogram) {
  Unite(histogram.positive, &positive);
  Unite(histogram.negative, &negative);
}

void HistogramLayout::Write(BitWriter* out) const {
  WriteZeroThreshold(zero_threshold, out);
  WriteVarbit(schema, out);
  WriteSpans(positive, out);
  WriteSpans(negative, out);
  if (schema != model::kCustomBoundsSchema) return;
  WriteVarbitUnsigned(custom_bounds.size(), out);
  for (const double bound : custom_bounds) WriteCustomBound(bound, out);
}

bool HistogramLayout::Read(BitReader* in) {
  int64_t number = 0;
  if (!ReadZeroThreshold(in, &zero_threshold) || !ReadVarbit(in, &number)) return false;
  if (number < std::numeric_limits<int8_t>::min() || number > std::numeric_limits<int8_t>::max()) {
    return false;
  }
  schema = static_cast<int32_t>(number);
  if (!ReadSpans(in, &positive) || !ReadSpans(in, &negative)) return false;
  if (schema != model::kCustomBoundsSchema) return true;
  uint64_t bounds = 0;
  if (!ReadVarbitUnsigned(in, &bounds) || bounds > kChunkBucketsMax) return false;
  for (uint64_t i = 0; i < bounds; ++i) {
    if (!ReadCustomBound(in, &custom_bounds.emplace_back())) return false;
  }
  return true;
}

void CountsAt(std::span<const model::Histogram::Bucket> buckets, std::span<const int32_t> indexes,
              std::vector<double>* counts) {
  counts->assign(indexes.size(), 0);
  size_t at = 0;
  for (const auto& bucket : buckets) {
    while (indexes[at] != bucket.index) ++at;
    (*counts)[at] = bucket.count;
  }
}

}  // namespace baro::codec
