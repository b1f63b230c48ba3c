// What the tests of rows of many targets share: a sink that knows the newest value of each series.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "baro/agent/row_sink.h"
#include "baro/base/mutex.h"
#include "baro/model/sample.h"
#include "gtest/gtest.h"

namespace baro::agent {

// Thread-safe.
class SeriesSink final : public RowSink {
 public:
  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override {
    base::MutexLock lock(&mutex_);
    std::vector<std::string>& names = columns_[++last_];
    for (const model::Column& column : layout.columns) {
      std::vector<model::Label> labels(target.begin(), target.end());
      for (const model::Label& label : column.labels) {
        EXPECT_FALSE(target.Has(label.name)) << label.name << " is in both halves";
        labels.push_back(label);
      }
      names.push_back(model::Labels::FromUnsorted(std::move(labels)).ToString());
    }
    return last_;
  }
  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override {
    base::MutexLock lock(&mutex_);
    const std::vector<std::string>& names = columns_.at(target);
    EXPECT_EQ(names.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (model::IsStaleNan(values[i])) {
        series_.erase(names[i]);
      } else if (!std::isnan(values[i])) {
        series_[names[i]] = values[i];
      }
    }
    last_time_ms_ = time_ms;
    ++rows_;
    changed_.SignalAll();
    return absl::OkStatus();
  }
  void Release(TargetHandle target) override {
    base::MutexLock lock(&mutex_);
    EXPECT_EQ(columns_.erase(target), 1u);
  }

  using Series = std::map<std::string, double>;
  Series series() const {
    base::MutexLock lock(&mutex_);
    return series_;
  }
  size_t rows() const {
    base::MutexLock lock(&mutex_);
    return rows_;
  }
  size_t declared() const {
    base::MutexLock lock(&mutex_);
    return columns_.size();
  }
  // The value of the one series whose text contains all of `parts`; NaN when there is none or more.
  double Value(const std::vector<std::string>& parts) const {
    double value = std::nan("");
    int found = 0;
    for (const auto& [name, one] : series()) {
      bool all = true;
      for (const std::string& part : parts) all = all && name.find(part) != std::string::npos;
      if (!all) continue;
      value = one;
      ++found;
    }
    return found == 1 ? value : std::nan("");
  }
  // Waits until the series satisfy it; false after 20 s.
  bool Await(const std::function<bool(const Series&)>& condition) {
    base::MutexLock lock(&mutex_);
    const absl::Time deadline = absl::Now() + absl::Seconds(20);  // tidy: ok (a test's deadline)
    while (!condition(series_)) {
      if (absl::Now() > deadline) return false;  // tidy: ok (a test's deadline)
      changed_.WaitWithTimeout(&mutex_, absl::Seconds(1));
    }
    return true;
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  TargetHandle last_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<TargetHandle, std::vector<std::string>> columns_ ABSL_GUARDED_BY(mutex_);
  Series series_ ABSL_GUARDED_BY(mutex_);
  int64_t last_time_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t rows_ ABSL_GUARDED_BY(mutex_) = 0;
};

// True when a series' text contains all of these.
inline bool HasSeries(const SeriesSink::Series& series, const std::vector<std::string>& parts) {
  for (const auto& [name, value] : series) {
    bool all = true;
    for (const std::string& part : parts) all = all && name.find(part) != std::string::npos;
    if (all) return true;
  }
  return false;
}

}  // namespace baro::agent
