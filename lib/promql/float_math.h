// Float arithmetic in the order and with the special cases of Prometheus (that is, Go), so that
// results are the same to the last bit.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace baro::promql {

inline double SecondsOf(int64_t time_ms) { return static_cast<double>(time_ms) / 1000; }

// Neumaier's variant of Kahan's summation, as Prometheus has it: an overflow drops the
// compensation.
struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double value) {
    const double total = sum + value;
    if (std::isinf(total)) {
      compensation = 0;
    } else if (std::abs(sum) >= std::abs(value)) {
      compensation += (sum - total) + value;
    } else {
      compensation += (value - total) + sum;
    }
    sum = total;
  }
  double Total() const { return sum + compensation; }
};

// A mean that is a plain sum while the sum fits, and goes on incrementally when it would overflow.
// The first value is set, not added.
struct KahanMean {
  KahanSum sum;
  double count = 0;
  bool incremental = false;

  void Add(double value) {
    count += 1;
    if (count == 1) {
      sum.sum = value;
      return;
    }
    if (!incremental) {
      KahanSum next = sum;
      next.Add(value);
      if (!std::isinf(next.sum)) {
        sum = next;
        return;
      }
      incremental = true;
      sum.sum /= count - 1;
      sum.compensation /= count - 1;
    }
    const double weight = (count - 1) / count;
    sum.sum *= weight;
    sum.compensation *= weight;
    sum.Add(value / count);
  }
  double Mean() const {
    return incremental ? sum.Total() : sum.sum / count + sum.compensation / count;
  }
};

// Go's math.Max and math.Min: an infinity wins over NaN, NaN over numbers, 0 over -0.
inline double GoMax(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == kInf || b == kInf) return kInf;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
inline double GoMin(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == -kInf || b == -kInf) return -kInf;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

// Go's int64(f) on amd64: what does not fit becomes the smallest number.
inline int64_t GoInt64(double value) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;
  if (!(value >= -kLimit && value < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace baro::promql
