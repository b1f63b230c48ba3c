// No file makes the reader crash, hang, or give an objective that cannot be counted.
#include <cstdint>
#include <string_view>

#include "baro/base/check.h"
#include "baro/slo/slo_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto specs = baro::slo::ParseSloFile(text, "fuzz");
  if (!specs.ok()) return 0;
  for (const baro::slo::SloSpec& spec : *specs) {
    BARO_CHECK(!spec.name.empty());
    BARO_CHECK(spec.objective > 0 && spec.objective < 1);
    BARO_CHECK(spec.window.length_ms > 0);
    BARO_CHECK(!baro::slo::CountingKey(spec).empty());
  }
  return 0;
}
