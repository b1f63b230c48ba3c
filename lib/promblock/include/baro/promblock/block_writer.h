// BlockWriter: writes series as a block of Prometheus' TSDB, which promtool, Prometheus, Thanos and
// Mimir read as their own.
//
// Source of the format: Prometheus' published descriptions of index version 2, chunk segments,
// tombstones and meta.json. Bytes: docs/formats/prometheus_blocks.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"

namespace baro::promblock {

// Encodings of a chunk's data, by Prometheus' numbers.
enum class ChunkEncoding : uint8_t { kXor = 1, kHistogram = 2, kFloatHistogram = 3 };

struct Chunk {
  int64_t time_ms_min = 0;  // of its first sample
  int64_t time_ms_max = 0;  // of its last sample
  ChunkEncoding encoding = ChunkEncoding::kXor;
  std::string data;
  uint64_t sample_count = 0;
};

// Thread-compatible. Nothing is in the block's place before Finish(): it is written beside it and
// renamed; the destructor removes what was not finished.
class BlockWriter {
 public:
  struct Options {
    std::string folder;       // that holds blocks; made when absent
    int64_t time_ms_min = 0;  // of the block; samples lie in [time_ms_min, time_ms_end)
    int64_t time_ms_end = 0;
    // The random half of the block's name: drawn by the caller, so that tests can repeat.
    uint64_t seed_high = 0;
    uint64_t seed_low = 0;
    int64_t now_ms = 0;
  };
  // Errors: ResourceExhausted (disk full), Unavailable.
  static absl::StatusOr<std::unique_ptr<BlockWriter>> Create(Options options);
  virtual ~BlockWriter() = default;

  // Series in any order, each once; chunks ascend and do not overlap. Errors: InvalidArgument (a
  // chunk outside the block's range, chunks out of order, no chunk at all), and Create()'s.
  virtual absl::Status Add(const model::Labels& labels, const std::vector<Chunk>& chunks) = 0;

  // Writes index and meta.json and syncs everything. Returns the block's folder; empty when no
  // series was added: an empty block is none. Errors: AlreadyExists (a label set came twice), and
  // Create()'s.
  virtual absl::StatusOr<std::string> Finish() = 0;
};

// A name as blocks have it: 26 characters of Crockford's base 32, the time first.
std::string BlockName(int64_t time_ms, uint64_t seed_high, uint64_t seed_low);

}  // namespace baro::promblock
