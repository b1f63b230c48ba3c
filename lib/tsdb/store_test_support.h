// What the store's tests share: a store in a folder of its own, appends that wait, selects as maps.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/clock.h"
#include "baro/codec/frame.h"
#include "baro/model/sample.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb::testing {

// One series' samples as bits, by time: bit-exactness is part of the contract.
using Samples = std::map<int64_t, uint64_t>;
using SamplesBySeries = std::map<model::Labels, Samples>;

inline uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

// A folder that goes with the test.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(::testing::TempDir() + "/" + name + "." + std::to_string(::getpid())) {
    std::filesystem::remove_all(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

inline AppendResult AppendAndWait(Store* store, SampleBatch batch) {
  std::promise<AppendResult> done;
  store->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
  return done.get_future().get();
}

inline AppendResult AppendAndWait(Store* store, FrameBatch batch) {
  std::promise<AppendResult> done;
  store->Append(std::move(batch), [&](const AppendResult& result) { done.set_value(result); });
  return done.get_future().get();
}

inline SamplesBySeries ReadAll(const Store& store, std::vector<model::Matcher> matchers = {},
                               int64_t start_ms = model::kTimeMsMin,
                               int64_t end_ms = model::kTimeMsMax) {
  SamplesBySeries result;
  auto set = store.Select({start_ms, end_ms, std::move(matchers), 0});
  EXPECT_TRUE(set.ok()) << set.status();
  if (!set.ok()) return result;
  const auto reader = (*set)->Read(0, (*set)->size());
  model::SeriesView view;
  while (true) {
    const auto more = reader->Next(&view);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) break;
    Samples& samples = result[(*set)->labels(view.index).Merge()];
    EXPECT_TRUE(samples.empty()) << "twice: " << (*set)->labels(view.index).Merge().ToString();
    for (size_t i = 0; i < view.times_ms.size(); ++i) {
      EXPECT_TRUE(samples.emplace(view.times_ms[i], Bits(view.values[i])).second);
    }
  }
  return result;
}

inline model::Matcher Match(model::MatchType type, const std::string& name,
                            const std::string& value) {
  return *model::Matcher::Create(type, name, value);
}

// One sample of a series that is declared on the way.
inline void Add(Store* store, const model::Labels& labels, int64_t time_ms, double value,
                SampleBatch* batch) {
  const auto series = store->DeclareSeries(labels);
  ASSERT_TRUE(series.ok()) << series.status();
  batch->series.push_back(*series);
  batch->times_ms.push_back(time_ms);
  batch->values.push_back(value);
}

inline AppendResult AppendOne(Store* store, const model::Labels& labels, int64_t time_ms,
                              double value) {
  SampleBatch batch;
  Add(store, labels, time_ms, value, &batch);
  return AppendAndWait(store, std::move(batch));
}

// An agent with one chain: encodes rows of its targets into batches.
class TestAgent {
 public:
  explicit TestAgent(uint8_t number) { id_.uuid.fill(number); }

  const AgentId& id() const { return id_; }
  uint64_t next_sequence() const { return next_sequence_; }
  void StartChain(uint64_t chain) {
    chain_ = chain;
    encoders_.clear();
  }
  void AddRow(const Declared& declared, size_t columns, int64_t time_ms,
              const std::vector<double>& values) {
    auto [it, inserted] = encoders_.try_emplace({declared.target, declared.layout}, columns);
    if (batch_.targets.empty()) {
      batch_.agent = id_;
      batch_.chain = chain_;
      batch_.first_sequence = next_sequence_;
    }
    it->second.Encode({time_ms, values}, inserted, &batch_.body);
    batch_.targets.push_back({declared.target, declared.layout});
    ++next_sequence_;
  }
  FrameBatch TakeBatch() {
    batch_.raw_size = static_cast<uint32_t>(batch_.body.size());
    return std::exchange(batch_, {});
  }

 private:
  AgentId id_{{}, 1};
  uint64_t chain_ = 1;
  uint64_t next_sequence_ = 1;
  std::map<std::pair<TargetId, LayoutId>, codec::FrameEncoder> encoders_;
  FrameBatch batch_;
};

inline model::Layout MakeLayout(const std::vector<std::string>& metrics) {
  model::Layout layout;
  for (const std::string& metric : metrics) {
    layout.columns.push_back(
        {model::Labels{{"__name__", metric}}, {metric, model::MetricType::kGauge, "help", ""}});
  }
  return layout;
}

}  // namespace baro::tsdb::testing
