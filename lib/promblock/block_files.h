// The files of a block beside its index: chunk segments, tombstones, meta.json.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "baro/promblock/block_reader.h"
#include "baro/promblock/block_writer.h"
#include "index_writer.h"

namespace baro::promblock {

// Writes chunks one behind the other, a new segment file when one is full. Thread-compatible.
class ChunkWriter {
 public:
  explicit ChunkWriter(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<ChunkRef> Add(const Chunk& chunk);
  // Syncs the last segment.
  absl::Status Finish();

 private:
  absl::Status OpenSegment();
  absl::Status Flush();

  const std::string folder_;
  std::unique_ptr<base::AppendFile> file_;
  uint32_t segment_ = 0;  // files opened so far
  uint64_t size_ = 0;     // of the open one, what waits in `buffer_` included
  std::string buffer_;
};

// A file in memory as long as this lives. Thread-compatible.
class MappedFile {
 public:
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {static_cast<const char*>(bytes_), size_}; }

 private:
  MappedFile(std::string path, void* bytes, size_t size)
      : path_(std::move(path)), bytes_(bytes), size_(size) {}

  const std::string path_;
  void* const bytes_;
  const size_t size_;
};

// Reads chunks by their references. Thread-compatible.
class ChunkReader {
 public:
  explicit ChunkReader(std::string folder) : folder_(std::move(folder)) {}
  // Fills encoding and data. Errors: DataLoss, naming segment and offset; NotFound.
  absl::Status Read(ChunkRef ref, Chunk* chunk);

 private:
  absl::StatusOr<const MappedFile*> Segment(uint32_t number);

  const std::string folder_;
  std::vector<std::unique_ptr<MappedFile>> segments_;
};

struct BlockMeta {
  std::string name;
  int64_t time_ms_min = 0;
  int64_t time_ms_end = 0;
  uint64_t samples = 0;
  uint64_t series = 0;
  uint64_t chunks = 0;
};
std::string EncodeMeta(const BlockMeta& meta);
// Errors: DataLoss.
absl::StatusOr<BlockMeta> DecodeMeta(std::string_view json);

// Deleted ranges by the reference of their series.
using Tombstones = std::map<uint64_t, std::vector<BlockSeries::Deleted>>;
std::string EncodeNoTombstones();
// Errors: DataLoss.
absl::StatusOr<Tombstones> DecodeTombstones(std::string_view bytes);

}  // namespace baro::promblock
