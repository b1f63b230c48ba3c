// Merging: which parts are chosen, that the outcome reads like what went in, and that a failure at
// any step leaves the one or the other. (Random merges beside everything else: store_model_test.)
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "baro/codec/column.h"
#include "baro/tsdb/testing/fault_file_system.h"
#include "merge_plan.h"
#include "row_plan.h"
#include "slot_value.h"
#include "store_test_support.h"

namespace baro::tsdb {
namespace {

using model::Labels;
using testing::AppendAndWait;
using testing::AppendOne;
using testing::Bits;
using testing::DiskFault;
using testing::FaultFileSystem;
using testing::Folder;
using testing::ReadAll;
using testing::SamplesBySeries;

constexpr int64_t kSlotMs = 1'800'000;
constexpr int64_t kDayMs = 48 * kSlotMs;
// Begins a day of UTC.
constexpr int64_t kDayStartMs = 19'675 * kDayMs;

// Parts as the planner sees them: each one slot wide unless told otherwise.
class Plan {
 public:
  Plan& Add(int64_t first_slot, int64_t last_slot, Generation generation = Generation::kSealed,
            uint64_t samples = 1'000) {
    auto part = std::make_shared<Part>();
    part->number = part->rank = ++number_;
    part->generation = generation;
    part->samples = samples;
    part->rows_max = 120;
    part->time_ms_min = kDayStartMs + first_slot * kSlotMs;
    part->time_ms_max = kDayStartMs + (last_slot + 1) * kSlotMs - 1;
    parts_.push_back(std::move(part));
    return *this;
  }
  Part* last() { return const_cast<Part*>(parts_.back().get()); }

  // The ranks of each job's inputs, once `now` is that many slots after the day's begin.
  std::vector<std::vector<uint32_t>> Jobs(int64_t now_slot, bool force = false) const {
    const MergePolicy policy{kSlotMs, kDayStartMs + now_slot * kSlotMs, force, &left_alone_};
    std::vector<std::vector<uint32_t>> jobs;
    for (const MergeJob& job : PlanMerges(parts_, policy)) {
      jobs.emplace_back();
      for (const auto& part : job.inputs) jobs.back().push_back(part->rank);
    }
    return jobs;
  }
  void LeaveAlone(uint32_t number) { left_alone_.insert(number); }

 private:
  uint32_t number_ = 0;
  std::vector<std::shared_ptr<const Part>> parts_;
  std::set<uint32_t> left_alone_;
};

using Jobs = std::vector<std::vector<uint32_t>>;

TEST(MergePlan, JoinsTwoHoursOnceTheyAreOver) {
  Plan plan;
  plan.Add(0, 0).Add(1, 1).Add(2, 2).Add(3, 3).Add(4, 4);
  EXPECT_EQ(plan.Jobs(4), Jobs());
  EXPECT_EQ(plan.Jobs(5), (Jobs{{1, 2, 3, 4}}));
}

TEST(MergePlan, JoinsADayOnceItIsOverAndWaitsForLateParts) {
  Plan plan;
  for (int i = 0; i < 12; ++i) plan.Add(4 * i, 4 * i + 3, Generation::kHours);
  EXPECT_EQ(plan.Jobs(48), Jobs());
  ASSERT_EQ(plan.Jobs(49).size(), 1U);
  EXPECT_EQ(plan.Jobs(49)[0].size(), 12U);
  Plan late;
  late.Add(0, 47, Generation::kDay, 1'000'000);
  for (int i = 0; i < 7; ++i) late.Add(i, i);
  EXPECT_EQ(late.Jobs(100), Jobs()) << "they would rewrite the day for little";
  EXPECT_EQ(late.Jobs(100, true).size(), 1U);
  late.Add(9, 9);
  ASSERT_EQ(late.Jobs(100).size(), 1U);
  EXPECT_EQ(late.Jobs(100)[0].size(), 9U);
  late.Add(10, 10, Generation::kSealed, 300'000);
  EXPECT_EQ(late.Jobs(100)[0].size(), 10U);
}

// The outcome stands in one place of the order: nothing that has samples of the same time may be
// between its inputs.
TEST(MergePlan, NeverReachesOverAPartThatStaysBehind) {
  Plan plan;
  plan.Add(0, 0).Add(1, 1);
  plan.Add(-1, 1);  // reaches into the day before
  plan.Add(2, 2).Add(3, 3);
  EXPECT_EQ(plan.Jobs(5), (Jobs{{1, 2}, {4, 5}}));
  EXPECT_EQ(plan.Jobs(5, true), (Jobs{{1, 2}, {4, 5}}));
  Plan apart;
  apart.Add(0, 0);
  apart.Add(-9, -5);
  apart.Add(1, 1);
  EXPECT_EQ(apart.Jobs(5)[0], (std::vector<uint32_t>{1, 3})) << "no samples of the same time";
  Plan damaged;
  damaged.Add(0, 0).Add(0, 1).Add(1, 1).Add(2, 2);
  damaged.LeaveAlone(2);
  EXPECT_EQ(damaged.Jobs(5), (Jobs{{3, 4}}));
}

TEST(MergePlan, CutsADayThatHasTooManyRows) {
  Plan plan;
  for (int i = 0; i < 12; ++i) {
    plan.Add(4 * i, 4 * i + 3, Generation::kHours);
    plan.last()->rows_max = 7'200;  // a row a second
  }
  const Jobs jobs = plan.Jobs(60);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0], (std::vector<uint32_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(jobs[1], (std::vector<uint32_t>{7, 8, 9, 10, 11, 12}));
}

TEST(RowPlan, CopiesWholeChunksAndJoinsSmallOnes) {
  std::vector<SourceRows> sources(4);
  int64_t time_ms = 0;
  const auto fill = [&](SourceRows* rows, std::vector<uint32_t> chunks) {
    for (const uint32_t chunk : chunks) {
      for (uint32_t i = 0; i < chunk; ++i) rows->times_ms.push_back(++time_ms);
    }
    rows->chunk_rows = std::move(chunks);
  };
  fill(&sources[1], {480, 479});
  fill(&sources[0], {120});
  fill(&sources[2], {120});
  fill(&sources[3], {1'200});
  const RowPlan plan(sources, true);
  EXPECT_EQ(plan.times_ms().size(), 2'399U);
  std::vector<uint32_t> rows;
  for (const PlannedChunk& chunk : plan.chunks()) rows.push_back(chunk.rows);
  EXPECT_EQ(rows, (std::vector<uint32_t>{480, 479, 480, 480, 480}));
  EXPECT_EQ(plan.chunks()[1].source, 1U);
  EXPECT_EQ(plan.chunks()[1].copied_chunk, 1U);
  EXPECT_EQ(plan.chunks()[2].copied_chunk, PlannedChunk::kMixed);
  EXPECT_EQ(RowPlan(sources, false).chunks()[1].copied_chunk, PlannedChunk::kMixed);
  sources[1].may_copy = false;
  const RowPlan all_anew(sources, true);
  for (const PlannedChunk& chunk : all_anew.chunks()) {
    EXPECT_TRUE(chunk.source != 1 || chunk.copied_chunk == PlannedChunk::kMixed);
  }
  sources[1].may_copy = true;
  sources[0].times_ms.front() = 1;
  const RowPlan mixed(sources, true);
  EXPECT_EQ(mixed.chunks()[1].copied_chunk, PlannedChunk::kMixed);
  EXPECT_EQ(mixed.times_ms().size(), 2'398U);
  EXPECT_TRUE(std::is_sorted(mixed.times_ms().begin(), mixed.times_ms().end()));
  EXPECT_EQ(mixed.rows_of(0)[0], mixed.rows_of(1)[0]) << "one row, told by two";
}

TEST(RowPlan, AShortEndIsNoChunkOfItsOwn) {
  std::vector<SourceRows> sources(5);
  int64_t time_ms = 0;
  for (size_t i = 0; const uint32_t rows : {77U, 120U, 120U, 120U, 48U}) {
    for (uint32_t row = 0; row < rows; ++row) sources[i].times_ms.push_back(++time_ms);
    sources[i++].chunk_rows = {rows};
  }
  const RowPlan plan(sources, true);
  ASSERT_EQ(plan.chunks().size(), 1U);
  EXPECT_EQ(plan.chunks()[0].rows, 485U);
  EXPECT_EQ(EvenChunks(485).size(), 1U);
  EXPECT_EQ(EvenChunks(5'760).size(), 12U);
  EXPECT_EQ(EvenChunks(1).size(), 1U);
  EXPECT_TRUE(EvenChunks(0).empty());
}

TEST(ChunkedValue, DecodesColumnsThatReferToOneAnother) {
  // Buckets of a histogram: each counts what the one before does, and a little more.
  const std::vector<uint32_t> chunk_rows = {120, 200};
  std::mt19937 random(5);
  std::vector<std::vector<double>> columns(kBlockColumns, std::vector<double>(320));
  for (size_t row = 1; row < 320; ++row) {
    double below = 0;
    for (auto& column : columns) {
      below += random() % 8 == 0 ? 1.0 : static_cast<double>(random() % 2 * 5);
      column[row] = column[row - 1] + below;
    }
  }
  ChunkedValues values(chunk_rows);
  std::vector<codec::ColumnGroupEncoder> encoders(chunk_rows.size());
  size_t related = 0;
  for (const auto& column : columns) {
    std::vector<std::string> encoded(2);
    encoders[0].Append(std::span(column).first(120), &encoded[0]);
    encoders[1].Append(std::span(column).subspan(120), &encoded[1]);
    related += codec::ColumnsBack(encoded[1]) != 0;
    const std::vector<std::string_view> pieces(encoded.begin(), encoded.end());
    values.Add(pieces);
  }
  EXPECT_GT(related, 10U);
  const std::string bytes = std::move(values).Finish();
  const auto parsed = SlotValues::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  SlotValues::Referred referred;
  SlotValues::Referred kept_ones;
  SlotValues::Referred told_ones;
  for (size_t c = 0; c < kBlockColumns; ++c) {
    std::vector<double> decoded(320);
    told_ones.Know(c, columns[c]);
    ASSERT_TRUE(parsed->Decode(c, decoded).ok());
    EXPECT_EQ(decoded, columns[c]) << "alone, column " << c;
    ASSERT_TRUE(parsed->Decode(c, 0, 2, decoded, &referred).ok());
    EXPECT_EQ(decoded, columns[c]) << "among others, column " << c;
    const auto kept = parsed->Decode(c, 0, 2, &kept_ones);
    ASSERT_TRUE(kept.ok());
    EXPECT_TRUE(std::equal(kept->begin(), kept->end(), columns[c].begin(), columns[c].end())) << c;
    const auto told = parsed->Decode(c, 0, 2, &told_ones);
    ASSERT_TRUE(told.ok());
    EXPECT_EQ(told->data(), columns[c].data()) << "it was told, and not decoded again";
    decoded.resize(200);
    ASSERT_TRUE(parsed->Decode(c, 1, 2, decoded).ok());
    EXPECT_TRUE(std::equal(decoded.begin(), decoded.end(), columns[c].begin() + 120)) << c;
  }
}

TEST(ChunkedValue, RefusesAReferenceToNoColumn) {
  std::vector<double> first(64);
  std::vector<double> second(64);
  for (size_t i = 0; i < 64; ++i) {
    first[i] = static_cast<double>(i * i * 7919 % 1'009);
    second[i] = first[i] + static_cast<double>(i % 2);
  }
  codec::ColumnGroupEncoder encoder;
  std::string ignored;
  std::string related;
  encoder.Append(first, &ignored);
  encoder.Append(second, &related);
  ASSERT_EQ(codec::ColumnsBack(related), 1U);
  const std::vector<uint32_t> chunk_rows = {64};
  ChunkedValues values(chunk_rows);
  const std::vector<std::string_view> pieces = {related};
  values.Add(pieces);
  const std::string bytes = std::move(values).Finish();
  const auto parsed = SlotValues::Parse(bytes);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->Decode(0, first).code(), absl::StatusCode::kDataLoss);
}

TEST(ChunkedValue, DecodesAnyChunksAndRefusesEveryTruncation) {
  std::mt19937 random(3);
  const std::vector<uint32_t> chunk_rows = {5, 1, 300, 7};
  std::vector<double> moving;
  std::vector<int64_t> times_ms;
  for (int i = 0; i < 313; ++i) {
    moving.push_back(static_cast<double>(random() % 50));
    times_ms.push_back(i * 15'000 + static_cast<int64_t>(random() % 9));
  }
  const std::vector<double> constant(313, 2.5);
  ChunkedValues values(chunk_rows);
  for (const auto& column : {moving, constant}) {
    std::vector<std::string> encoded;
    for (size_t row = 0; const uint32_t rows : chunk_rows) {
      codec::EncodeColumn(std::span(column).subspan(row, rows), &encoded.emplace_back());
      row += rows;
    }
    values.Add(std::vector<std::string_view>(encoded.begin(), encoded.end()));
  }
  const std::string bytes = std::move(values).Finish();
  const auto parsed = SlotValues::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->row_count(), 313U);
  for (size_t first = 0, row = 0; first < chunk_rows.size(); row += chunk_rows[first++]) {
    for (size_t end = first + 1, rows = 0; end <= chunk_rows.size(); ++end) {
      rows += chunk_rows[end - 1];
      std::vector<double> column(rows);
      ASSERT_TRUE(parsed->Decode(0, first, end, column).ok());
      EXPECT_TRUE(
          std::equal(column.begin(), column.end(), moving.begin() + static_cast<long>(row)));
      ASSERT_TRUE(parsed->Decode(1, first, end, column).ok());
      EXPECT_EQ(column, std::vector<double>(rows, 2.5));
    }
  }
  const std::string times = EncodeChunkedTimes(chunk_rows, times_ms);
  EXPECT_EQ(*DecodeSlotTimes(times), times_ms);
  const auto some = SlotTimes::Parse(times);
  EXPECT_EQ(some->ChunksWithin(times_ms[6], times_ms[7]), (std::pair<size_t, size_t>{2, 3}));
  EXPECT_EQ(some->ChunksWithin(times_ms[312] + 1, INT64_MAX), (std::pair<size_t, size_t>{3, 4}));
  EXPECT_EQ(some->ChunksWithin(INT64_MIN, times_ms[0] - 1), (std::pair<size_t, size_t>{0, 0}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(SlotValues::Parse(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  for (size_t size = 0; size < times.size(); ++size) {
    EXPECT_FALSE(DecodeSlotTimes(std::string_view(times).substr(0, size)).ok()) << size;
  }
}

class MergeTest : public ::testing::Test {
 protected:
  MergeTest()
      : folder_(std::string("merge_") +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    StartAnew(1);
  }

  enum class How { kOneFault, kDeadDisk, kPowerCut };
  void FailAtEveryStep(How how, bool goes_on);

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
    clock_.SetNowMs(kDayStartMs);
    expected_.clear();
  }
  void Open() {
    store_.reset();
    auto store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Append(const Labels& labels, int64_t time_ms, double value) {
    const AppendResult result = AppendOne(store_.get(), labels, time_ms, value);
    ASSERT_TRUE(result.status.ok()) << result.status;
    expected_[labels][time_ms] = Bits(value);
  }
  // A row of some series at the clock's time, which moves on.
  void Scrape(int64_t step_ms) {
    clock_.AdvanceMs(step_ms);
    for (int i = 0; i < 3; ++i) {
      const int64_t now_ms = clock_.NowMs();
      Append({{"__name__", "m" + std::to_string(i)}, {"job", "x"}}, now_ms,
             i == 0 ? 1.0 : static_cast<double>(now_ms % (1'000 * i)));
    }
  }
  void Seal() { ASSERT_TRUE(store_->Maintain(false).ok()); }

  Folder folder_;
  base::FakeClock clock_{kDayStartMs};
  std::shared_ptr<FaultFileSystem> disk_;
  std::unique_ptr<rocksdb::Env> env_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  SamplesBySeries expected_;
};

TEST_F(MergeTest, ADayBecomesOnePartAndReadsTheSameInAnyRange) {
  Open();
  for (int row = 0; row < 2 * 288; ++row) {
    Scrape(300'000);
    if (row % 3 == 0) Seal();
  }
  clock_.AdvanceMs(2 * kSlotMs);
  Seal();
  clock_.AdvanceMs(2 * kSlotMs);
  Seal();
  const Stats stats = store_->GetStats();
  EXPECT_LE(stats.parts, 4U);
  EXPECT_GT(stats.merges_total, 10U);
  EXPECT_EQ(ReadAll(*store_), expected_);
  std::mt19937_64 random(5);
  for (int i = 0; i < 100; ++i) {
    const int64_t start_ms = kDayStartMs + static_cast<int64_t>(random() % (2 * kDayMs));
    const int64_t end_ms =
        start_ms + static_cast<int64_t>(random() % (i % 2 == 0 ? 600'000 : kDayMs));
    SamplesBySeries cut;
    for (const auto& [labels, samples] : expected_) {
      auto& into = cut[labels];
      into.insert(samples.lower_bound(start_ms), samples.upper_bound(end_ms));
      if (into.empty()) cut.erase(labels);
    }
    ASSERT_EQ(ReadAll(*store_, {}, start_ms, end_ms), cut) << start_ms << " to " << end_ms;
  }
  ASSERT_TRUE(store_->Maintain(true).ok());
  EXPECT_EQ(ReadAll(*store_), expected_);
  Open();
  EXPECT_EQ(ReadAll(*store_), expected_);
}

// A target whose samples come cut into columns in two ways, rewritten back and forth.
TEST_F(MergeTest, TheLastOneWinsAcrossLayoutsToo) {
  Open();
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    SampleBatch batch;
    SamplesBySeries told;
    const int first = static_cast<int>(random() % 3);
    for (int i = first; i < first + 40; ++i) {
      const Labels labels{{"__name__", "m" + std::to_string(i)}, {"job", "x"}};
      for (int row = 0; row < 3; ++row) {
        const int64_t time_ms = kDayStartMs + 1'000 * static_cast<int64_t>(random() % 20);
        const double value = static_cast<double>(random() % 1'000);
        testing::Add(store_.get(), labels, time_ms, value, &batch);
        expected_[labels][time_ms] = Bits(value);
      }
    }
    ASSERT_TRUE(AppendAndWait(store_.get(), std::move(batch)).status.ok());
    clock_.AdvanceMs(kSlotMs);
    if (round % 4 == 3) {
      ASSERT_TRUE(store_->Maintain(true).ok());
    } else {
      Seal();
    }
    ASSERT_EQ(ReadAll(*store_), expected_) << round;
  }
  EXPECT_EQ(store_->GetStats().merge_failures_total, 0U);
}

// All writes fail from a step on, or that one; the process goes on or ends; or the power goes.
void MergeTest::FailAtEveryStep(How how, bool goes_on) {
  bool done = false;
  for (uint64_t step = 0; !done; ++step) {
    SCOPED_TRACE(::testing::Message() << "from step " << step);
    ASSERT_LT(step, 300U);
    StartAnew(step + 1);
    ASSERT_NO_FATAL_FAILURE(Open());
    for (int i = 0; i < 3; ++i) {
      Scrape(kSlotMs);
      Seal();
    }
    Append({{"__name__", "m0"}, {"job", "x"}}, kDayStartMs + kSlotMs, 77);  // late, overwrites
    const uint64_t begin = disk_->operations();
    if (how == How::kPowerCut) {
      disk_->CutPowerAfter(step + 1);
    } else {
      disk_->SetFaultAfter(DiskFault::kBroken, step, how == How::kOneFault ? 1 : UINT64_MAX);
    }
    static_cast<void>(store_->Maintain(true));
    done = disk_->operations() - begin <= step;
    if (how != How::kPowerCut) {
      EXPECT_EQ(ReadAll(*store_), expected_);
      disk_->SetFault(DiskFault::kNone);
      if (goes_on) {
        Append({{"__name__", "m1"}, {"job", "x"}}, clock_.NowMs() + 1, 5);
        EXPECT_TRUE(store_->Maintain(true).ok());
      }
    }
    store_.reset();
    if (how == How::kPowerCut) disk_->RestorePower();
    ASSERT_NO_FATAL_FAILURE(Open());
    EXPECT_EQ(ReadAll(*store_), expected_);
    EXPECT_TRUE(store_->Maintain(true).ok());
    EXPECT_EQ(ReadAll(*store_), expected_);
    EXPECT_EQ(store_->GetStats().parts, 1U);
    if (HasFailure()) return;
  }
}

TEST_F(MergeTest, OneFailureAtAnyStepLeavesTheOldPartsOrTheNewOne) {
  FailAtEveryStep(How::kOneFault, false);
}

TEST_F(MergeTest, GoesOnAfterOneFailureAtAnyStep) { FailAtEveryStep(How::kOneFault, true); }

TEST_F(MergeTest, ADeadDiskAtAnyStepLeavesTheOldPartsOrTheNewOne) {
  FailAtEveryStep(How::kDeadDisk, false);
}

TEST_F(MergeTest, GoesOnWhenADeadDiskComesBack) { FailAtEveryStep(How::kDeadDisk, true); }

TEST_F(MergeTest, APowerCutAtAnyStepLeavesTheOldPartsOrTheNewOne) {
  FailAtEveryStep(How::kPowerCut, false);
}

}  // namespace
}  // namespace baro::tsdb
