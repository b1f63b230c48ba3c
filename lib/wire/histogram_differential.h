// Holds a histogram that our reader has read against the one that protobuf's parser has read; for
// tests and fuzzers. `Message` is prometheus.Histogram or io.prometheus.write.v2.Histogram.
#pragma once

#include <bit>
#include <cstdint>

#include "baro/base/check.h"
#include "baro/wire/remote_histogram.h"

namespace baro::wire {

inline uint64_t BitsOf(double value) { return std::bit_cast<uint64_t>(value); }

template <typename Ours, typename Theirs>
void CheckSameDoubles(const Ours& ours, const Theirs& theirs) {
  BARO_CHECK_EQ(ours.size(), static_cast<size_t>(theirs.size()));
  for (int i = 0; i < theirs.size(); ++i) {
    BARO_CHECK_EQ(BitsOf(ours[static_cast<size_t>(i)]), BitsOf(theirs.Get(i)));
  }
}

template <typename Spans, typename Deltas, typename Counts>
void CheckSameBuckets(const WireBuckets& ours, const Spans& spans, const Deltas& deltas,
                      const Counts& counts) {
  BARO_CHECK_EQ(ours.spans.size(), static_cast<size_t>(spans.size()));
  for (int i = 0; i < spans.size(); ++i) {
    BARO_CHECK_EQ(ours.spans[static_cast<size_t>(i)].offset, spans.Get(i).offset());
    BARO_CHECK_EQ(ours.spans[static_cast<size_t>(i)].length, spans.Get(i).length());
  }
  BARO_CHECK_EQ(ours.deltas.size(), static_cast<size_t>(deltas.size()));
  for (int i = 0; i < deltas.size(); ++i) {
    BARO_CHECK_EQ(ours.deltas[static_cast<size_t>(i)], deltas.Get(i));
  }
  CheckSameDoubles(ours.counts, counts);
}

template <typename Message>
void CheckSameHistogram(const WireHistogram& ours, const Message& theirs) {
  using Kind = WireCount::Kind;
  BARO_CHECK_EQ(ours.time_ms, theirs.timestamp());
  BARO_CHECK_EQ(ours.schema, theirs.schema());
  BARO_CHECK_EQ(ours.reset_hint, static_cast<int32_t>(theirs.reset_hint()));
  BARO_CHECK_EQ(BitsOf(ours.sum), BitsOf(theirs.sum()));
  BARO_CHECK_EQ(BitsOf(ours.zero_threshold), BitsOf(theirs.zero_threshold()));
  BARO_CHECK_EQ(ours.count.kind == Kind::kInteger, theirs.count_case() == Message::kCountInt);
  BARO_CHECK_EQ(ours.count.kind == Kind::kFloat, theirs.count_case() == Message::kCountFloat);
  BARO_CHECK_EQ(ours.count.integer, theirs.count_int());
  BARO_CHECK_EQ(BitsOf(ours.count.number), BitsOf(theirs.count_float()));
  BARO_CHECK_EQ(ours.zero_count.integer, theirs.zero_count_int());
  BARO_CHECK_EQ(BitsOf(ours.zero_count.number), BitsOf(theirs.zero_count_float()));
  CheckSameBuckets(ours.positive, theirs.positive_spans(), theirs.positive_deltas(),
                   theirs.positive_counts());
  CheckSameBuckets(ours.negative, theirs.negative_spans(), theirs.negative_deltas(),
                   theirs.negative_counts());
  CheckSameDoubles(ours.custom_bounds, theirs.custom_values());
}

// What HistogramFromWire() promises of any input.
inline void CheckHistogramFromWire(const WireHistogram& wire) {
  const auto histogram = HistogramFromWire(wire);
  if (!histogram.ok()) return;
  for (const auto* buckets : {&histogram->positive, &histogram->negative}) {
    for (size_t i = 0; i < buckets->size(); ++i) {
      BARO_CHECK((*buckets)[i].count != 0);
      if (i > 0) BARO_CHECK_LT((*buckets)[i - 1].index, (*buckets)[i].index);
    }
  }
}

}  // namespace baro::wire
