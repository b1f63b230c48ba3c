// Saved counts and alerts may be damaged: reading them never crashes, and what is read is written
// as it was.
#include <cstdint>
#include <string_view>

#include "alert_book.h"
#include "baro/base/check.h"
#include "book_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto note = baro::slo::DecodeSlots(bytes);
  if (note.ok()) {
    const auto again = baro::slo::DecodeSlots(baro::slo::EncodeSlots(*note));
    BARO_CHECK(again.ok());
    BARO_CHECK_EQ(again->groups.size(), note->groups.size());
  }
  baro::slo::AlertBook alerts;
  if (alerts.Decode(bytes).ok()) {
    baro::slo::AlertBook again;
    BARO_CHECK(again.Decode(alerts.Encode()).ok());
    BARO_CHECK_EQ(again.Encode(), alerts.Encode());
  }
  return 0;
}
