// What the tests of the node collectors share: a sink that remembers, and a folder as procfs.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "baro/agent/row_sink.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"
#include "gtest/gtest.h"

namespace baro::agent {

struct SinkRow {
  TargetHandle target = 0;
  int64_t time_ms = 0;
  std::vector<double> values;
};

// Remembers every row. Thread-safe.
class RememberingSink final : public RowSink {
 public:
  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override {
    base::MutexLock lock(&mutex_);
    if (!declare_error_.ok()) return declare_error_;
    labels_ = target;
    layouts_[++last_] = layout;
    return last_;
  }
  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override {
    base::MutexLock lock(&mutex_);
    if (!layouts_.contains(target)) return absl::NotFoundError("released");
    EXPECT_EQ(values.size(), layouts_[target].columns.size());
    rows_.push_back({target, time_ms, {values.begin(), values.end()}});
    arrived_.SignalAll();
    return absl::OkStatus();
  }
  void Release(TargetHandle target) override {
    base::MutexLock lock(&mutex_);
    released_[target] = layouts_[target];
    layouts_.erase(target);
  }

  void RefuseDeclarations(absl::Status error) {
    base::MutexLock lock(&mutex_);
    declare_error_ = std::move(error);
  }
  // False when they do not come within ten seconds.
  bool AwaitRows(size_t count) {
    base::MutexLock lock(&mutex_);
    while (rows_.size() < count) {
      if (arrived_.WaitWithTimeout(&mutex_, absl::Seconds(10))) return rows_.size() >= count;
    }
    return true;
  }
  std::vector<SinkRow> rows() const {
    base::MutexLock lock(&mutex_);
    return rows_;
  }
  model::Labels labels() const {
    base::MutexLock lock(&mutex_);
    return labels_;
  }
  // The columns of a row.
  model::Layout layout(const SinkRow& row) const {
    base::MutexLock lock(&mutex_);
    const auto found = layouts_.find(row.target);
    return found != layouts_.end() ? found->second : released_.at(row.target);
  }
  // A row as {series: value}.
  std::map<std::string, double> Series(const SinkRow& row) const {
    std::map<std::string, double> series;
    const model::Layout columns = layout(row);
    for (size_t i = 0; i < row.values.size(); ++i) {
      series[columns.columns[i].labels.ToString()] = row.values[i];
    }
    return series;
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar arrived_;
  absl::Status declare_error_ ABSL_GUARDED_BY(mutex_);
  TargetHandle last_ ABSL_GUARDED_BY(mutex_) = 0;
  model::Labels labels_ ABSL_GUARDED_BY(mutex_);
  std::map<TargetHandle, model::Layout> layouts_ ABSL_GUARDED_BY(mutex_);
  std::map<TargetHandle, model::Layout> released_ ABSL_GUARDED_BY(mutex_);
  std::vector<SinkRow> rows_ ABSL_GUARDED_BY(mutex_);
};

// A folder that goes away with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = testing::TempDir() + "/node_XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  void Write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void Remove(const std::string& name) const { std::filesystem::remove(path_ + "/" + name); }

 private:
  std::string path_;
};

}  // namespace baro::agent
