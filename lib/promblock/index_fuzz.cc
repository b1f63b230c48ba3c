// Feeds anything to the readers of a block: index, tombstones, meta.json.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "block_files.h"
#include "index_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  baro::promblock::DecodeMeta(bytes).status().IgnoreError();
  baro::promblock::DecodeTombstones(bytes).status().IgnoreError();
  auto index = baro::promblock::IndexReader::Open(bytes);
  if (!index.ok()) return 0;
  baro::promblock::IndexedSeries series;
  // After damage the next call goes on behind it, so this ends.
  for (;;) {
    const auto there = index->Next(&series);
    if (there.ok() && !*there) return 0;
  }
}
