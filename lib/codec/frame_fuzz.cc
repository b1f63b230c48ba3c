// Frames: arbitrary bytes never crash the decoder, and what it makes of them can be handed to
// another decoder; arbitrary rows come back.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "baro/base/check.h"
#include "baro/codec/frame.h"

namespace baro::codec {
namespace {

bool SameBits(std::span<const double> a, std::span<const double> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// The first byte says how many columns there are.
void DecodeBytes(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto column_count = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  FrameDecoder decoder(column_count);
  std::vector<uint64_t> changed;
  while (!bytes.empty()) {
    Row row;
    if (!decoder.Decode(&bytes, &row, &changed).ok()) continue;
    std::string state;
    decoder.EncodeState(&state);
    std::string_view left = state;
    FrameDecoder other(column_count);
    Row other_row;
    BARO_CHECK(other.Decode(&left, &other_row).ok());
    BARO_CHECK(left.empty() && row.time_ms == other_row.time_ms);
    BARO_CHECK(SameBits(row.values, other_row.values));
  }
}

// Rows whose values are taken from the input: its bits, or small decimals.
void RoundTrip(std::string_view bytes) {
  constexpr size_t kColumns = 5;
  FrameEncoder encoder(kColumns);
  FrameDecoder decoder(kColumns);
  std::vector<double> values(kColumns);
  for (int64_t time_ms = 0; bytes.size() >= 10; ++time_ms) {
    const auto what = static_cast<uint8_t>(bytes[0]);
    double& value = values[static_cast<uint8_t>(bytes[1]) % kColumns];
    if (what & 1) {
      std::memcpy(&value, bytes.data() + 2, sizeof(value));
    } else {
      value += bytes[2] * ((what & 2) ? 0.01 : 512.0);
    }
    bytes.remove_prefix(10);
    std::string frame;
    encoder.Encode({time_ms, values}, (what & 0xf0) == 0xf0, &frame);
    std::string_view left = frame;
    Row row;
    BARO_CHECK(decoder.Decode(&left, &row).ok());
    BARO_CHECK(left.empty() && row.time_ms == time_ms && SameBits(row.values, values));
  }
}

}  // namespace
}  // namespace baro::codec

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  baro::codec::DecodeBytes(bytes);
  baro::codec::RoundTrip(bytes);
  return 0;
}
