// Native histograms and exemplars survive the push protocol to the bit; damage is refused whole.
#include "baro/wire/extras.h"

#include <gtest/gtest.h>

#include "baro/model/sample.h"

namespace baro::wire {
namespace {

std::vector<model::SeriesExtras> Examples() {
  model::SeriesExtras native;
  native.labels.Set("__name__", "h");
  native.labels.Set("pod", "a\"b");
  native.metadata = {"h", model::MetricType::kHistogram, "help", "seconds"};
  model::Histogram histogram;
  histogram.schema = 3;
  histogram.zero_threshold = 1e-128;
  histogram.count = 7;
  histogram.sum = -0.5;
  histogram.positive = {{-2000000000, 1}, {5, 2}, {2000000000, 3}};
  histogram.negative = {{0, 1}};
  native.histograms = {{1'700'000'000'000, histogram}};
  model::SeriesExtras custom = native;
  custom.labels.Set("pod", "c");
  custom.histograms[0].histogram = {};
  custom.histograms[0].histogram.schema = model::kCustomBoundsSchema;
  custom.histograms[0].histogram.custom_bounds = {0.5, 1};
  custom.histograms[0].histogram.positive = {{0, 1}, {2, 1.5}};
  custom.histograms[0].histogram.float_counts = true;
  model::SeriesExtras exemplar;
  exemplar.labels.Set("__name__", "c_total");
  model::Exemplar told;
  told.labels.Set("trace_id", "x");
  told.time_ms = -5;
  told.value = 2;
  exemplar.exemplars = {told};
  return {native, custom, exemplar};
}

TEST(Extras, GivesBackWhatWasPut) {
  v1::FrameBatch batch;
  PutExtras(Examples(), &batch);
  size_t refused = 0;
  const auto taken = TakeExtras(batch, &refused);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(*taken, Examples());
  EXPECT_EQ(refused, 0u);
  PutExtras({}, &batch);
  EXPECT_TRUE(batch.extras().empty());
  EXPECT_TRUE(TakeExtras(batch, &refused)->empty());
}

TEST(Extras, TellsTheEndOfASeries) {
  std::vector<model::SeriesExtras> extras = Examples();
  extras[0].histograms[0].histogram = {};
  extras[0].histograms[0].histogram.sum = model::kStaleNan;
  v1::FrameBatch batch;
  PutExtras(extras, &batch);
  size_t refused = 0;
  const auto taken = TakeExtras(batch, &refused);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].histograms[0].histogram.is_stale());
}

TEST(Extras, RefusesDamageAndLeavesOutWhatMakesNoSense) {
  v1::FrameBatch batch;
  PutExtras(Examples(), &batch);
  size_t refused = 0;
  for (size_t i = 0; i < batch.extras().size(); ++i) {
    v1::FrameBatch damaged = batch;
    (*damaged.mutable_extras())[i] ^= 1;
    EXPECT_EQ(TakeExtras(damaged, &refused).status().code(), absl::StatusCode::kDataLoss);
  }
  std::vector<model::SeriesExtras> extras = Examples();
  extras[0].histograms[0].histogram.schema = 44;
  extras[2].labels = {};
  PutExtras(extras, &batch);
  refused = 0;
  const auto taken = TakeExtras(batch, &refused);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(refused, 2u);
  EXPECT_EQ(taken->size(), 2u);
  EXPECT_TRUE((*taken)[0].histograms.empty());
}

}  // namespace
}  // namespace baro::wire
