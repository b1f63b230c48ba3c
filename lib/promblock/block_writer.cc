#include "baro/promblock/block_writer.h"

#include <array>
#include <filesystem>
#include <utility>

#include "baro/base/disk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "block_files.h"
#include "index_writer.h"

namespace baro::promblock {
namespace {

class FolderWriter final : public BlockWriter {
 public:
  explicit FolderWriter(Options options)
      : options_(std::move(options)),
        name_(BlockName(options_.now_ms, options_.seed_high, options_.seed_low)),
        // Prometheus removes folders of this ending when it starts.
        folder_(base::StrCat(options_.folder, "/", name_, ".tmp-for-creation")),
        chunks_(folder_ + "/chunks") {}
  ~FolderWriter() override {
    std::error_code ignored;
    if (!finished_) std::filesystem::remove_all(folder_, ignored);
  }

  absl::Status Create() { return base::RealDisk()->CreateDirs(folder_ + "/chunks"); }
  absl::Status Add(const model::Labels& labels, const std::vector<Chunk>& chunks) override;
  absl::StatusOr<std::string> Finish() override;

 private:
  absl::Status Check(const model::Labels& labels, const std::vector<Chunk>& chunks) const;
  absl::Status Write(std::string_view name, std::string_view bytes) const;

  const Options options_;
  const std::string name_;
  const std::string folder_;
  ChunkWriter chunks_;
  IndexWriter index_;
  uint64_t sample_count_ = 0;
  uint64_t chunk_count_ = 0;
  bool finished_ = false;
};

absl::Status FolderWriter::Check(const model::Labels& labels,
                                 const std::vector<Chunk>& chunks) const {
  const auto refuse = [&](std::string_view what) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot add ", labels.ToString(), " to a block: ", what));
  };
  if (chunks.empty()) return refuse("it has no chunk");
  int64_t before_ms = INT64_MIN;
  for (const Chunk& chunk : chunks) {
    if (chunk.time_ms_min > chunk.time_ms_max || chunk.time_ms_min < options_.time_ms_min ||
        chunk.time_ms_max >= options_.time_ms_end) {
      return refuse(base::StrCat("a chunk of ", chunk.time_ms_min, " to ", chunk.time_ms_max,
                                 " is outside of ", options_.time_ms_min, " to ",
                                 options_.time_ms_end));
    }
    if (before_ms != INT64_MIN && chunk.time_ms_min <= before_ms) {
      return refuse(
          base::StrCat("a chunk from ", chunk.time_ms_min, " comes after one up to ", before_ms));
    }
    before_ms = chunk.time_ms_max;
  }
  return absl::OkStatus();
}

absl::Status FolderWriter::Add(const model::Labels& labels, const std::vector<Chunk>& chunks) {
  BARO_TRY(Check(labels, chunks));
  std::vector<ChunkPlace> places;
  places.reserve(chunks.size());
  for (const Chunk& chunk : chunks) {
    BARO_TRY_ASSIGN(const ChunkRef ref, chunks_.Add(chunk));
    places.push_back({chunk.time_ms_min, chunk.time_ms_max, ref});
    sample_count_ += chunk.sample_count;
  }
  chunk_count_ += chunks.size();
  index_.Add(labels, std::move(places));
  return absl::OkStatus();
}

absl::Status FolderWriter::Write(std::string_view name, std::string_view bytes) const {
  BARO_TRY_ASSIGN(auto file, base::RealDisk()->OpenAppend(base::StrCat(folder_, "/", name)));
  BARO_TRY(file->Append(bytes));
  return file->Sync();
}

absl::StatusOr<std::string> FolderWriter::Finish() {
  if (index_.series_count() == 0) return std::string();
  BARO_TRY(chunks_.Finish());
  const BlockMeta meta{name_,         options_.time_ms_min,  options_.time_ms_end,
                       sample_count_, index_.series_count(), chunk_count_};
  BARO_TRY_ASSIGN(const std::string index, index_.Finish());
  BARO_TRY(Write("index", index));
  BARO_TRY(Write("tombstones", EncodeNoTombstones()));
  BARO_TRY(Write("meta.json", EncodeMeta(meta)));
  base::Disk* const disk = base::RealDisk();
  BARO_TRY(disk->SyncDir(folder_ + "/chunks"));
  BARO_TRY(disk->SyncDir(folder_));
  const std::string place = base::StrCat(options_.folder, "/", name_);
  BARO_TRY(disk->Rename(folder_, place));
  finished_ = true;
  BARO_TRY(disk->SyncDir(options_.folder));
  return place;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockWriter>> BlockWriter::Create(Options options) {
  if (options.time_ms_min >= options.time_ms_end) {
    return absl::InvalidArgumentError(base::StrCat("cannot write block: it would begin at ",
                                                   options.time_ms_min, " and end at ",
                                                   options.time_ms_end));
  }
  auto writer = std::make_unique<FolderWriter>(std::move(options));
  BARO_TRY(writer->Create());
  return writer;
}

std::string BlockName(int64_t time_ms, uint64_t seed_high, uint64_t seed_low) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  // 48 bits of time and 80 of chance, five at a time from the end; the first digit has three.
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(time_ms >> (40 - 8 * i));
  for (size_t i = 0; i < 2; ++i) bytes[6 + i] = static_cast<uint8_t>(seed_high >> (8 - 8 * i));
  for (size_t i = 0; i < 8; ++i) bytes[8 + i] = static_cast<uint8_t>(seed_low >> (56 - 8 * i));
  std::string name(26, '0');
  for (size_t digit = 0; digit < name.size(); ++digit) {
    size_t value = 0;
    for (size_t i = 0; i < 5; ++i) {
      const size_t bit = digit * 5 + i;  // of 130, the first two always 0
      const bool set = bit >= 2 && ((bytes[(bit - 2) / 8] >> (7 - (bit - 2) % 8)) & 1) != 0;
      value = value << 1 | static_cast<size_t>(set);
    }
    name[digit] = kDigits[value];
  }
  return name;
}

}  // namespace baro::promblock
