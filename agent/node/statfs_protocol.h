// What the agent and its statfs helper say to each other: one message a packet of a SOCK_SEQPACKET
// socket, which the helper finds as descriptor kStatfsDescriptor. Both ends are the same binary on
// the same machine, so the structs travel as they lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baro::agent {

inline constexpr int kStatfsDescriptor = 3;
inline constexpr size_t kStatfsPathBytesMax = 4096;

// Followed by the path, without a zero.
struct StatfsRequest {
  uint64_t id;
};

struct StatfsReply {
  uint64_t id;
  uint64_t error;  // errno; 0: the numbers hold
  uint64_t block_bytes;
  uint64_t blocks;
  uint64_t blocks_free;
  uint64_t blocks_available;
  uint64_t files;
  uint64_t files_free;
};

}  // namespace baro::agent
