// The law of LayoutCache: whatever bodies it has read before, of the next one it says what the slow
// parser says. Tests and the fuzzer hold it to that.
#pragma once

#include <bit>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "baro/base/strings.h"
#include "baro/exposition/layout_cache.h"
#include "baro/exposition/parser.h"
#include "baro/model/sample.h"

namespace baro::exposition {

// Gives the body to the cache and to the slow parser. Returns how they differ; empty when they
// agree.
inline std::string FirstDifference(LayoutCache* cache, std::string_view body, Format format) {
  const auto slow = ParseExposition(body, format);
  const auto fast = cache->Parse(body);
  if (slow.status() != fast.status()) {
    return base::StrCat("slow: ", slow.status().ToString(), ", cache: ", fast.status().ToString());
  }
  std::map<model::Labels, const ParsedSample*> expected;
  if (slow.ok()) {
    for (const ParsedSample& sample : *slow) expected.try_emplace(sample.labels, &sample);
    if (fast->samples != slow->size() || fast->duplicates != slow->size() - expected.size()) {
      return base::StrCat("counts: ", fast->samples, " samples, ", fast->duplicates, " duplicates");
    }
  }
  const std::vector<model::Column> columns = cache->Columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string name = columns[i].labels.ToString();
    const double value = cache->values()[i];
    const auto it = expected.find(columns[i].labels);
    if (it == expected.end()) {
      if (!model::IsStaleNan(value)) return base::StrCat(name, " is gone but has ", value);
      continue;
    }
    const ParsedSample& sample = *it->second;
    if (std::bit_cast<uint64_t>(value) != std::bit_cast<uint64_t>(sample.value)) {
      return base::StrCat(name, " has ", value, " instead of ", sample.value);
    }
    const int64_t time_ms = cache->times_ms().empty() ? kNoTime : cache->times_ms()[i];
    if (time_ms != sample.time_ms.value_or(kNoTime)) return base::StrCat(name, " at ", time_ms);
    if (columns[i].metadata != sample.metadata) {
      return base::StrCat(name, " is of family ", columns[i].metadata.family, " instead of ",
                          sample.metadata.family);
    }
    expected.erase(it);
  }
  if (expected.empty()) return "";
  return base::StrCat(expected.begin()->first.ToString(), " has no column");
}

}  // namespace baro::exposition
