#include "remote_write/symbol_hashes.h"

namespace baro::collector {

std::optional<LabelHash> SymbolHashes::OfRefs(std::span<const uint32_t> refs) {
  static_assert(sizeof(LabelHash) == 16, "hashed as bytes: no padding");
  scratch_.clear();
  for (const uint32_t ref : refs) {
    if (ref >= hashes_.size()) return std::nullopt;
    scratch_.push_back(OfSymbol(ref));
  }
  return cache_->Hash(
      {reinterpret_cast<const char*>(scratch_.data()), scratch_.size() * sizeof(LabelHash)});
}

}  // namespace baro::collector
