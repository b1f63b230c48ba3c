// What `encode` writes and `send` reads: remote write 1.0 requests, row by row, ready to be sent.
//
// Each request follows its head; numbers are in this machine's byte order, as the stream does not
// leave it.
#pragma once

#include <cstdint>

namespace baro::bench {

inline constexpr uint32_t kRequestMark = 0x31575242;  // "BRW1"

struct RequestHead {
  uint32_t mark = kRequestMark;
  uint32_t row = 0;
  uint32_t samples = 0;
  uint32_t bytes = 0;
};

}  // namespace baro::bench
