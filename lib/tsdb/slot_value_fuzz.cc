// Slot values come from the disk: any bytes decode or are refused; nothing is allocated beyond what
// a value may hold.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "bucket_stats.h"
#include "part.h"
#include "slot_value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::tsdb;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(DecodeSlotTimes(bytes));
  static_cast<void>(DecodeBucketStats(bytes));
  static_cast<void>(DecodePart(1, bytes));
  const auto values = SlotValues::Parse(bytes);
  if (!values.ok()) return 0;
  std::vector<double> column(values->row_count());
  SlotValues::Referred referred;
  for (size_t i = 0; i < values->column_count(); ++i) {
    // Among others, with all that is decoded before at hand, a column is what it is alone.
    const auto among = values->Decode(i, 0, values->chunk_rows().size(), &referred);
    const bool alone = values->Decode(i, column).ok();
    if (among.ok() != alone) __builtin_trap();
    if (alone && std::memcmp(among->data(), column.data(), column.size() * sizeof(double)) != 0) {
      __builtin_trap();
    }
  }
  return 0;
}
