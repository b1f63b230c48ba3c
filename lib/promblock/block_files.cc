#include "block_files.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::promblock {
namespace {

constexpr uint32_t kChunksMagic = 0x85bd40dd;
constexpr uint8_t kChunksVersion = 1;
constexpr size_t kChunksHeaderBytes = 8;
// Prometheus' own size of a segment.
constexpr uint64_t kSegmentBytesMax = uint64_t{512} << 20;
constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr uint32_t kTombstonesMagic = 0x0130ba30;
constexpr uint8_t kTombstonesVersion = 1;

std::string SegmentPath(const std::string& folder, uint32_t number) {
  char name[16];
  std::snprintf(name, sizeof(name), "%06u", number + 1);
  return base::StrCat(folder, "/", name);
}

// A chunk's checksum covers its encoding and its data.
uint32_t ChecksumOf(const Chunk& chunk) {
  const char encoding = static_cast<char>(chunk.encoding);
  return base::Crc32c(chunk.data, base::Crc32c({&encoding, 1}));
}

absl::Status Damaged(const std::string& path, uint64_t offset, std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot read ", path, ": ", what, " at offset ", offset));
}

bool TakeChunk(std::string_view* bytes, Chunk* chunk, uint32_t* checksum) {
  std::string_view data;
  uint8_t encoding = 0;
  uint64_t size = 0;
  if (!TakeUvarint(bytes, &size) || !TakeBigEndian(bytes, &encoding) || size > bytes->size()) {
    return false;
  }
  data = bytes->substr(0, size);
  bytes->remove_prefix(size);
  chunk->encoding = static_cast<ChunkEncoding>(encoding);
  chunk->data = data;
  return TakeBigEndian(bytes, checksum);
}

}  // namespace

absl::Status ChunkWriter::OpenSegment() {
  if (file_ != nullptr) BARO_TRY(Finish());
  BARO_TRY_ASSIGN(file_, base::RealDisk()->OpenAppend(SegmentPath(folder_, segment_)));
  ++segment_;
  PutBigEndian(kChunksMagic, &buffer_);
  buffer_.push_back(static_cast<char>(kChunksVersion));
  buffer_.append(3, '\0');
  size_ = kChunksHeaderBytes;
  return absl::OkStatus();
}

absl::StatusOr<ChunkRef> ChunkWriter::Add(const Chunk& chunk) {
  if (file_ == nullptr || size_ + chunk.data.size() + 16 > kSegmentBytesMax) {
    BARO_TRY(OpenSegment());
  }
  const ChunkRef ref = uint64_t{segment_ - 1} << 32 | size_;
  const size_t before = buffer_.size();
  PutUvarint(chunk.data.size(), &buffer_);
  buffer_.push_back(static_cast<char>(chunk.encoding));
  buffer_ += chunk.data;
  PutBigEndian(ChecksumOf(chunk), &buffer_);
  size_ += buffer_.size() - before;
  if (buffer_.size() >= kBufferBytes) BARO_TRY(Flush());
  return ref;
}

absl::Status ChunkWriter::Flush() {
  const absl::Status status = file_->Append(buffer_);
  buffer_.clear();
  return status;
}

absl::Status ChunkWriter::Finish() {
  if (file_ == nullptr) return absl::OkStatus();
  BARO_TRY(Flush());
  BARO_TRY(file_->Sync());
  file_.reset();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const std::string text = base::StrCat("cannot open ", path, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  }
  struct stat facts;
  void* bytes = nullptr;
  bool good = ::fstat(fd, &facts) == 0;
  const auto size = good ? static_cast<size_t>(facts.st_size) : 0;
  if (good && size > 0) {
    bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    good = bytes != MAP_FAILED;
  }
  const int error = errno;
  ::close(fd);
  if (good) return std::unique_ptr<MappedFile>(new MappedFile(path, bytes, size));
  return absl::UnavailableError(base::StrCat("cannot map ", path, ": ", std::strerror(error)));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(bytes_, size_);
}

absl::StatusOr<const MappedFile*> ChunkReader::Segment(uint32_t number) {
  constexpr uint32_t kSegmentsMax = 100'000;
  if (number >= kSegmentsMax) return Damaged(folder_, 0, base::StrCat("no segment ", number));
  if (number >= segments_.size()) segments_.resize(number + 1);
  auto& segment = segments_[number];
  if (segment != nullptr) return segment.get();
  BARO_TRY_ASSIGN(segment, MappedFile::Open(SegmentPath(folder_, number)));
  std::string_view bytes = segment->bytes();
  uint32_t magic = 0;
  uint8_t version = 0;
  if (!TakeBigEndian(&bytes, &magic) || !TakeBigEndian(&bytes, &version) || magic != kChunksMagic ||
      version != kChunksVersion) {
    return Damaged(std::exchange(segment, nullptr)->path(), 0, "no header of a chunk segment");
  }
  return segment.get();
}

absl::Status ChunkReader::Read(ChunkRef ref, Chunk* chunk) {
  const auto offset = static_cast<uint32_t>(ref);
  BARO_TRY_ASSIGN(const MappedFile* segment, Segment(static_cast<uint32_t>(ref >> 32)));
  std::string_view bytes = segment->bytes();
  uint32_t checksum = 0;
  if (offset < kChunksHeaderBytes || offset > bytes.size()) {
    return Damaged(segment->path(), offset, "no chunk");
  }
  bytes.remove_prefix(offset);
  if (!TakeChunk(&bytes, chunk, &checksum)) {
    return Damaged(segment->path(), offset, "a chunk that is cut off");
  }
  if (ChecksumOf(*chunk) == checksum) return absl::OkStatus();
  return Damaged(segment->path(), offset, "a chunk whose checksum is wrong");
}

std::string EncodeMeta(const BlockMeta& meta) {
  return base::StrCat(
      "{\n\t\"ulid\": \"", meta.name, "\",\n\t\"minTime\": ", meta.time_ms_min,
      ",\n\t\"maxTime\": ", meta.time_ms_end,
      ",\n\t\"stats\": {\n\t\t\"numSamples\": ", meta.samples,
      ",\n\t\t\"numSeries\": ", meta.series, ",\n\t\t\"numChunks\": ", meta.chunks,
      "\n\t},\n\t\"compaction\": {\n\t\t\"level\": 1,\n\t\t\"sources\": [\n\t\t\t\"", meta.name,
      "\"\n\t\t]\n\t},\n\t\"version\": 1\n}\n");
}

absl::StatusOr<BlockMeta> DecodeMeta(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto damaged = [](std::string_view what) {
    return absl::DataLossError(base::StrCat("cannot read meta.json: ", what));
  };
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return damaged("it is not JSON");
  }
  BlockMeta meta;
  std::string_view name;
  int64_t version = 0;
  if (root["version"].get(version) != simdjson::SUCCESS || version != 1) {
    return damaged("its version is not 1");
  }
  if (root["ulid"].get(name) != simdjson::SUCCESS ||
      root["minTime"].get(meta.time_ms_min) != simdjson::SUCCESS ||
      root["maxTime"].get(meta.time_ms_end) != simdjson::SUCCESS) {
    return damaged("ulid, minTime or maxTime is missing");
  }
  meta.name = name;
  return meta;
}

std::string EncodeNoTombstones() {
  std::string bytes;
  PutBigEndian(kTombstonesMagic, &bytes);
  bytes.push_back(static_cast<char>(kTombstonesVersion));
  PutBigEndian(base::Crc32c({}), &bytes);
  return bytes;
}

absl::StatusOr<Tombstones> DecodeTombstones(std::string_view bytes) {
  const size_t size = bytes.size();
  uint32_t magic = 0;
  uint32_t checksum = 0;
  uint8_t version = 0;
  if (!TakeBigEndian(&bytes, &magic) || !TakeBigEndian(&bytes, &version) ||
      magic != kTombstonesMagic || version != kTombstonesVersion || bytes.size() < 4) {
    return Damaged("tombstones", 0, "no header");
  }
  std::string_view tail = bytes.substr(bytes.size() - 4);
  bytes.remove_suffix(4);
  if (!TakeBigEndian(&tail, &checksum) || checksum != base::Crc32c(bytes)) {
    return Damaged("tombstones", size - 4, "a wrong checksum");
  }
  Tombstones tombstones;
  while (!bytes.empty()) {
    const size_t offset = size - 4 - bytes.size();
    uint64_t ref = 0;
    BlockSeries::Deleted deleted;
    if (!TakeUvarint(&bytes, &ref) || !TakeVarint(&bytes, &deleted.time_ms_min) ||
        !TakeVarint(&bytes, &deleted.time_ms_max)) {
      return Damaged("tombstones", offset, "an entry that is cut off");
    }
    tombstones[ref].push_back(deleted);
  }
  return tombstones;
}

}  // namespace baro::promblock
