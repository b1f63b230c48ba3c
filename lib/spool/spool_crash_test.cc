// Power may go at every single write: what Sync() promised is there afterwards, bit for bit.
// Method: one script of appends, syncs, rolls and acknowledgements from a seed; for every k the
// power goes at the k-th change of the disk; then the spool is opened again and held against a
// model.

#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "baro/base/sim_disk.h"
#include "baro/base/strings.h"
#include "baro/spool/spool.h"
#include "gtest/gtest.h"

namespace baro::spool {
namespace {

struct Model {
  std::map<uint64_t, std::string> appended;  // by sequence; each batch has one frame
  std::map<uint64_t, std::string> synced;
  base::IntervalSet stored;
  uint64_t declaration_synced = 0;
};

Options SimOptions(base::SimDisk* disk) {
  return {.path = "/spool",
          .bytes_max = 1 << 20,
          .segment_bytes = 600,
          .grace_ms = 5,
          .disk = disk,
          .new_identity = {.agent_uuid = {7}, .epoch = 1}};
}

// One step of an agent's life. False when the disk refused.
bool Step(std::mt19937_64* random, int64_t now_ms, Spool* spool, Model* model) {
  if (spool->SegmentIsFull(now_ms) || (*random)() % 16 == 0) {
    if (!spool->StartSegment(now_ms).ok()) return false;
    model->synced = model->appended;  // rolling syncs
  }
  const uint64_t id = spool->next_declaration_id();
  if ((*random)() % 4 == 0 && !spool->AppendDeclaration(id, "target").ok()) return false;
  const uint64_t sequence = spool->next_sequence();
  const std::string bytes(1 + (*random)() % 200, static_cast<char>('a' + sequence % 26));
  if (!spool->AppendBatch(1, 1, 0, bytes).ok()) return false;
  model->appended[sequence] = bytes;
  if ((*random)() % 2 == 0) {
    if (!spool->Sync().ok()) return false;
    model->synced = model->appended;
    model->declaration_synced = spool->next_declaration_id() - 1;
  }
  if ((*random)() % 8 == 0 && !model->synced.empty()) {
    const uint64_t newest = model->synced.rbegin()->first;
    model->stored.Add({1, 1 + (*random)() % newest});
    spool->SetStored(model->stored, now_ms);
    spool->Collect(now_ms);
  }
  return true;
}

void ExpectKeptPromises(const Spool& spool, const Model& model) {
  std::map<uint64_t, std::string> readable;
  for (const SegmentFacts& facts : spool.Segments()) {
    SegmentReader reader = spool.OpenReader(facts.number);
    while (true) {
      const auto record = spool.ReadNext(&reader);
      ASSERT_TRUE(record.ok()) << record.status();
      if (!record->has_value()) break;
      if ((*record)->kind != RecordKind::kBatch) continue;
      ASSERT_TRUE(readable.emplace((*record)->first_sequence, (*record)->bytes).second)
          << "sequence " << (*record)->first_sequence << " is there twice";
    }
  }
  for (const auto& [sequence, bytes] : model.synced) {
    if (model.stored.Covers({sequence, sequence})) continue;
    ASSERT_TRUE(readable.contains(sequence)) << "synced sequence " << sequence << " is lost";
  }
  for (const auto& [sequence, bytes] : readable) {
    const auto appended = model.appended.find(sequence);
    ASSERT_TRUE(appended != model.appended.end()) << "sequence " << sequence << " from nowhere";
    ASSERT_EQ(bytes, appended->second);
  }
  if (!model.synced.empty()) {
    ASSERT_GT(spool.next_sequence(), model.synced.rbegin()->first);
    ASSERT_EQ(spool.identity().epoch, 1u) << "nothing was lost, yet the epoch changed";
  }
  ASSERT_GT(spool.next_declaration_id(), model.declaration_synced);
}

// Runs until the power goes or the script ends; true when it ended.
bool RunUntilPowerCut(uint64_t seed, uint64_t cut_at, int lives) {
  SCOPED_TRACE(base::StrCat("seed ", seed, ", power cut at change ", cut_at));
  base::SimDisk disk(seed * 1'000'003 + cut_at);
  std::mt19937_64 random(seed);
  Model model;
  bool ended = false;
  for (int life = 0; life < lives; ++life) {
    disk.CutPowerAt(cut_at);
    auto spool = Spool::Open(SimOptions(&disk));
    int64_t now_ms = 1000 * (life + 1);
    for (int step = 0; step < 60 && spool.ok(); ++step) {
      if (!Step(&random, ++now_ms, spool->get(), &model)) break;
    }
    ended = !disk.power_is_off();
    disk.PowerCut();
    auto after = Spool::Open(SimOptions(&disk));
    EXPECT_TRUE(after.ok()) << after.status();
    if (!after.ok()) return true;
    ExpectKeptPromises(**after, model);
    if (testing::Test::HasFatalFailure()) return true;
    // The next life may give the lost sequences again.
    const uint64_t next = (*after)->next_sequence();
    std::erase_if(model.appended, [next](const auto& entry) { return entry.first >= next; });
    model.synced = model.appended;
  }
  return ended;
}

TEST(SpoolCrash, KeepsWhatWasSyncedWhereverThePowerGoes) {
  const char* given = std::getenv("BARO_SEED");
  const uint64_t seeds = given != nullptr ? 1 : 5;
  const uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    uint64_t cut_at = 1;
    while (!RunUntilPowerCut(seed, cut_at, 1)) ++cut_at;
    ASSERT_FALSE(testing::Test::HasFailure()) << "BARO_SEED=" << seed;
    EXPECT_GT(cut_at, 60u) << "the script must change the disk often";
  }
}

TEST(SpoolCrash, KeepsWhatWasSyncedOverManyLives) {
  for (uint64_t seed = 100; seed < 140; ++seed) {
    RunUntilPowerCut(seed, 20 + seed % 50, 12);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace baro::spool
