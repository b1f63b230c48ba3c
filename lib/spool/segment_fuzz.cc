// Any bytes as a segment: the reader ends, stays inside, and what it accepts it writes the same.

#include <cstdint>
#include <string>

#include "baro/base/check.h"
#include "baro/spool/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::spool;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string again;
  if (const auto header = DecodeSegmentHeader(bytes); header.ok()) {
    AppendSegmentHeader(*header, &again);
    BARO_CHECK(again == bytes.substr(0, kSegmentHeaderBytes));
  }
  std::string_view rest = bytes.substr(std::min(size, kSegmentHeaderBytes));
  while (!rest.empty()) {
    const std::string_view before = rest;
    const auto record = DecodeRecord(&rest);
    if (!record.ok()) break;
    again.clear();
    AppendRecord(*record, &again);
    BARO_CHECK(again == before.substr(0, before.size() - rest.size()));
  }
  return 0;
}
