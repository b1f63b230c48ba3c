#include "baro/promblock/block_reader.h"

#include <algorithm>
#include <utility>

#include "baro/base/disk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "block_files.h"
#include "index_reader.h"

namespace baro::promblock {
namespace {

class FolderReader final : public BlockReader {
 public:
  FolderReader(std::unique_ptr<MappedFile> index_file, IndexReader index, BlockMeta meta,
               Tombstones tombstones, const std::string& folder)
      : index_file_(std::move(index_file)),
        index_(std::move(index)),
        meta_(std::move(meta)),
        tombstones_(std::move(tombstones)),
        chunks_(folder + "/chunks") {}

  int64_t time_ms_min() const override { return meta_.time_ms_min; }
  int64_t time_ms_end() const override { return meta_.time_ms_end; }
  absl::StatusOr<bool> Next(BlockSeries* series) override;

 private:
  const std::unique_ptr<MappedFile> index_file_;
  IndexReader index_;
  const BlockMeta meta_;
  const Tombstones tombstones_;
  ChunkReader chunks_;
};

absl::StatusOr<bool> FolderReader::Next(BlockSeries* series) {
  IndexedSeries indexed;
  BARO_TRY_ASSIGN(const bool there, index_.Next(&indexed));
  if (!there) return false;
  series->labels = std::move(indexed.labels);
  series->chunks.clear();
  for (const ChunkPlace& place : indexed.chunks) {
    Chunk& chunk = series->chunks.emplace_back();
    chunk.time_ms_min = place.time_ms_min;
    chunk.time_ms_max = place.time_ms_max;
    BARO_TRY(chunks_.Read(place.ref, &chunk));
  }
  const auto deleted = tombstones_.find(indexed.reference);
  series->deleted =
      deleted == tombstones_.end() ? std::vector<BlockSeries::Deleted>() : deleted->second;
  return true;
}

// Whole small files.
absl::StatusOr<std::string> ReadSmall(const std::string& path) {
  constexpr size_t kSmallBytesMax = size_t{64} << 20;
  return base::RealDisk()->Read(path, 0, kSmallBytesMax);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockReader>> BlockReader::Open(const std::string& folder) {
  BARO_TRY_ASSIGN(const std::string meta_json, ReadSmall(folder + "/meta.json"));
  BARO_TRY_ASSIGN(BlockMeta meta, DecodeMeta(meta_json));
  Tombstones tombstones;
  const auto tombstones_bytes = ReadSmall(folder + "/tombstones");
  if (tombstones_bytes.ok()) {
    BARO_TRY_ASSIGN(tombstones, DecodeTombstones(*tombstones_bytes));
  } else if (tombstones_bytes.status().code() != absl::StatusCode::kNotFound) {
    return tombstones_bytes.status();
  }
  BARO_TRY_ASSIGN(auto index_file, MappedFile::Open(folder + "/index"));
  BARO_TRY_ASSIGN(IndexReader index, IndexReader::Open(index_file->bytes()));
  return std::make_unique<FolderReader>(std::move(index_file), std::move(index), std::move(meta),
                                        std::move(tombstones), folder);
}

absl::StatusOr<std::vector<std::string>> ListBlocks(const std::string& folder) {
  if (base::RealDisk()->Size(folder + "/meta.json").ok()) return std::vector{folder};
  BARO_TRY_ASSIGN(const std::vector<std::string> names, base::RealDisk()->List(folder));
  std::vector<std::pair<int64_t, std::string>> blocks;
  for (const std::string& name : names) {
    const std::string block = base::StrCat(folder, "/", name);
    const auto json = ReadSmall(block + "/meta.json");
    if (!json.ok()) continue;  // "wal", "chunks_head", a block in the making
    BARO_TRY_ASSIGN(const BlockMeta meta, DecodeMeta(*json));
    blocks.emplace_back(meta.time_ms_min, block);
  }
  std::sort(blocks.begin(), blocks.end());
  std::vector<std::string> sorted;
  for (auto& [time_ms, block] : blocks) sorted.push_back(std::move(block));
  return sorted;
}

}  // namespace baro::promblock
