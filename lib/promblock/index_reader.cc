#include "index_reader.h"

#include <algorithm>
#include <utility>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "index_format.h"

namespace baro::promblock {
namespace {

absl::Status Damaged(uint64_t offset, std::string_view what) {
  return absl::DataLossError(base::StrCat("cannot read index: ", what, " at offset ", offset));
}

constexpr size_t kHeaderBytes = 5;

}  // namespace

absl::StatusOr<IndexReader> IndexReader::Open(std::string_view file) {
  std::string_view header = file;
  uint32_t magic = 0;
  uint8_t version = 0;
  if (!TakeBigEndian(&header, &magic) || !TakeBigEndian(&header, &version) ||
      magic != kIndexMagic) {
    return Damaged(0, "no header of an index");
  }
  if (version != kIndexVersion) {
    return absl::UnimplementedError(base::StrCat("cannot read index: version ",
                                                 static_cast<int>(version), ", only ",
                                                 static_cast<int>(kIndexVersion), " is known"));
  }
  IndexReader reader(file);
  BARO_TRY(reader.ReadContents());
  return reader;
}

absl::Status IndexReader::ReadContents() {
  if (file_.size() < kHeaderBytes + kContentsBytes) return Damaged(0, "a file that is cut off");
  const uint64_t at = file_.size() - kContentsBytes;
  std::string_view contents = file_.substr(at);
  const uint32_t expected = base::Crc32c(contents.substr(0, contents.size() - 4));
  uint64_t symbols = 0;
  uint64_t series = 0;
  uint64_t offset = 0;
  uint32_t checksum = 0;
  TakeBigEndian(&contents, &symbols);
  TakeBigEndian(&contents, &series);
  // Series end where whatever comes behind them begins.
  end_ = at;
  for (size_t i = 2; i < 6; ++i) {
    TakeBigEndian(&contents, &offset);
    if (offset > series) end_ = std::min(end_, offset);
  }
  TakeBigEndian(&contents, &checksum);
  if (checksum != expected) return Damaged(at, "a table of contents whose checksum is wrong");
  if (symbols >= at || series > end_) return Damaged(at, "an offset beyond the file");
  next_ = series;
  return ReadSymbols(symbols);
}

absl::Status IndexReader::ReadSymbols(uint64_t offset) {
  std::string_view bytes = file_.substr(offset);
  uint32_t size = 0;
  uint32_t count = 0;
  uint32_t checksum = 0;
  if (!TakeBigEndian(&bytes, &size) || size > bytes.size()) {
    return Damaged(offset, "a symbol table that is cut off");
  }
  std::string_view content = bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (!TakeBigEndian(&bytes, &checksum) || checksum != base::Crc32c(content)) {
    return Damaged(offset, "a symbol table whose checksum is wrong");
  }
  if (!TakeBigEndian(&content, &count) || count > content.size()) {
    return Damaged(offset, "a symbol count that is too large");
  }
  symbols_.resize(count);
  for (std::string_view& symbol : symbols_) {
    if (!TakeText(&content, &symbol)) return Damaged(offset, "a symbol that is cut off");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> IndexReader::Next(IndexedSeries* series) {
  next_ = (next_ + kSeriesAlignment - 1) / kSeriesAlignment * kSeriesAlignment;
  // Padding in front of what comes behind may look like the room for one more.
  if (next_ >= end_) return false;
  std::string_view bytes = file_.substr(next_, end_ - next_);
  uint64_t size = 0;
  const uint64_t offset = next_;
  if (!TakeUvarint(&bytes, &size) || size + sizeof(uint32_t) > bytes.size()) {
    next_ = end_;
    return Damaged(offset, "a series that is cut off");
  }
  if (size == 0) {  // padding
    next_ = end_;
    return false;
  }
  const std::string_view content = bytes.substr(0, size);
  bytes.remove_prefix(size);
  uint32_t checksum = 0;
  TakeBigEndian(&bytes, &checksum);
  next_ = static_cast<uint64_t>(bytes.data() - file_.data());
  if (checksum != base::Crc32c(content)) {
    return Damaged(offset, "a series whose checksum is wrong");
  }
  series->reference = offset / kSeriesAlignment;
  if (!TakeSeries(content, series)) return Damaged(offset, "a series that makes no sense");
  return true;
}

bool IndexReader::TakeSeries(std::string_view content, IndexedSeries* series) const {
  return TakeLabels(&content, &series->labels) && TakeChunks(&content, &series->chunks) &&
         content.empty();
}

bool IndexReader::TakeLabels(std::string_view* content, model::Labels* labels) const {
  uint64_t count = 0;
  if (!TakeUvarint(content, &count) || count > content->size()) return false;
  std::vector<model::Label> list;
  for (; count > 0; --count) {
    uint64_t name = 0;
    uint64_t value = 0;
    if (!TakeUvarint(content, &name) || !TakeUvarint(content, &value) || name >= symbols_.size() ||
        value >= symbols_.size()) {
      return false;
    }
    list.push_back({std::string(symbols_[name]), std::string(symbols_[value])});
  }
  *labels = model::Labels::FromUnsorted(std::move(list));
  return true;
}

bool IndexReader::TakeChunks(std::string_view* content, std::vector<ChunkPlace>* chunks) {
  uint64_t count = 0;
  if (!TakeUvarint(content, &count) || count > content->size()) return false;
  chunks->clear();
  ChunkPlace chunk;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t gap = 0;
    uint64_t length = 0;
    uint64_t ref = 0;
    int64_t step = 0;
    if (i == 0) {
      if (!TakeVarint(content, &chunk.time_ms_min)) return false;
    } else {
      if (!TakeUvarint(content, &gap)) return false;
      chunk.time_ms_min = static_cast<int64_t>(static_cast<uint64_t>(chunk.time_ms_max) + gap);
    }
    if (!TakeUvarint(content, &length)) return false;
    chunk.time_ms_max = static_cast<int64_t>(static_cast<uint64_t>(chunk.time_ms_min) + length);
    if (i == 0 ? !TakeUvarint(content, &ref) : !TakeVarint(content, &step)) return false;
    chunk.ref = i == 0 ? ref : chunk.ref + static_cast<uint64_t>(step);
    chunks->push_back(chunk);
  }
  return true;
}

}  // namespace baro::promblock
