#include "baro/codec/xor_chunk.h"

#include <algorithm>
#include <bit>

#include "baro/base/strings.h"

namespace baro::codec {
namespace {

constexpr size_t kHeaderBytes = 2;  // the sample count, big-endian
constexpr uint32_t kLeadingMax = 31;

// Distances of the distance between two times, by the bits they need: a prefix of ones that a zero
// ends, then the number. Four ones: 64 bits follow.
struct TimeStep {
  uint32_t prefix;
  uint32_t prefix_bits;
  uint32_t bits;
};
constexpr TimeStep kTimeSteps[] = {{0b10, 2, 14}, {0b110, 3, 17}, {0b1110, 4, 20}};

// Two's complement but for the lowest number, which stands for the highest: the format's own range.
bool FitsIn(int64_t value, uint32_t bits) {
  const int64_t half = int64_t{1} << (bits - 1);
  return value > -half && value <= half;
}
int64_t SignedOf(uint64_t bits, uint32_t count) {
  const uint64_t half = uint64_t{1} << (count - 1);
  return static_cast<int64_t>(bits > half ? bits - (uint64_t{1} << count) : bits);
}

// The distance of two distances that stands in front of a value.
bool ReadTimeStep(BitReader* in, int64_t* step) {
  uint64_t raw = 0;
  bool more = false;
  if (!in->Bit(&more)) return false;
  *step = 0;
  if (!more) return true;
  for (const TimeStep& width : kTimeSteps) {
    if (!in->Bit(&more)) return false;
    if (more) continue;
    if (!in->Bits(width.bits, &raw)) return false;
    *step = SignedOf(raw, width.bits);
    return true;
  }
  if (!in->Bits(64, &raw)) return false;
  *step = static_cast<int64_t>(raw);
  return true;
}

bool ReadTime(BitReader* in, size_t index, uint64_t* time_ms, uint64_t* delta_ms) {
  int64_t number = 0;
  if (index == 0) {
    if (!in->Varint(&number)) return false;
    *time_ms = static_cast<uint64_t>(number);
    return true;
  }
  if (index == 1) {
    if (!in->Uvarint(delta_ms)) return false;
  } else {
    if (!ReadTimeStep(in, &number)) return false;
    *delta_ms += static_cast<uint64_t>(number);
  }
  *time_ms += *delta_ms;
  return true;
}

}  // namespace

void XorValueWriter::First(double value, BitWriter* out) {
  bits_ = std::bit_cast<uint64_t>(value);
  out->Bits(bits_, 64);
}

void XorValueWriter::Next(double value, BitWriter* out) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t differing = bits ^ bits_;
  bits_ = bits;
  out->Bit(differing != 0);
  if (differing == 0) return;
  const uint32_t leading =
      std::min(static_cast<uint32_t>(std::countl_zero(differing)), kLeadingMax);
  const auto trailing = static_cast<uint32_t>(std::countr_zero(differing));
  const bool fits = leading_ != kNone && leading >= leading_ && trailing >= trailing_;
  out->Bit(!fits);
  if (!fits) {
    leading_ = leading;
    trailing_ = trailing;
    out->Bits(leading, 5);
    out->Bits(64 - leading - trailing, 6);  // 64 does not fit and is written as 0
  }
  out->Bits(differing >> trailing_, 64 - leading_ - trailing_);
}

bool XorValueReader::First(BitReader* in, double* value) {
  if (!in->Bits(64, &bits_)) return false;
  *value = std::bit_cast<double>(bits_);
  return true;
}

bool XorValueReader::Next(BitReader* in, double* value) {
  bool differs = false;
  if (!in->Bit(&differs)) return false;
  if (differs) {
    bool new_window = false;
    uint64_t differing = 0;
    if (!in->Bit(&new_window) || (new_window && !ReadWindow(in)) ||
        !in->Bits(64 - leading_ - trailing_, &differing)) {
      return false;
    }
    bits_ ^= differing << trailing_;
  }
  *value = std::bit_cast<double>(bits_);
  return true;
}

bool XorValueReader::ReadWindow(BitReader* in) {
  uint64_t leading = 0;
  uint64_t size = 0;
  if (!in->Bits(5, &leading) || !in->Bits(6, &size)) return false;
  if (size == 0) size = 64;
  if (leading + size > 64) return false;
  leading_ = static_cast<uint32_t>(leading);
  trailing_ = static_cast<uint32_t>(64 - leading - size);
  return true;
}

void XorChunkWriter::Append(model::Sample sample) {
  if (sample_count_ == 0) out_.Bits(0, 8 * kHeaderBytes);
  AppendTime(sample.time_ms);
  if (sample_count_ == 0) {
    value_.First(sample.value, &out_);
  } else {
    value_.Next(sample.value, &out_);
  }
  ++sample_count_;
}

void XorChunkWriter::AppendTime(int64_t time_ms) {
  const uint64_t delta_ms = static_cast<uint64_t>(time_ms) - static_cast<uint64_t>(time_ms_);
  const auto step = static_cast<int64_t>(delta_ms - delta_ms_);
  time_ms_ = time_ms;
  if (sample_count_ == 0) return out_.Varint(time_ms);
  delta_ms_ = delta_ms;
  if (sample_count_ == 1) return out_.Uvarint(delta_ms);
  if (step == 0) return out_.Bit(false);
  for (const TimeStep& width : kTimeSteps) {
    if (!FitsIn(step, width.bits)) continue;
    out_.Bits(width.prefix, width.prefix_bits);
    return out_.Bits(static_cast<uint64_t>(step), width.bits);
  }
  out_.Bits(0b1111, 4);
  out_.Bits(static_cast<uint64_t>(step), 64);
}

std::string XorChunkWriter::Finish() {
  std::string bytes = out_.Finish();
  if (bytes.empty()) bytes.resize(kHeaderBytes);
  bytes[0] = static_cast<char>(sample_count_ >> 8);
  bytes[1] = static_cast<char>(sample_count_);
  *this = XorChunkWriter();
  return bytes;
}

absl::Status DecodeXorChunk(std::string_view chunk, std::vector<model::Sample>* samples) {
  if (chunk.size() < kHeaderBytes) {
    return absl::DataLossError(
        base::StrCat("cannot decode xor chunk of ", chunk.size(), " bytes: it has no header"));
  }
  const size_t count = size_t{static_cast<uint8_t>(chunk[0])} << 8 | static_cast<uint8_t>(chunk[1]);
  BitReader in(chunk.substr(kHeaderBytes));
  XorValueReader value;
  uint64_t time_ms = 0;
  uint64_t delta_ms = 0;
  for (size_t i = 0; i < count; ++i) {
    double number = 0;
    if (!ReadTime(&in, i, &time_ms, &delta_ms) ||
        !(i == 0 ? value.First(&in, &number) : value.Next(&in, &number))) {
      return absl::DataLossError(base::StrCat("cannot decode xor chunk of ", chunk.size(),
                                              " bytes: sample ", i, " of ", count,
                                              " is cut off or damaged"));
    }
    samples->push_back({static_cast<int64_t>(time_ms), number});
  }
  return absl::OkStatus();
}

}  // namespace baro::codec
