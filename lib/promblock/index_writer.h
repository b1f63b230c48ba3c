// IndexWriter: index version 2 of a block. Symbols come first in the file, so everything is
// gathered before the first byte is written.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "baro/model/labels.h"

namespace baro::promblock {

// Where a chunk lies: segment number from 0 in the upper half, offset in the lower.
using ChunkRef = uint64_t;

struct ChunkPlace {
  int64_t time_ms_min = 0;
  int64_t time_ms_max = 0;
  ChunkRef ref = 0;
};

// Thread-compatible.
class IndexWriter {
 public:
  void Add(const model::Labels& labels, std::vector<ChunkPlace> chunks);
  size_t series_count() const { return series_.size(); }

  // The whole file. Errors: AlreadyExists (a label set came twice).
  absl::StatusOr<std::string> Finish();

 private:
  using Symbol = uint32_t;
  struct SymbolPair {
    Symbol name = 0;
    Symbol value = 0;
    auto operator<=>(const SymbolPair&) const = default;
  };
  struct Series {
    std::vector<SymbolPair> labels;
    std::vector<ChunkPlace> chunks;
  };
  // Offsets in the file, for its end.
  struct Contents {
    uint64_t symbols = 0;
    uint64_t series = 0;
    uint64_t label_indices = 0;
    uint64_t label_index_table = 0;
    uint64_t postings = 0;
    uint64_t postings_table = 0;
  };
  struct Entry {
    SymbolPair label;
    uint64_t offset = 0;
  };

  // References of the series that have a label.
  using Lists = std::map<SymbolPair, std::vector<uint32_t>>;

  Symbol Intern(std::string_view text);
  // Numbers symbols anew, in the order of their texts.
  void SortSymbols();
  absl::Status SortSeries();
  void WriteSymbols();
  void WriteSeries();
  Lists Invert() const;
  std::vector<Entry> WritePostings(const Lists& lists);
  void WritePostingsList(const std::vector<uint32_t>& references);
  std::vector<Entry> WriteLabelIndices(const Lists& lists);
  void WriteTable(const std::vector<Entry>& entries, bool with_value);
  void Pad(size_t alignment);
  // A section with its size in front and its checksum behind.
  void WriteSection(std::string_view content);
  std::string_view Text(Symbol symbol) const { return texts_[symbol]; }

  std::deque<std::string> texts_;  // by symbol; never move
  absl::flat_hash_map<std::string, Symbol> symbols_;
  std::vector<Series> series_;
  std::vector<uint32_t> references_;  // of each series
  Contents contents_;
  std::string file_;
};

}  // namespace baro::promblock
