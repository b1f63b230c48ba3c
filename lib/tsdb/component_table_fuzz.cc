// Entries of component columns come from the disk: any bytes are taken or refused, and what was
// taken can be found again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bytes.h"
#include "component_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace baro::tsdb;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ComponentTable table;
  std::string_view key;
  std::string_view value;
  while (TakeText(&bytes, &key) && TakeText(&bytes, &value)) {
    const size_t before = table.size();
    if (table.Load(key, value) != (table.size() == before + 1)) std::abort();
    static_cast<void>(table.LoadBounds(key, value));
  }
  for (size_t i = 0; i < table.size(); ++i) {
    const auto column = static_cast<ColumnId>(kFirstComponent + i);
    if (table.Of(table.BaseOf(column)) == nullptr) std::abort();
  }
  double form = 0;
  HistogramForm decoded;
  if (size >= sizeof(form)) {
    std::string_view number(reinterpret_cast<const char*>(data), size);
    static_cast<void>(TakeDouble(&number, &form));
    if (DecodeForm(form, &decoded) && EncodeForm(decoded) != form) std::abort();
  }
  return 0;
}
