// Disks that fail at every single step: the store opens by itself, has what it acknowledged, and
// nothing that it refused comes back under what it took later.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "baro/tsdb/testing/fault_file_system.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendOne;
using testing::Bits;
using testing::DiskFault;
using testing::FaultFileSystem;
using testing::Folder;
using testing::ReadAll;
using testing::Samples;
using testing::SamplesBySeries;

constexpr int64_t kNowMs = 1'700'000'000'000;
// More than any of the actions below takes; each loop asserts that.
constexpr uint64_t kStepsMax = 200;

const Labels kSeries{{"__name__", "up"}, {"instance", "a"}};

class StoreFaultTest : public ::testing::Test {
 protected:
  StoreFaultTest()
      : folder_(std::string("fault_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    StartAnew(1);
  }

  void StartAnew(uint64_t seed) {
    store_.reset();
    std::filesystem::remove_all(folder_.path());
    disk_ = FaultFileSystem::Create(seed);
    env_ = disk_->NewEnv();
    options_.path = folder_.path();
    options_.retention_ms = 0;
    options_.clock = &clock_;
    options_.background = false;
    options_.commit_delay_ms = 0;
    options_.env = env_.get();
    acknowledged_.clear();
  }
  void Open() {
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  bool Append(int64_t time_ms) {
    const double value = static_cast<double>(time_ms - kNowMs);
    const bool taken = AppendOne(store_.get(), kSeries, time_ms, value).status.ok();
    if (taken) acknowledged_[time_ms] = Bits(value);
    return taken;
  }
  void ExpectAcknowledged() const {
    EXPECT_EQ(ReadAll(*store_), (SamplesBySeries{{kSeries, acknowledged_}}));
  }
  // As after kill -9: the machine has all that was written, synced or not.
  void Restart() {
    store_.reset();
    disk_->SetFault(DiskFault::kNone);
    Open();
  }

  Folder folder_;
  base::FakeClock clock_{kNowMs};
  std::shared_ptr<FaultFileSystem> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  Samples acknowledged_;
};

TEST_F(StoreFaultTest, AMissingCurrentIsRefusedAsOftenAsItIsMissing) {
  Open();
  ASSERT_TRUE(Append(kNowMs));
  store_.reset();
  const std::string current = folder_.path() + "/CURRENT";
  std::filesystem::rename(current, folder_.path() + "/aside");
  for (int i = 0; i < 3; ++i) {
    const auto store = Store::Open(options_);
    ASSERT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    EXPECT_NE(store.status().message().find("CURRENT"), absl::string_view::npos) << store.status();
    EXPECT_FALSE(std::filesystem::exists(current));
  }
  std::filesystem::rename(folder_.path() + "/aside", current);
  Open();
  ExpectAcknowledged();
}

TEST_F(StoreFaultTest, AFirstOpeningCutShortAnywhereIsMadeGoodByTheNext) {
  for (uint64_t step = 1; step < kStepsMax; ++step) {
    SCOPED_TRACE(step);
    StartAnew(step);
    disk_->CutPowerAfter(step);
    {
      const auto store = Store::Open(options_);
      if (store.ok()) return;  // it takes fewer steps
    }
    disk_->RestorePower();
    ASSERT_NO_FATAL_FAILURE(Open());
    ASSERT_TRUE(Append(kNowMs));
  }
  FAIL() << "opening takes more than " << kStepsMax << " steps";
}

TEST_F(StoreFaultTest, ARefusedBatchDoesNotComeBackUnderALaterOne) {
  for (const DiskFault fault : {DiskFault::kFull, DiskFault::kBroken}) {
    bool done = false;
    for (uint64_t step = 0; !done; ++step) {
      SCOPED_TRACE(step);
      ASSERT_LT(step, kStepsMax);
      StartAnew(step + 1);
      ASSERT_NO_FATAL_FAILURE(Open());
      ASSERT_TRUE(Append(kNowMs));
      disk_->SetFaultAfter(fault, step);
      done = Append(kNowMs + 1);
      disk_->SetFault(DiskFault::kNone);
      ASSERT_TRUE(Append(kNowMs + 2));
      ExpectAcknowledged();
      ASSERT_NO_FATAL_FAILURE(Restart());
      ExpectAcknowledged();
      if (HasFailure()) return;
    }
  }
}

// Both ways on: the process ends there, or it goes on and seals again.
TEST_F(StoreFaultTest, ASealThatFailsAnywhereLosesAndDoublesNothing) {
  for (const bool goes_on : {false, true}) {
    bool done = false;
    for (uint64_t step = 0; !done; ++step) {
      SCOPED_TRACE(step);
      ASSERT_LT(step, kStepsMax);
      StartAnew(step + 1);
      ASSERT_NO_FATAL_FAILURE(Open());
      ASSERT_TRUE(Append(kNowMs));
      disk_->SetFaultAfter(DiskFault::kBroken, step);
      done = store_->Maintain(true).ok();
      ExpectAcknowledged();
      disk_->SetFault(DiskFault::kNone);
      if (goes_on) {
        ASSERT_TRUE(Append(kNowMs + 1));
        EXPECT_TRUE(store_->Maintain(true).ok());
        ASSERT_TRUE(Append(kNowMs + 2));
      }
      ASSERT_NO_FATAL_FAILURE(Restart());
      ExpectAcknowledged();
      if (HasFailure()) return;
    }
  }
}

// The step at which the disk fills up, then a power cut: what RocksDB's own resuming broke.
TEST_F(StoreFaultTest, AFullDiskAndThenAPowerCutLeaveAFolderThatOpens) {
  for (uint64_t step = 0; step < 60; ++step) {
    SCOPED_TRACE(step);
    StartAnew(step + 1);
    ASSERT_NO_FATAL_FAILURE(Open());
    disk_->SetFaultAfter(DiskFault::kFull, step);
    for (int64_t i = 0; i < 8; ++i) static_cast<void>(Append(kNowMs + i));
    static_cast<void>(store_->Maintain(true));
    disk_->SetFault(DiskFault::kNone);
    disk_->CutPowerAfter(1 + step % 20);
    for (int64_t i = 8; i < 16; ++i) static_cast<void>(Append(kNowMs + i));
    disk_->CutPower();
    store_.reset();
    disk_->RestorePower();
    ASSERT_NO_FATAL_FAILURE(Open());
    const SamplesBySeries stored = ReadAll(*store_);
    for (const auto& [time_ms, bits] : acknowledged_) {
      ASSERT_TRUE(stored.contains(kSeries)) << "nothing is there";
      EXPECT_EQ(stored.at(kSeries).count(time_ms), 1u) << time_ms - kNowMs;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace baro::tsdb
