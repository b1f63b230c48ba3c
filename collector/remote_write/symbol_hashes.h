// SymbolHashes: the identity of label sets that are told as numbers into a request's symbols.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "remote_write/series_cache.h"

namespace baro::collector {

// Hashes each symbol of a request once, however many series name it; a series is then the hash of
// its symbols' hashes: some hundred bytes for ten labels, and no text is touched. Two requests may
// number their symbols as they like. Thread-compatible; `cache` and `symbols` outlive it.
class SymbolHashes {
 public:
  SymbolHashes(const SeriesCache* cache, std::span<const std::string_view> symbols)
      : cache_(cache), symbols_(symbols), hashes_(symbols.size()) {}

  // Nothing when a ref names no symbol.
  std::optional<LabelHash> OfRefs(std::span<const uint32_t> refs);

 private:
  // A hash of zeros stands for "not yet"; a symbol that has it is hashed each time.
  const LabelHash& OfSymbol(uint32_t ref) {
    LabelHash& hash = hashes_[ref];
    if (hash == LabelHash()) hash = cache_->Hash(symbols_[ref]);
    return hash;
  }

  const SeriesCache* const cache_;
  const std::span<const std::string_view> symbols_;
  std::vector<LabelHash> hashes_;
  std::vector<LabelHash> scratch_;
};

}  // namespace baro::collector
