// Foreign bytes as JSON, quantity and time: no crash, no endless loop, whatever they are.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baro/kubernetes/json.h"
#include "baro/kubernetes/quantity.h"

namespace {

size_t Count(const baro::kubernetes::Json& json) {
  size_t count = 1 + json.Text().size();
  for (const auto& item : json.Items()) count += Count(item);
  json.ForEachField([&](std::string_view key, const baro::kubernetes::Json& value) {
    count += key.size() + Count(value);
  });
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  (void)baro::kubernetes::ParseQuantity(text);
  (void)baro::kubernetes::ParseTime(text);
  baro::kubernetes::JsonParser parser;
  const auto json = parser.Parse(text, "fuzz");
  if (json.ok()) (void)Count(*json);
  return 0;
}
