// ClassicConversion: classic histograms told as native ones with custom buckets
// (convert_classic_histograms_to_nhcb). Which columns belong together is worked out once for a
// layout; a scrape then only gathers numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baro/exposition/layout_cache.h"
#include "baro/exposition/protobuf.h"
#include "baro/model/layout.h"

namespace baro::agent {

// Strand-bound.
class ClassicConversion {
 public:
  // `columns` of the cache, all of them.
  void Build(std::span<const model::Column> columns);
  // One a column: whether it is a part of a histogram.
  bool IsPart(uint32_t column) const { return column < is_part_.size() && is_part_[column]; }

  struct Gathered {
    std::vector<exposition::NativeSample> histograms;
    uint64_t parts = 0;  // samples that went into them, or into what makes no histogram
  };
  Gathered Gather(const exposition::LayoutCache& cache) const;

 private:
  static constexpr uint32_t kNone = 0xffff'ffff;
  struct Bucket {
    double upper_bound = 0;
    uint32_t column = kNone;
  };
  struct Group {
    model::Labels labels;
    model::Metadata metadata;
    std::vector<Bucket> buckets;  // ascending
    uint32_t count = kNone;
    uint32_t sum = kNone;
  };

  bool Convert(const Group& group, std::span<const double> values,
               exposition::NativeSample* sample) const;

  std::vector<Group> groups_;
  std::vector<bool> is_part_;
};

}  // namespace baro::agent
