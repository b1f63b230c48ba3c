// Input: the first byte's lowest bit chooses the format; the rest is bodies with form feeds
// between.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "differential.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using baro::exposition::Format;
  if (size == 0 || size > 20'000) return 0;
  const Format format = (bytes[0] & 1) == 0 ? Format::kText : Format::kOpenMetrics;
  std::string_view rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  baro::exposition::LayoutCache cache(format);
  for (int bodies = 0; bodies < 32; ++bodies) {
    const size_t cut = rest.find('\f');
    // A copy of its own, so that a read beyond it is seen.
    const std::string body(rest.substr(0, cut));
    const std::string difference = baro::exposition::FirstDifference(&cache, body, format);
    if (!difference.empty()) {
      std::fprintf(stderr, "body %d: %s\n", bodies, difference.c_str());
      std::abort();
    }
    if (cache.wants_compaction() && !cache.Compact(body).ok()) std::abort();
    if (cut == std::string_view::npos) break;
    rest.remove_prefix(cut + 1);
  }
  return 0;
}
