#include "baro/model/layout.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace baro::model {
namespace {

// Length-prefixed, so that no two column lists write the same bytes.
void AppendText(std::string_view text, std::string* bytes) {
  const auto size = static_cast<uint32_t>(text.size());
  for (int shift = 0; shift < 32; shift += 8) bytes->push_back(static_cast<char>(size >> shift));
  bytes->append(text);
}

}  // namespace

std::string_view MetricTypeName(MetricType type) {
  static constexpr std::string_view kNames[] = {"unknown",        "counter", "gauge", "histogram",
                                                "gaugehistogram", "summary", "info",  "stateset"};
  return kNames[static_cast<size_t>(type)];
}

ContentHash Layout::Hash() const {
  std::string bytes;
  for (const Column& column : columns) {
    AppendText(std::to_string(column.labels.size()), &bytes);
    for (const Label& label : column.labels) {
      AppendText(label.name, &bytes);
      AppendText(label.value, &bytes);
    }
    AppendText(column.metadata.family, &bytes);
    AppendText(MetricTypeName(column.metadata.type), &bytes);
    AppendText(column.metadata.help, &bytes);
    AppendText(column.metadata.unit, &bytes);
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  ContentHash hash;
  static_assert(sizeof(hash) == sizeof(canonical));
  std::memcpy(hash.data(), &canonical, sizeof(hash));
  return hash;
}

}  // namespace baro::model
