// BlockReader: reads a block of Prometheus' TSDB: every series with its chunks, checksums held
// against the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/promblock/block_writer.h"

namespace baro::promblock {

struct BlockSeries {
  model::Labels labels;
  std::vector<Chunk> chunks;
  // Deleted from the block, not yet gone: samples in these ranges (both ends part of them) do not
  // count. Sorted, disjoint.
  struct Deleted {
    int64_t time_ms_min = 0;
    int64_t time_ms_max = 0;
  };
  std::vector<Deleted> deleted;
};

// Thread-compatible. Maps the files: they must not shrink meanwhile.
class BlockReader {
 public:
  // `folder` is the block's own. Errors: NotFound (no block there), DataLoss (file and offset),
  // Unimplemented (index version 1, or one that is newer than ours).
  static absl::StatusOr<std::unique_ptr<BlockReader>> Open(const std::string& folder);
  virtual ~BlockReader() = default;

  virtual int64_t time_ms_min() const = 0;
  virtual int64_t time_ms_end() const = 0;
  // False at the end. Errors: DataLoss; the next call goes on behind the damage.
  virtual absl::StatusOr<bool> Next(BlockSeries* series) = 0;
};

// Folders of blocks below `folder`, oldest first: those that hold a meta.json. `folder` may be a
// block itself.
absl::StatusOr<std::vector<std::string>> ListBlocks(const std::string& folder);

}  // namespace baro::promblock
