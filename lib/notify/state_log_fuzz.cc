// A damaged queue is read up to the damage, and what is read is read the same again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alert_codec.h"
#include "baro/base/check.h"
#include "state_log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using baro::notify::State;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  State state;
  const size_t good = baro::notify::ReadStateRecords(text, &state);
  BARO_CHECK_LE(good, size);
  State again;
  BARO_CHECK_EQ(baro::notify::ReadStateRecords(text.substr(0, good), &again), good);
  BARO_CHECK(again == state);
  baro::notify::ByteReader reader(text);
  static_cast<void>(baro::notify::ReadAlert(&reader));
  return 0;
}
