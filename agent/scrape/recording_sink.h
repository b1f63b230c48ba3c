// RecordingSink: a RowSink that keeps everything, for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "baro/agent/row_sink.h"
#include "baro/base/eventually.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::agent {

// Thread-safe.
class RecordingSink final : public RowSink {
 public:
  struct Sample {
    int64_t time_ms = 0;
    double value = 0;
    bool stale = false;
  };

  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override {
    base::MutexLock lock(&mutex_);
    if (declarations_left_ == 0) return absl::ResourceExhaustedError("no more targets");
    --declarations_left_;
    ++declarations_;
    std::vector<std::string> names;
    for (const model::Column& column : layout.columns) {
      names.push_back(model::LabelsRef{&target, &column.labels}.Merge().ToString());
      metadata_[column.metadata.family] = column.metadata;
    }
    open_.emplace(++last_handle_, std::move(names));
    return last_handle_;
  }

  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override {
    base::MutexLock lock(&mutex_);
    const auto it = open_.find(target);
    if (it == open_.end()) return absl::NotFoundError("released");
    if (it->second.size() != values.size())
      return absl::InvalidArgumentError("row of another size");
    ++rows_;
    for (size_t i = 0; i < values.size(); ++i) {
      series_[it->second[i]].push_back({time_ms, values[i], model::IsStaleNan(values[i])});
    }
    return absl::OkStatus();
  }

  absl::Status AppendExtras(std::vector<SeriesExtras> extras) override {
    base::MutexLock lock(&mutex_);
    std::move(extras.begin(), extras.end(), std::back_inserter(extras_));
    return absl::OkStatus();
  }
  // Takes away what came so far.
  std::vector<SeriesExtras> TakeExtras() {
    base::MutexLock lock(&mutex_);
    return std::exchange(extras_, {});
  }

  void Release(TargetHandle target) override {
    base::MutexLock lock(&mutex_);
    open_.erase(target);
  }

  // The samples of a series, as PromQL writes its labels; those without a value left out unless the
  // series had one before.
  std::vector<Sample> Series(const std::string& name) const {
    base::MutexLock lock(&mutex_);
    const auto it = series_.find(name);
    std::vector<Sample> samples;
    if (it == series_.end()) return samples;
    for (const Sample& sample : it->second) {
      const bool again = sample.stale && (samples.empty() || samples.back().stale);
      if (!again) samples.push_back(sample);
    }
    return samples;
  }
  // "1 2 stale": the values of a series, in order.
  std::string Values(const std::string& name) const {
    std::string text;
    for (const Sample& sample : Series(name)) {
      base::StrAppend(&text, text.empty() ? "" : " ",
                      sample.stale ? "stale" : base::StrCat(sample.value));
    }
    return text;
  }
  std::vector<std::string> Names() const {
    base::MutexLock lock(&mutex_);
    std::vector<std::string> names;
    for (const auto& [name, samples] : series_) names.push_back(name);
    return names;
  }
  std::map<std::string, model::Metadata> metadata() const {
    base::MutexLock lock(&mutex_);
    return metadata_;
  }
  size_t rows() const {
    base::MutexLock lock(&mutex_);
    return rows_;
  }
  size_t declarations() const {
    base::MutexLock lock(&mutex_);
    return declarations_;
  }
  size_t open() const {
    base::MutexLock lock(&mutex_);
    return open_.size();
  }
  void AllowDeclarations(size_t count) {
    base::MutexLock lock(&mutex_);
    declarations_left_ = count;
  }
  // As a sink that has lost its state.
  void ForgetAll() {
    base::MutexLock lock(&mutex_);
    open_.clear();
  }

 private:
  mutable base::Mutex mutex_;
  std::vector<SeriesExtras> extras_ ABSL_GUARDED_BY(mutex_);
  std::map<TargetHandle, std::vector<std::string>> open_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<Sample>> series_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, model::Metadata> metadata_ ABSL_GUARDED_BY(mutex_);
  TargetHandle last_handle_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t rows_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t declarations_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t declarations_left_ ABSL_GUARDED_BY(mutex_) = ~size_t{0};
};

using base::Eventually;

}  // namespace baro::agent
