// The store against a plain map, over random appends by both ways in, out of order, duplicate,
// across rotations, restarts, full disks and power cuts. Every acknowledged sample is there exactly
// once and bit for bit; one that was refused may be there (its write may have reached the disk),
// but nothing else is.
//
// BARO_SEED=n repeats a run, BARO_ROUNDS=n runs more seeds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "baro/tsdb/testing/fault_file_system.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendAndWait;
using testing::Bits;
using testing::DiskFault;
using testing::FaultFileSystem;
using testing::Folder;
using testing::Samples;
using testing::SamplesBySeries;

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr int64_t kSlotMs = 60'000;

struct Written {
  Labels labels;
  int64_t time_ms = 0;
  uint64_t bits = 0;
};

// What must be there, and what may be.
class Oracle {
 public:
  void Acknowledged(const std::vector<Written>& batch) {
    for (const Written& one : batch) {
      certain_[one.labels][one.time_ms] = one.bits;
      possible_[one.labels].erase(one.time_ms);
    }
  }
  void Refused(const std::vector<Written>& batch) {
    for (const Written& one : batch) possible_[one.labels][one.time_ms].insert(one.bits);
  }

  // Compares; what turned out to be there of the possible is certain from now on.
  void Check(const SamplesBySeries& actual, const std::string& when) {
    SCOPED_TRACE(when);
    for (const auto& [labels, samples] : certain_) CheckSeries(labels, samples, actual);
    for (const auto& [labels, samples] : actual) {
      for (const auto& [time_ms, bits] : samples) {
        const auto& known = certain_[labels];
        const auto it = known.find(time_ms);
        const bool right =
            (it != known.end() && it->second == bits) || possible_[labels][time_ms].contains(bits);
        EXPECT_TRUE(right) << labels.ToString() << " at " << time_ms << ": unexpected value";
        certain_[labels][time_ms] = bits;
      }
    }
    if (settle_) possible_.clear();
  }
  // After a restart nothing is in doubt any more.
  void Settle(bool settle) { settle_ = settle; }

 private:
  void CheckSeries(const Labels& labels, const Samples& samples, const SamplesBySeries& actual) {
    const bool all_stale = std::all_of(samples.begin(), samples.end(), [](const auto& sample) {
      return sample.second == model::kStaleNanBits;
    });
    const auto found = actual.find(labels);
    if (found == actual.end()) {
      EXPECT_TRUE(all_stale) << labels.ToString() << " is missing";
      return;
    }
    for (const auto& [time_ms, bits] : samples) {
      const auto it = found->second.find(time_ms);
      EXPECT_TRUE(it != found->second.end()) << labels.ToString() << " misses " << time_ms;
    }
  }

  SamplesBySeries certain_;
  std::map<Labels, std::map<int64_t, std::set<uint64_t>>> possible_;
  bool settle_ = false;
};

class Machine {
 public:
  explicit Machine(uint64_t seed)
      : random_(seed),
        folder_("model_" + std::to_string(seed)),
        disk_(FaultFileSystem::Create(seed)) {
    env_ = disk_->NewEnv();
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.slot_ms = kSlotMs;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
    options_.env = env_.get();
    for (uint8_t i = 0; i < 2; ++i) {
      agents_.push_back({});
      agents_.back().id.uuid.fill(static_cast<uint8_t>(i + 1));
      agents_.back().id.epoch = 1;
    }
    Open();
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step_ = i;
      Step();
      if (disk_->down()) Reboot();
    }
    Restart();
  }

 private:
  struct Row {
    int64_t time_ms = 0;
    std::vector<double> values;
  };
  struct Agent {
    AgentId id;
    uint64_t next_sequence = 1;
    uint64_t chain = 1;
    bool fresh_chain = true;
    std::unique_ptr<codec::FrameEncoder> encoder;
    std::vector<Row> unacknowledged;
  };

  uint64_t Pick(uint64_t count) { return random_() % count; }

  void Step() {
    switch (Pick(20)) {
      case 0:
        clock_.AdvanceMs(static_cast<int64_t>(Pick(2 * kSlotMs)));
        static_cast<void>(store_->Maintain(false));
        return;
      case 1:
        static_cast<void>(store_->Maintain(true));
        return;
      case 2:
        Restart();
        return;
      case 3:
        disk_->CutPowerAfter(1 + Pick(60));
        return;
      case 4:
        FillDisk();
        return;
      case 5:
        oracle_.Check(testing::ReadAll(*store_), "live, step " + std::to_string(step_));
        return;
      default:
        clock_.AdvanceMs(static_cast<int64_t>(Pick(5'000)));
        if (Pick(2) == 0) {
          AppendSamples();
        } else {
          AppendFrames(&agents_[Pick(agents_.size())]);
        }
    }
  }

  // Mostly now, sometimes late, sometimes long ago.
  int64_t PickTime() {
    const int64_t now = clock_.NowMs() / 1000 * 1000;
    if (Pick(30) == 0) return static_cast<int64_t>(Pick(1000)) * 1'000'000;
    if (Pick(4) == 0) return now - static_cast<int64_t>(Pick(300)) * 1000;
    return now;
  }

  double PickValue() {
    switch (Pick(6)) {
      case 0:
        return -0.0;
      case 1:
        return std::bit_cast<double>(random_() | 0x7ff8000000000000);  // some NaN
      case 2:
        return std::bit_cast<double>(random_());
      case 3:
        return 0.1 * static_cast<double>(Pick(1000));
      default:
        return static_cast<double>(Pick(3));
    }
  }

  Labels SeriesLabels(uint64_t number) const {
    // Every fourth is a series that an agent has, too, cut in another place.
    if (number % 4 == 0) return AgentLabels(agents_[number / 4 % 2], number / 8 % 5);
    return Labels{{"__name__", "m" + std::to_string(number % 7)},
                  {"path", std::to_string(number)},
                  {"job", "push"},
                  {"instance", std::to_string(number % 3)}};
  }
  static Labels AgentTarget(const Agent& agent) {
    return Labels{{"instance", std::to_string(agent.id.uuid[0])}};
  }
  static Labels AgentLabels(const Agent& agent, uint64_t column) {
    return Labels{{"__name__", "a" + std::to_string(column)},
                  {"job", "agent"},
                  {"instance", std::to_string(agent.id.uuid[0])}};
  }

  void AppendSamples() {
    SampleBatch batch;
    std::vector<Written> written;
    const int64_t row_ms = PickTime();
    const uint64_t first = Pick(40);
    const uint64_t count = 1 + Pick(40);
    for (uint64_t i = 0; i < count; ++i) {
      const Labels labels = SeriesLabels((first + i) % 40);
      // Odd times, so that no agent writes the same sample: which of two ways in came last is told
      // by acknowledgements only.
      const int64_t time_ms = (Pick(10) == 0 ? PickTime() : row_ms) + 1;
      const double value = PickValue();
      testing::Add(store_.get(), labels, time_ms, value, &batch);
      written.push_back({labels, time_ms, Stored(value)});
    }
    Acknowledge(AppendAndWait(store_.get(), std::move(batch)), written);
  }

  // The one bit pattern the store keeps for itself.
  static uint64_t Stored(double value) {
    return model::IsNoSample(value) ? model::kNormalNanBits : Bits(value);
  }

  void Acknowledge(const AppendResult& result, const std::vector<Written>& written) {
    if (result.status.ok()) {
      oracle_.Acknowledged(written);
      EXPECT_EQ(result.stored + result.duplicate, written.size());
    } else {
      EXPECT_TRUE(absl::IsUnavailable(result.status) || absl::IsResourceExhausted(result.status))
          << result.status;
      oracle_.Refused(written);
    }
  }

  // Rows that were refused are sent again with their sequences, as an agent does from its spool.
  void AppendFrames(Agent* agent) {
    constexpr size_t kColumns = 5;
    model::Layout layout;
    for (uint64_t i = 0; i < kColumns; ++i) {
      layout.columns.push_back(
          {Labels{{"__name__", "a" + std::to_string(i)}, {"job", "agent"}}, {}});
    }
    ASSERT_TRUE(store_->DeclareLayout(layout).ok());
    const auto declared = store_->DeclareTarget(AgentTarget(*agent), layout.Hash());
    ASSERT_TRUE(declared.ok());
    const uint64_t count = 1 + Pick(5);
    int64_t time_ms = PickTime();
    for (uint64_t i = 0; i < count; ++i) {
      Row row{time_ms, {}};
      time_ms += 1000;
      for (size_t c = 0; c < kColumns; ++c) {
        row.values.push_back(Pick(8) == 0 ? model::kStaleNan : PickValue());
      }
      agent->unacknowledged.push_back(std::move(row));
    }
    Send(agent, *declared);
  }

  void Send(Agent* agent, const Declared& declared) {
    if (Pick(6) == 0) agent->fresh_chain = true;
    if (agent->fresh_chain) {
      ++agent->chain;
      agent->encoder = std::make_unique<codec::FrameEncoder>(5);
    }
    FrameBatch batch;
    batch.agent = agent->id;
    batch.chain = agent->chain;
    batch.first_sequence = agent->next_sequence;
    std::vector<Written> written;
    for (const Row& row : agent->unacknowledged) {
      agent->encoder->Encode({row.time_ms, row.values}, agent->fresh_chain, &batch.body);
      agent->fresh_chain = false;
      batch.targets.push_back({declared.target, declared.layout});
      for (size_t c = 0; c < row.values.size(); ++c) {
        written.push_back({AgentLabels(*agent, c), row.time_ms, Stored(row.values[c])});
      }
    }
    batch.raw_size = static_cast<uint32_t>(batch.body.size());
    const AppendResult result = AppendAndWait(store_.get(), std::move(batch));
    if (result.status.ok()) {
      oracle_.Acknowledged(written);
      agent->next_sequence += agent->unacknowledged.size();
      agent->unacknowledged.clear();
      EXPECT_EQ(store_->StoredSequences(agent->id),
                (std::vector<SequenceRange>{{1, agent->next_sequence - 1}}));
    } else {
      oracle_.Refused(written);
      agent->fresh_chain = true;
    }
  }

  void FillDisk() {
    disk_->SetFaultAfter(Pick(2) == 0 ? DiskFault::kFull : DiskFault::kBroken, Pick(20));
    AppendSamples();
    AppendFrames(&agents_[0]);
    static_cast<void>(store_->Maintain(true));
    oracle_.Check(testing::ReadAll(*store_), "disk full, step " + std::to_string(step_));
    if (disk_->down()) return;
    disk_->SetFault(DiskFault::kNone);
    // Recovers by itself.
    SampleBatch batch;
    const Labels labels{{"__name__", "after_full"}};
    const int64_t deadline_ns = base::RealClock()->MonotonicNs() + 20'000'000'000;
    while (!disk_->down()) {
      const int64_t time_ms = clock_.NowMs() + 1;
      clock_.AdvanceMs(1);
      const AppendResult result = testing::AppendOne(store_.get(), labels, time_ms, 1);
      Acknowledge(result, {{labels, time_ms, Bits(1)}});
      if (result.status.ok()) break;
      ASSERT_LT(base::RealClock()->MonotonicNs(), deadline_ns) << result.status;
    }
  }

  void Restart() {
    store_.reset();
    if (disk_->down()) disk_->RestorePower();
    Open();
  }

  void Reboot() {
    store_.reset();
    disk_->RestorePower();
    Open();
  }

  void Open() {
    auto store = Store::Open(options_);
    while (!store.ok() && disk_->down()) {
      disk_->RestorePower();
      store = Store::Open(options_);
    }
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    for (Agent& agent : agents_)
      agent.fresh_chain = agent.fresh_chain || !agent.unacknowledged.empty();
    oracle_.Settle(true);
    oracle_.Check(testing::ReadAll(*store_), "opened, step " + std::to_string(step_));
    oracle_.Settle(false);
  }

  std::mt19937_64 random_;
  Folder folder_;
  std::shared_ptr<FaultFileSystem> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  base::FakeClock clock_{kNowMs};
  StoreOptions options_;
  std::vector<Agent> agents_;
  Oracle oracle_;
  std::unique_ptr<Store> store_;
  int step_ = 0;
};

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(StoreModel, KeepsEveryAcknowledgedSampleExactlyOnce) {
  const uint64_t first = Number("BARO_SEED", 1);
  const uint64_t rounds = std::getenv("BARO_SEED") != nullptr ? 1 : Number("BARO_ROUNDS", 6);
  for (uint64_t seed = first; seed < first + rounds && !HasFailure(); ++seed) {
    SCOPED_TRACE("BARO_SEED=" + std::to_string(seed));
    Machine(seed).Run(150);
    if (HasFailure()) std::cerr << "repeat with BARO_SEED=" << seed << "\n";
  }
}

}  // namespace
}  // namespace baro::tsdb
