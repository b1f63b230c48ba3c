// Warnings and infos of one query, in Prometheus' words, each text once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/promql/ast.h"

namespace baro::promql {

// Thread-compatible. At most kTextsMax of each kind are kept in full, as in Prometheus' API; how
// many more there were is said in one more line.
class Annotations {
 public:
  static constexpr size_t kTextsMax = 10;

  explicit Annotations(std::string_view query) : query_(query) {}

  void Warn(std::string_view text) { Add(&warnings_, std::string(text)); }

  void InvalidQuantile(double quantile, Place place);
  void InvalidRatio(double ratio, double capped, Place place);
  void BadBucketLabel(std::string_view metric, std::string_view label, Place place);
  // `text` and, unless it is empty, the metric's name.
  void WarnOfMetric(std::string_view text, std::string_view metric, Place place);
  void IgnoredHistograms(std::string_view metric);
  void PossibleNonCounter(std::string_view metric, Place place);

  // What histogram_quantile had to repair; repairs of one metric at one place are merged.
  struct Repair {
    int64_t time_ms = 0;
    double bucket_min = 0;
    double bucket_max = 0;
    double difference_max = 0;
  };
  void ForcedMonotonicity(std::string_view metric, Place place, const Repair& repair);

  std::vector<std::string> Warnings() const;
  std::vector<std::string> Infos() const;

 private:
  struct Merged {
    std::string text;
    Place place;
    Repair repair;
    int64_t time_ms_max = 0;
    size_t count = 0;
  };

  std::string At(std::string_view text, Place place) const;
  static void Add(std::vector<std::string>* texts, std::string text);

  const std::string_view query_;
  std::vector<std::string> warnings_;
  std::vector<std::string> infos_;
  std::vector<Merged> repairs_;
};

}  // namespace baro::promql
