// HistogramAssembly: puts the histograms of a series together from the samples of its component
// columns.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "baro/model/histogram.h"
#include "component_table.h"
#include "dictionary.h"

namespace baro::tsdb {

// Samples of one component column from one source. Of two at one time that of the higher priority
// counts.
struct ComponentRun {
  uint64_t priority = 0;
  std::span<const int64_t> times_ms;
  const double* values = nullptr;
};

// Thread-compatible. Keeps its histograms' memory from one series to the next.
class HistogramAssembly {
 public:
  explicit HistogramAssembly(const Dictionary* dictionary) : dictionary_(dictionary) {}

  // A mark: when, and the number of its histogram.
  struct Mark {
    int64_t time_ms = 0;
    size_t histogram = 0;
  };

  // Forgets the histograms before; there are `count` new ones, numbered from 0.
  void Start(size_t count);
  // What one component has at the times of some marks (ascending). Components come by code.
  void Add(ComponentCode code, std::span<const Mark> marks, std::span<const ComponentRun> runs);
  // Null when parts of it are missing. Valid until Start().
  const model::Histogram* Finish(size_t number);

 private:
  struct Entry {
    model::Histogram histogram;
    HistogramForm form;
    int found = 0;  // of form, count, sum
  };
  struct Found {
    uint64_t priority = 0;
    double value = 0;
  };

  static void Put(ComponentCode code, double value, Entry* entry);

  const Dictionary* const dictionary_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Found> found_;
};

}  // namespace baro::tsdb
