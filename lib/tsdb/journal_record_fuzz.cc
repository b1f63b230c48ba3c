// Journal values come from the disk: any bytes decode or are refused, and what decodes encodes to
// something that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "journal_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::tsdb;
  const auto record =
      DecodeJournalRecord(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!record.ok()) return 0;
  const auto encode = [](const auto& one) { return EncodeJournalRecord(one); };
  const std::string bytes = std::visit(encode, *record);
  const auto again = DecodeJournalRecord(bytes);
  if (!again.ok() || std::visit(encode, *again) != bytes) std::abort();
  return 0;
}
