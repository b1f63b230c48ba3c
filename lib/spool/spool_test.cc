// A spool gives back what was synced, in order, stays inside its bound and says what it gave up.

#include "baro/spool/spool.h"

#include <set>
#include <string>

#include "baro/base/sim_disk.h"
#include "gtest/gtest.h"

namespace baro::spool {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;

class SpoolTest : public testing::Test {
 protected:
  Options Small() {
    return {.path = "/spool",
            .bytes_max = 16 << 10,
            .segment_bytes = 1 << 10,
            .disk = &disk_,
            .new_identity = {.agent_uuid = {1, 2, 3}, .epoch = 9}};
  }
  std::unique_ptr<Spool> Open() {
    auto spool = Spool::Open(Small());
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }
  static void Fill(Spool* spool, int batches, size_t bytes, uint8_t priority = 0) {
    for (int i = 0; i < batches; ++i) {
      if (spool->SegmentIsFull(kStartMs)) {
        ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
      }
      ASSERT_TRUE(spool->AppendBatch(2, 20, priority, std::string(bytes, 'x')).ok());
      ASSERT_TRUE(spool->Sync().ok());
    }
  }
  // The sequences that can be read, whole spool.
  static base::IntervalSet Readable(const Spool& spool) {
    base::IntervalSet all;
    for (const SegmentFacts& facts : spool.Segments()) {
      SegmentReader reader = spool.OpenReader(facts.number);
      while (true) {
        const auto record = spool.ReadNext(&reader);
        EXPECT_TRUE(record.ok()) << record.status();
        if (!record.ok() || !record->has_value()) break;
        if ((*record)->kind == RecordKind::kBatch)
          all.Add({(*record)->first_sequence, (*record)->last_sequence()});
      }
    }
    return all;
  }

  base::SimDisk disk_{1};
};

TEST_F(SpoolTest, GivesBackWhatWasSyncedAndNothingElse) {
  auto spool = Open();
  ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
  ASSERT_TRUE(spool->AppendDeclaration(5, "cpu").ok());
  ASSERT_TRUE(spool->AppendBatch(3, 30, 0, "rows").ok());
  SegmentReader reader = spool->OpenReader(spool->open_segment());
  EXPECT_FALSE((*spool->ReadNext(&reader)).has_value()) << "not synced yet";
  ASSERT_TRUE(spool->Sync().ok());
  EXPECT_EQ((*spool->ReadNext(&reader))->bytes, "cpu");
  const auto batch = *spool->ReadNext(&reader);
  EXPECT_EQ(batch->first_sequence, 1u);
  EXPECT_EQ(batch->last_sequence(), 3u);
  EXPECT_EQ(batch->bytes, "rows");
  EXPECT_FALSE((*spool->ReadNext(&reader)).has_value());
  EXPECT_EQ(spool->next_sequence(), 4u);
  EXPECT_EQ(spool->next_declaration_id(), 6u);
}

TEST_F(SpoolTest, GoesOnCountingAfterARestart) {
  Fill(Open().get(), 3, 10);
  auto spool = Open();
  EXPECT_EQ(spool->identity(), (Identity{.agent_uuid = {1, 2, 3}, .epoch = 9}));
  EXPECT_EQ(spool->next_sequence(), 7u);
  Fill(spool.get(), 1, 10);
  EXPECT_EQ(Readable(*spool).intervals(), (std::vector<base::Interval>{{1, 8}}));
}

TEST_F(SpoolTest, KeepsWhatItServedAfterAKillOverAPowerCut) {
  {
    auto killed = Open();
    ASSERT_TRUE(killed->StartSegment(kStartMs).ok());
    ASSERT_TRUE(killed->AppendBatch(2, 2, 0, "never synced").ok());
  }
  const auto served = Readable(*Open()).intervals();
  disk_.PowerCut();
  EXPECT_EQ(Readable(*Open()).intervals(), served);
}

TEST_F(SpoolTest, ShedsTheOldestOfTheLowestPriorityWhenFull) {
  auto spool = Open();
  Fill(spool.get(), 4, 1000, 1);   // 1…8, one segment each
  Fill(spool.get(), 20, 1000, 0);  // 9…48
  const Stats stats = spool->GetStats();
  EXPECT_LE(stats.bytes, Small().bytes_max);
  const auto readable = Readable(*spool).intervals();
  ASSERT_EQ(readable.size(), 2u);
  EXPECT_EQ(readable[0], (base::Interval{1, 8})) << "the more important ones stay";
  EXPECT_EQ(readable[1].last, 48u);
  const Loss& loss = stats.lost_total.at("spool_full");
  EXPECT_EQ(loss.frames, readable[1].first - 9);
  EXPECT_EQ(loss.samples, loss.frames * 10);
  EXPECT_GT(loss.bytes, loss.frames * 500);
}

TEST_F(SpoolTest, PrefersToForgetWhatIsStored) {
  auto spool = Open();
  Fill(spool.get(), 8, 1000);
  base::IntervalSet stored;
  stored.Add({5, 16});
  spool->SetStored(stored, kStartMs);
  Fill(spool.get(), 12, 1000);
  const auto readable = Readable(*spool);
  EXPECT_TRUE(readable.Covers({1, 4}));
  EXPECT_TRUE(readable.Covers({17, 40}));
  EXPECT_TRUE(spool->GetStats().lost_total.empty());
}

TEST_F(SpoolTest, KeepsAcknowledgedSegmentsForTheirGrace) {
  auto spool = Open();
  Fill(spool.get(), 3, 1000);
  base::IntervalSet stored;
  stored.Add({1, 6});
  spool->SetStored(stored, kStartMs);
  spool->Collect(kStartMs + Small().grace_ms - 1);
  EXPECT_TRUE(Readable(*spool).Covers({1, 6}));
  EXPECT_EQ(spool->GetStats().unacknowledged_frames, 0u);
  spool->SetStored(base::IntervalSet(), kStartMs);  // a collector restored from a backup
  spool->Collect(kStartMs + 2 * Small().grace_ms);
  EXPECT_TRUE(Readable(*spool).Covers({1, 6}));
  spool->SetStored(stored, kStartMs);
  spool->Collect(kStartMs + Small().grace_ms);
  EXPECT_EQ(spool->Segments().size(), 1u) << "the newest keeps the count";
  EXPECT_EQ(Open()->next_sequence(), 7u);
}

// Found by the simulator: the open segment was acknowledged, then got more.
TEST_F(SpoolTest, KeepsWhatWasAppendedAfterAnAcknowledgement) {
  auto spool = Open();
  Fill(spool.get(), 1, 10);
  base::IntervalSet stored;
  stored.Add({1, 2});
  spool->SetStored(stored, kStartMs);
  Fill(spool.get(), 1, 10);
  ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
  spool->Collect(kStartMs + 2 * Small().grace_ms);
  EXPECT_TRUE(Readable(*spool).Covers({3, 4}));
}

TEST_F(SpoolTest, RollsByAge) {
  auto spool = Open();
  EXPECT_TRUE(spool->SegmentIsFull(kStartMs));
  ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
  EXPECT_FALSE(spool->SegmentIsFull(kStartMs + 2 * Small().segment_age_ms)) << "it is empty";
  ASSERT_TRUE(spool->AppendBatch(1, 1, 0, "x").ok());
  EXPECT_FALSE(spool->SegmentIsFull(kStartMs + Small().segment_age_ms - 1));
  EXPECT_TRUE(spool->SegmentIsFull(kStartMs + Small().segment_age_ms));
}

TEST_F(SpoolTest, GivesTheSequencesAgainThatAFailedSyncLost) {
  auto spool = Open();
  Fill(spool.get(), 1, 10);
  ASSERT_TRUE(spool->AppendBatch(2, 2, 0, "first try").ok());
  disk_.set_fault_plan([](base::SimDisk::Operation operation, const std::string&) {
    const bool fails = operation == base::SimDisk::Operation::kSync ||
                       operation == base::SimDisk::Operation::kTruncate;
    return fails ? base::SimDisk::Fault::kIoError : base::SimDisk::Fault::kNone;
  });
  EXPECT_TRUE(absl::IsUnavailable(spool->Sync()));
  EXPECT_FALSE(spool->has_open_segment());
  disk_.set_fault_plan(nullptr);
  EXPECT_EQ(spool->next_sequence(), 3u);
  ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
  ASSERT_TRUE(spool->AppendBatch(1, 1, 0, "second try").ok());
  ASSERT_TRUE(spool->Sync().ok());
  // The first try is still in the file; the second segment's header makes it void.
  auto again = Open();
  EXPECT_EQ(again->next_sequence(), 4u);
  EXPECT_EQ(Readable(*again).intervals(), (std::vector<base::Interval>{{1, 3}}));
  EXPECT_EQ(again->GetStats().quarantined_segments_total, 0u);
}

TEST_F(SpoolTest, RecoversFromAFullDisk) {
  auto spool = Open();
  Fill(spool.get(), 4, 1000);
  disk_.set_capacity_bytes(disk_.used_bytes() + 500);
  EXPECT_TRUE(absl::IsResourceExhausted(spool->AppendBatch(1, 1, 0, std::string(1000, 'y'))));
  EXPECT_FALSE(spool->has_open_segment());
  ASSERT_TRUE(spool->ShedOne("disk_full"));
  ASSERT_TRUE(spool->StartSegment(kStartMs).ok());
  ASSERT_TRUE(spool->AppendBatch(1, 1, 0, std::string(1000, 'y')).ok());
  ASSERT_TRUE(spool->Sync().ok());
  EXPECT_EQ(Readable(*spool).intervals(), (std::vector<base::Interval>{{3, 9}}));
  EXPECT_EQ(spool->GetStats().lost_total.at("disk_full").frames, 2u);
}

TEST_F(SpoolTest, SetsADamagedSegmentAsideAndServesTheRest) {
  Fill(Open().get(), 3, 1000);
  disk_.FlipBit("/spool/00000000000000000002.seg", 600);
  auto spool = Open();
  EXPECT_EQ(Readable(*spool).intervals(), (std::vector<base::Interval>{{1, 2}, {5, 6}}));
  EXPECT_EQ(spool->GetStats().quarantined_segments_total, 1u);
  EXPECT_EQ(spool->GetStats().lost_total.at("damaged").frames, 2u);
  EXPECT_EQ(spool->identity().epoch, 9u);
  EXPECT_TRUE(disk_.Size("/spool/00000000000000000002.seg.damaged").ok());
}

TEST_F(SpoolTest, StartsANewEpochWhenTheNewestHeaderIsGone) {
  Fill(Open().get(), 3, 1000);
  disk_.FlipBit("/spool/00000000000000000003.seg", 20);
  const uint64_t epoch = Open()->identity().epoch;
  EXPECT_NE(epoch, 9u) << "sequences 5 and 6 may be known to the collector";
  EXPECT_NE(epoch, 0u);
  EXPECT_EQ(Open()->identity().epoch, epoch);
}

TEST_F(SpoolTest, StartsANewEpochWhenTheSegmentsAreGone) {
  Fill(Open().get(), 1, 10);
  ASSERT_TRUE(disk_.Remove("/spool/00000000000000000001.seg").ok());
  EXPECT_NE(Open()->identity().epoch, 9u);
}

TEST_F(SpoolTest, GivesCopiesOfOneSpoolDifferentEpochs) {
  std::set<uint64_t> epochs = {0, 9};
  for (int copy = 0; copy < 10; ++copy) {
    Options options = Small();
    options.path = "/copy" + std::to_string(copy);
    auto spool = Spool::Open(options);
    ASSERT_TRUE(spool.ok()) << spool.status();
    ASSERT_EQ((*spool)->identity().epoch, 9u);
    ASSERT_TRUE((*spool)->StartEpoch().ok());
    EXPECT_TRUE(epochs.insert((*spool)->identity().epoch).second) << "met again";
  }
}

}  // namespace
}  // namespace baro::spool
