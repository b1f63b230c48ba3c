// What tests of histograms in the store share: series of floats and histograms, read as they lie.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "baro/model/histogram.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {

// A sample of either kind.
struct Either {
  uint64_t bits = 0;  // of the float
  std::optional<model::Histogram> histogram;
};

inline bool operator==(const Either& a, const Either& b) {
  if (a.histogram.has_value() != b.histogram.has_value()) return false;
  return a.histogram ? model::SameHistogram(*a.histogram, *b.histogram) : a.bits == b.bits;
}

using Eithers = std::map<int64_t, Either>;
using EithersBySeries = std::map<model::Labels, Eithers>;

inline void PrintTo(const Either& either, std::ostream* out) {
  if (!either.histogram) {
    *out << "float " << std::bit_cast<double>(either.bits);
    return;
  }
  const model::Histogram& histogram = *either.histogram;
  *out << "histogram of schema " << histogram.schema << ", count " << histogram.count << ", sum "
       << histogram.sum << ", zero " << histogram.zero_count << " hint "
       << static_cast<int>(histogram.reset_hint) << ", buckets";
  for (const auto& bucket : histogram.positive) *out << ' ' << bucket.index << ':' << bucket.count;
  for (const auto& bucket : histogram.negative) *out << " -" << bucket.index << ':' << bucket.count;
}

inline EithersBySeries ReadEither(const Store& store, std::vector<model::Matcher> matchers = {},
                                  int64_t start_ms = model::kTimeMsMin,
                                  int64_t end_ms = model::kTimeMsMax) {
  EithersBySeries result;
  auto set = store.Select({start_ms, end_ms, std::move(matchers), 0, true});
  EXPECT_TRUE(set.ok()) << set.status();
  if (!set.ok()) return result;
  const auto reader = (*set)->Read(0, (*set)->size());
  model::SeriesView view;
  while (true) {
    const auto more = reader->Next(&view);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) break;
    Eithers& samples = result[(*set)->labels(view.index).Merge()];
    EXPECT_TRUE(view.histograms.empty() || view.histograms.size() == view.values.size());
    for (size_t i = 0; i < view.times_ms.size(); ++i) {
      const bool mark = model::IsHistogramMark(view.values[i]);
      const model::Histogram* histogram = view.histograms.empty() ? nullptr : view.histograms[i];
      EXPECT_EQ(mark, histogram != nullptr) << "at " << view.times_ms[i];
      Either either{mark ? 0 : Bits(view.values[i]), {}};
      if (histogram != nullptr) either.histogram = *histogram;
      EXPECT_TRUE(samples.emplace(view.times_ms[i], std::move(either)).second);
    }
  }
  return result;
}

inline void AddHistogram(Store* store, const model::Labels& labels, int64_t time_ms,
                         model::Histogram histogram, SampleBatch* batch) {
  const auto series = store->DeclareSeries(labels);
  ASSERT_TRUE(series.ok()) << series.status();
  batch->histograms.push_back({*series, time_ms, std::move(histogram)});
}

inline AppendResult AppendHistogram(Store* store, const model::Labels& labels, int64_t time_ms,
                                    model::Histogram histogram) {
  SampleBatch batch;
  AddHistogram(store, labels, time_ms, std::move(histogram), &batch);
  return AppendAndWait(store, std::move(batch));
}

}  // namespace baro::tsdb::testing
