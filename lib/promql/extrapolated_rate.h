// rate(), increase() and delta(): the difference of a window's ends, extrapolated to the ends of
// its range as Prometheus does: all the way when the samples come within 1.1 average gaps of an
// end, else by half a gap; a counter never to below zero.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "window_loop.h"

namespace baro::promql {

// What is the same for all series that share their times: computed once for them. Kept as arrays,
// one entry a step.
class RateSteps {
 public:
  RateSteps(const WindowSpec& spec, bool per_second);

  // For windows of a series with these bounds.
  void Prepare(const RangeSeries& series);

  double range_seconds() const { return range_seconds_; }
  bool per_second() const { return per_second_; }
  std::span<const double> sampled() const { return sampled_; }
  std::span<const double> to_start() const { return to_start_; }
  std::span<const double> to_end() const { return to_end_; }
  std::span<const double> factor() const { return factor_; }

 private:
  const WindowSpec spec_;
  const double range_seconds_;
  const bool per_second_;
  const WindowBounds* bounds_ = nullptr;
  uint64_t version_ = 0;
  std::vector<double> sampled_;   // seconds between the first and the last sample
  std::vector<double> to_start_;  // seconds to extrapolate, unless zero comes first
  std::vector<double> to_end_;
  std::vector<double> factor_;  // of the difference, when `to_start` stays
};

// Thread-compatible.
class ExtrapolatedRate {
 public:
  ExtrapolatedRate(const WindowSpec& spec, bool counter, bool per_second)
      : steps_(spec, per_second), counter_(counter) {}

  void Fill(const RangeSeries& series, std::span<double> values);
  // The same, window by window.
  void Begin(const RangeSeries& series);
  double operator()(const Window& window);

 private:
  void FindResets(std::span<const double> values);
  double AddResets(std::span<const double> values, size_t first, size_t last, double difference);
  double OfCounter(size_t step, double first_value, double difference) const;

  RateSteps steps_;
  const bool counter_;
  std::vector<size_t> resets_;  // indices of the samples lower than the one before
  size_t next_reset_ = 0;
};

}  // namespace baro::promql
