// Damage on the disk: never a crash, never a wrong value; what is not damaged is answered, and the
// rest is named. Method: real files of a store, changed byte by byte, cut, removed.
//
// BARO_SEED=n repeats a run, BARO_ROUNDS=n flips more bytes.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <random>
#include <set>

#include "baro/tsdb/store_admin.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kParts = 4;
constexpr int64_t kPartMs = 86'400'000;

StoreOptions Options(const std::string& path) {
  StoreOptions options;
  options.path = path;
  options.retention_ms = 0;
  options.background = false;
  return options;
}

uint64_t Seed() {
  const char* text = std::getenv("BARO_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::cout << "BARO_SEED=" << seed << "\n";
  return seed;
}

uint64_t Rounds(uint64_t rounds) {
  const char* text = std::getenv("BARO_ROUNDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : rounds;
}

model::Labels Series(int number) {
  return model::Labels{{"__name__", "m" + std::to_string(number % 40)},
                       {"instance", std::to_string(number / 40)}};
}

// Some parts a day apart, so that what one of them holds is told by its times.
class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      auto store = *Store::Open(Options(folder_.path()));
      for (int part = 0; part < kParts; ++part) {
        SampleBatch batch;
        for (int series = 0; series < 200; ++series) {
          for (int64_t row = 0; row < 20; ++row) {
            const int64_t time_ms = part * kPartMs + row * 15'000;
            Add(store.get(), Series(series), time_ms,
                std::sin(static_cast<double>(time_ms + series)), &batch);
          }
        }
        ASSERT_TRUE(AppendAndWait(store.get(), std::move(batch)).status.ok());
        ASSERT_TRUE(store->Maintain(true).ok());
      }
      expected_ = ReadAll(*store);
    }
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".sst" && entry.file_size() > 20'000) {
        tables_.push_back(entry.path());
      }
    }
    std::sort(tables_.begin(), tables_.end());
    ASSERT_EQ(tables_.size(), static_cast<size_t>(kParts));
    fs::copy(folder_.path(), copy_.path(), fs::copy_options::recursive);
  }

  void Reset() {
    fs::remove_all(folder_.path());
    fs::copy(copy_.path(), folder_.path(), fs::copy_options::recursive);
  }

  // All of the days but those of `lost` parts; of these nothing wrong.
  void ExpectTheRest(const Store& store, size_t lost_max) {
    const SamplesBySeries actual = ReadAll(store);
    std::set<int64_t> days_hit;
    for (const auto& [labels, samples] : expected_) {
      const auto found = actual.find(labels);
      for (const auto& [time_ms, bits] : samples) {
        const bool there = found != actual.end() && found->second.contains(time_ms);
        if (!there) days_hit.insert(time_ms / kPartMs);
        if (there) {
          ASSERT_EQ(found->second.at(time_ms), bits) << labels.ToString();
        }
      }
    }
    EXPECT_LE(days_hit.size(), lost_max);
    const Stats stats = store.GetStats();
    EXPECT_GE(stats.quarantined_parts, days_hit.size());
    EXPECT_LE(stats.quarantined_parts, lost_max);
    const auto set = store.Select({model::kTimeMsMin, model::kTimeMsMax, {}, 0});
    ASSERT_TRUE(set.ok());
    EXPECT_EQ((*set)->warnings().size(), stats.quarantined_parts);
  }

  const Folder folder_{"damage"};
  const Folder copy_{"damage_copy"};
  std::vector<fs::path> tables_;
  SamplesBySeries expected_;
};

TEST_F(DamageTest, AFlippedByteOfAPartCostsNoMoreThanThatPart) {
  std::mt19937_64 random(Seed());
  for (uint64_t round = 0; round < Rounds(25); ++round) {
    const fs::path& table = tables_[random() % tables_.size()];
    const uint64_t offset = random() % fs::file_size(table);
    SCOPED_TRACE(table.filename().string() + " at " + std::to_string(offset));
    {
      std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      const int byte = file.get();
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(static_cast<char>(byte ^ (1 + static_cast<int>(random() % 255))));
    }
    std::vector<std::string> said;
    StoreOptions options = Options(folder_.path());
    options.on_damage = [&](const std::string& what) { said.push_back(what); };
    auto store = Store::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectTheRest(**store, 1);
    EXPECT_EQ(said.size(), (*store)->GetStats().quarantined_parts);
    // It goes on taking samples, and merging around the damage.
    EXPECT_EQ(AppendOne(store->get(), Series(0), 100 * kPartMs, 1).stored, 1u);
    EXPECT_TRUE((*store)->Maintain(true).ok());
    EXPECT_EQ(ReadAll(**store, {}, 100 * kPartMs, 100 * kPartMs).size(), 1u);
    store->reset();
    Reset();
    if (HasFailure()) return;
  }
}

TEST_F(DamageTest, ACutOrMissingTableIsSetAsideAtTheStart) {
  for (const bool remove : {false, true}) {
    SCOPED_TRACE(remove ? "missing" : "cut");
    const fs::path& table = tables_[1];
    if (remove) {
      fs::remove(table);
    } else {
      fs::resize_file(table, fs::file_size(table) / 2);
    }
    for (int start = 0; start < 2; ++start) {
      auto store = Store::Open(Options(folder_.path()));
      ASSERT_TRUE(store.ok()) << store.status();
      ExpectTheRest(**store, 1);
      EXPECT_EQ((*store)->GetStats().quarantined_parts, 1u);
    }
    EXPECT_EQ(fs::exists(folder_.path() + "/quarantine/" + table.filename().string()), !remove);
    Reset();
  }
}

TEST_F(DamageTest, ADamagedIndexIsRefusedWithAWordOnWhatToDo) {
  fs::path index;
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    const bool is_table = entry.path().extension() == ".sst";
    if (is_table && std::find(tables_.begin(), tables_.end(), entry.path()) == tables_.end()) {
      index = entry.path();
    }
  }
  if (!index.empty()) {
    fs::resize_file(index, fs::file_size(index) / 2);
    const auto store = Store::Open(Options(folder_.path()));
    EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
    EXPECT_NE(store.status().ToString().find("--tsdb.restore"), std::string::npos);
    Reset();
  }
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    fs::resize_file(entry.path(), 10);
  }
  const auto store = Store::Open(Options(folder_.path()));
  EXPECT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
  EXPECT_NE(store.status().ToString().find("--tsdb.restore"), std::string::npos) << store.status();
}

TEST_F(DamageTest, ADamagedJournalRecordCostsWhatComesAfterIt) {
  const auto tables = [&] {
    std::set<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".sst") found.insert(entry.path());
    }
    return found;
  };
  {
    auto store = *Store::Open(Options(folder_.path()));
    for (int64_t i = 0; i < 400; ++i) {
      SampleBatch batch;
      for (int series = 0; series < 20; ++series) {
        Add(store.get(), Series(series), 100 * kPartMs + i * 1'000, std::sin(double(i * series)),
            &batch);
      }
      ASSERT_TRUE(AppendAndWait(store.get(), std::move(batch)).status.ok());
    }
    expected_ = ReadAll(*store);
  }
  // A start writes what is in the log into tables: the journal's is the largest of those.
  const std::set<fs::path> before = tables();
  Store::Open(Options(folder_.path()))->reset();
  fs::path journal;
  for (const fs::path& table : tables()) {
    const bool is_new = !before.contains(table);
    if (is_new && (journal.empty() || fs::file_size(table) > fs::file_size(journal)))
      journal = table;
  }
  ASSERT_FALSE(journal.empty());
  {
    std::fstream file(journal, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(journal) / 2));
    file.put('\x55').put('\x55').put('\x55');
  }
  std::vector<std::string> said;
  StoreOptions options = Options(folder_.path());
  options.on_damage = [&](const std::string& what) { said.push_back(what); };
  auto store = Store::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->GetStats().journal_damages_total, 1u);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("is damaged at record"), std::string::npos) << said[0];
  EXPECT_TRUE(fs::exists(folder_.path() + "/quarantine/" + journal.filename().string()));
  // A beginning of what was written, and everything that had been sealed.
  const SamplesBySeries actual = ReadAll(**store);
  size_t missing = 0;
  for (const auto& [labels, samples] : expected_) {
    const Samples& found = actual.at(labels);
    for (const auto& [time_ms, bits] : samples) {
      const auto it = found.find(time_ms);
      if (it == found.end()) {
        ++missing;
        EXPECT_GE(time_ms, 100 * kPartMs);
        EXPECT_GT(time_ms, found.rbegin()->first) << "a hole";
      } else {
        ASSERT_EQ(it->second, bits);
      }
    }
  }
  EXPECT_GT(missing, 0u);
  EXPECT_LT(missing, 400u * 20u);
  EXPECT_EQ(AppendOne(store->get(), Series(0), 200 * kPartMs, 1).stored, 1u);
  ASSERT_TRUE((*store)->Maintain(true).ok());
}

// A log of one write a second, and where each of them begins.
class LogDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = *Store::Open(Options(folder_.path()));
    for (int64_t i = 0; i < kWrites; ++i) {
      SampleBatch batch;
      for (int series = 0; series < 100; ++series) {
        Add(store.get(), Series(series), i * 1'000, std::sin(double(i * series)), &batch);
      }
      ASSERT_TRUE(AppendAndWait(store.get(), std::move(batch)).status.ok());
    }
    store.reset();
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      const bool is_log = entry.path().extension() == ".log";
      if (is_log && (log_.empty() || entry.file_size() > fs::file_size(log_))) log_ = entry.path();
    }
    ASSERT_GT(fs::file_size(log_), size_t{3} * 32'768);
  }

  void Overwrite(uint64_t offset, std::string_view bytes) {
    std::fstream file(log_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::unique_ptr<Store> Open() {
    StoreOptions options = Options(folder_.path());
    options.on_damage = [this](const std::string& what) { said_.push_back(what); };
    auto store = Store::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static constexpr int64_t kWrites = 600;
  const Folder folder_{"log_damage"};
  fs::path log_;
  std::vector<std::string> said_;
};

TEST_F(LogDamageTest, DamageBeforeTheEndIsNamedAndTheLogIsKept) {
  Overwrite(40'000, "\x55\x55\x55");
  const uint64_t size = fs::file_size(log_);
  auto store = Open();
  ASSERT_NE(store, nullptr);
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_NE(said_[0].find(log_.filename().string() + " is damaged at byte"), std::string::npos)
      << said_[0];
  EXPECT_EQ(store->GetStats().journal_damages_total, 1u);
  EXPECT_EQ(fs::file_size(folder_.path() + "/quarantine/" + log_.filename().string()), size);
  const SamplesBySeries samples = ReadAll(*store);
  const Samples& first = samples.begin()->second;
  EXPECT_GT(first.size(), 0u);
  EXPECT_LT(first.size(), static_cast<size_t>(kWrites));
  EXPECT_EQ(first.rbegin()->first, (static_cast<int64_t>(first.size()) - 1) * 1'000) << "a hole";
  EXPECT_EQ(AppendOne(store.get(), Series(0), 1'000'000, 1).stored, 1u);
  store.reset();
  said_.clear();
  store = Open();
  EXPECT_TRUE(said_.empty()) << "told once";
}

TEST_F(LogDamageTest, ATornEndIsNone) {
  const uint64_t size = fs::file_size(log_);
  // The last write cut, then garbled, then followed by zeros as a file system may leave them.
  fs::resize_file(log_, size - 100);
  Overwrite(size - 300, std::string(200, '\x77'));
  fs::resize_file(log_, size + 5'000);
  auto store = Open();
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(said_.empty()) << said_[0];
  EXPECT_EQ(store->GetStats().journal_damages_total, 0u);
  const SamplesBySeries samples = ReadAll(*store);
  EXPECT_GE(samples.begin()->second.size(), static_cast<size_t>(kWrites) - 3);
}

TEST_F(LogDamageTest, AWholeLogHasNone) {
  auto store = Open();
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(said_.empty());
  EXPECT_EQ(ReadAll(*store).begin()->second.size(), static_cast<size_t>(kWrites));
}

}  // namespace
}  // namespace baro::tsdb::testing
