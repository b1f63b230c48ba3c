// Tombstones come from the disk: any bytes decode or are refused; what was decoded is written as
// bytes that decode to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "tombstones.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::tsdb;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto tombstone = DecodeTombstone(7, bytes);
  if (!tombstone.ok()) return 0;
  uint64_t ids = 0;
  for (const Rectangle& rectangle : tombstone->series) {
    ids += rectangle.targets.cardinality() + rectangle.columns.cardinality();
  }
  if (ids > 1'000'000) return 0;  // written one by one
  const std::string written = EncodeTombstone(*tombstone);
  const auto again = DecodeTombstone(7, written);
  if (!again.ok() || EncodeTombstone(*again) != written) std::abort();
  const Tombstones all({std::make_shared<const Tombstone>(*tombstone)});
  for (const Rectangle& rectangle : tombstone->series) {
    if (rectangle.targets.isEmpty() || rectangle.columns.isEmpty()) continue;
    const SeriesId id{rectangle.targets.minimum(), rectangle.columns.maximum()};
    if (!tombstone->Has(id) || !tombstone->HasTarget(id.target)) std::abort();
    const Written covered{tombstone->epoch, 0};
    if (tombstone->range.empty() == !all.Of(covered, id).empty()) std::abort();
  }
  return 0;
}
