// IndexReader: index version 2 of a block, series by series.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/model/labels.h"
#include "index_writer.h"

namespace baro::promblock {

struct IndexedSeries {
  uint64_t reference = 0;
  model::Labels labels;
  std::vector<ChunkPlace> chunks;
};

// Thread-compatible; refers to the file's bytes. Everything it reads may be damaged or hostile.
class IndexReader {
 public:
  // Errors: DataLoss (with the offset), Unimplemented (another version).
  static absl::StatusOr<IndexReader> Open(std::string_view file);

  // False behind the last one. Errors: DataLoss; the next call goes on behind the damage.
  absl::StatusOr<bool> Next(IndexedSeries* series);

 private:
  explicit IndexReader(std::string_view file) : file_(file) {}
  absl::Status ReadContents();
  absl::Status ReadSymbols(uint64_t offset);
  bool TakeSeries(std::string_view content, IndexedSeries* series) const;
  bool TakeLabels(std::string_view* content, model::Labels* labels) const;
  static bool TakeChunks(std::string_view* content, std::vector<ChunkPlace>* chunks);

  std::string_view file_;
  std::vector<std::string_view> symbols_;
  uint64_t next_ = 0;  // where the next series may begin
  uint64_t end_ = 0;   // of all series
};

}  // namespace baro::promblock
