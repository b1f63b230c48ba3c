#include "result_order.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "baro/base/status.h"

namespace baro::promql {
namespace {

// Sorted at once; larger lists are merged of such runs.
constexpr size_t kRun = 4'096;

bool IsBefore(const ResultSeries& a, const ResultSeries& b) { return a.labels < b.labels; }

// Merges the runs of numbers [begin, middle) and [middle, end) of `from` into `to`.
absl::Status MergeRuns(const Query& query, const std::vector<ResultSeries>& series,
                       const std::vector<uint32_t>& from, size_t begin, size_t middle, size_t end,
                       std::vector<uint32_t>* to) {
  size_t left = begin;
  size_t right = middle;
  for (size_t out = begin; out < end; ++out) {
    if (out % kRun == 0) BARO_TRY(query.CheckAlive());
    const bool take_right =
        left == middle || (right < end && IsBefore(series[from[right]], series[from[left]]));
    (*to)[out] = take_right ? from[right++] : from[left++];
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SortByLabels(const Query& query, std::vector<ResultSeries>* series) {
  if (series->size() <= kRun) {
    std::sort(series->begin(), series->end(), IsBefore);
    return absl::OkStatus();
  }
  const size_t size = series->size();
  std::vector<uint32_t> order(size);
  for (uint32_t i = 0; i < size; ++i) order[i] = i;
  const auto before = [series](uint32_t a, uint32_t b) {
    return IsBefore((*series)[a], (*series)[b]);
  };
  for (size_t begin = 0; begin < size; begin += kRun) {
    BARO_TRY(query.CheckAlive());
    const size_t end = std::min(size, begin + kRun);
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
              order.begin() + static_cast<std::ptrdiff_t>(end), before);
  }
  std::vector<uint32_t> merged(size);
  for (size_t run = kRun; run < size; run *= 2) {
    for (size_t begin = 0; begin < size; begin += 2 * run) {
      const size_t middle = std::min(size, begin + run);
      const size_t end = std::min(size, begin + 2 * run);
      BARO_TRY(MergeRuns(query, *series, order, begin, middle, end, &merged));
    }
    order.swap(merged);
  }
  std::vector<ResultSeries> sorted;
  sorted.reserve(size);
  for (const uint32_t i : order) sorted.push_back(std::move((*series)[i]));
  *series = std::move(sorted);
  return absl::OkStatus();
}

}  // namespace baro::promql
