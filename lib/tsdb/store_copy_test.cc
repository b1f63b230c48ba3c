// Snapshots, backups, restores and verification: a copy holds everything acknowledged when it was
// made, whatever happens meanwhile, and no damage goes unnoticed.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "baro/base/task_group.h"
#include "baro/tsdb/store_admin.h"
#include "baro/tsdb/testing/fault_file_system.h"
#include "store_test_support.h"

namespace baro::tsdb::testing {
namespace {

namespace fs = std::filesystem;

StoreOptions Options(const std::string& path) {
  StoreOptions options;
  options.path = path;
  options.retention_ms = 0;
  options.background = false;
  return options;
}

std::unique_ptr<Store> Open(const StoreOptions& options) {
  auto store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

model::Labels Series(int number) {
  return model::Labels{{"__name__", "m" + std::to_string(number % 7)},
                       {"instance", std::to_string(number)}};
}

// Samples in `rounds` parts and some in the head.
void Fill(Store* store, int rounds, int64_t from_ms = 0) {
  for (int round = 0; round <= rounds; ++round) {
    SampleBatch batch;
    for (int series = 0; series < 20; ++series) {
      for (int64_t row = 0; row < 30; ++row) {
        const int64_t time_ms = from_ms + (round * 30 + row) * 15'000;
        Add(store, Series(series), time_ms, 0.1 * static_cast<double>(time_ms + series), &batch);
      }
    }
    ASSERT_TRUE(AppendAndWait(store, std::move(batch)).status.ok());
    if (round < rounds) {
      ASSERT_TRUE(store->Maintain(true).ok());
    }
  }
}

std::string Text(const VerifyReport& report) {
  std::string text;
  for (const Damage& damage : report.damages) text += damage.place + ": " + damage.what + "\n";
  return text;
}

void ExpectGood(const absl::StatusOr<VerifyReport>& report) {
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->damages_total, 0u) << Text(*report);
}

void FlipByte(const fs::path& file, uint64_t offset) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(stream.is_open()) << file;
  stream.seekg(static_cast<std::streamoff>(offset));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(static_cast<char>(byte ^ 0x55));
}

std::vector<fs::path> FilesOf(const std::string& folder, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Snapshot, IsAStoreWithAllThatWasAcknowledged) {
  const Folder folder("snapshot");
  auto store = Open(Options(folder.path()));
  Fill(store.get(), 3);
  const SamplesBySeries before = ReadAll(*store);
  const std::string path = folder.path() + "/snapshots/one";
  ASSERT_TRUE(store->admin()->Snapshot({path, true}).ok());
  Fill(store.get(), 1, 10'000'000);
  EXPECT_EQ(store->admin()->Snapshot({path, true}).code(), absl::StatusCode::kAlreadyExists);
  store.reset();
  ExpectGood(VerifyFolder(path));
  const auto copy = Open(Options(path));
  EXPECT_TRUE(ReadAll(*copy) == before);
  EXPECT_TRUE(copy->GetStats().slots > 0 && copy->GetStats().series == 0) << "not sealed";
}

TEST(Snapshot, WithoutTheHeadHasWhatIsSealedAndTakesNewSamples) {
  const Folder folder("snapshot_headless");
  auto store = Open(Options(folder.path()));
  Fill(store.get(), 2);
  ASSERT_TRUE(store->Maintain(true).ok());
  const SamplesBySeries sealed = ReadAll(*store);
  AppendOne(store.get(), Series(99), 77, 1);
  // A delete that covers the journal left out must not cover the copy's next one.
  ASSERT_TRUE(store->admin()->Delete({{{Match(model::MatchType::kEqual, "instance", "99")}}}).ok());
  const std::string path = folder.path() + "/snapshots/one";
  ASSERT_TRUE(store->admin()->Snapshot({path, false}).ok());
  const auto copy = Open(Options(path));
  EXPECT_TRUE(ReadAll(*copy) == sealed);
  AppendOne(copy.get(), Series(99), 77, 2);
  EXPECT_EQ(ReadAll(*copy).at(Series(99)), (Samples{{77, Bits(2)}}));
}

TEST(Snapshot, IsConsistentWhileSamplesCome) {
  const Folder folder("snapshot_live");
  auto store = Open(Options(folder.path()));
  Fill(store.get(), 1);
  std::atomic<bool> stop = false;
  std::atomic<int64_t> acknowledged = 0;
  base::TaskGroup writers;
  writers.Start("writer", [&] {
    for (int64_t i = 1; !stop; ++i) {
      const AppendResult result =
          AppendOne(store.get(), Series(50), i * 1'000, static_cast<double>(i));
      if (result.status.ok()) acknowledged = i;
    }
  });
  for (int i = 0; i < 5; ++i) {
    while (acknowledged < (i + 1) * 20) std::this_thread::yield();
    const int64_t least = acknowledged;
    const std::string path = folder.path() + "/snapshots/" + std::to_string(i);
    ASSERT_TRUE(store->admin()->Snapshot({path, i % 2 == 0}).ok());
    ExpectGood(VerifyFolder(path));
    const auto copy = Open(Options(path));
    if (i % 2 != 0) continue;
    const Samples samples = ReadAll(*copy).at(Series(50));
    EXPECT_GE(static_cast<int64_t>(samples.size()), least);
    EXPECT_EQ(samples.rbegin()->first, static_cast<int64_t>(samples.size()) * 1'000) << "a gap";
  }
  stop = true;
  writers.Stop();
}

TEST(Backup, IsIncrementalAndRestoresTheSameSamples) {
  const Folder folder("backup");
  const std::string backups = folder.path() + ".backups";
  const std::string restored = folder.path() + ".restored";
  fs::remove_all(backups);
  auto store = Open(Options(folder.path()));
  Fill(store.get(), 3);
  ASSERT_TRUE(store->Maintain(true).ok());
  const SamplesBySeries first_samples = ReadAll(*store);
  const auto first = store->admin()->Backup(backups);
  ASSERT_TRUE(first.ok()) << first.status();
  // So much later that no merge touches what is there.
  Fill(store.get(), 1, int64_t{40} * 86'400'000);
  const SamplesBySeries second_samples = ReadAll(*store);
  const auto second = store->admin()->Backup(backups);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->files, second->files_copied);
  ASSERT_EQ(ListBackups(backups)->size(), 2u);
  for (const auto& [name, samples] :
       {std::pair(first->name, first_samples), std::pair(std::string(), second_samples),
        std::pair(second->name, second_samples)}) {
    fs::remove_all(restored);
    ExpectGood(RestoreBackup({backups, name, restored}));
    EXPECT_TRUE(ReadAll(*Open(Options(restored))) == samples);
  }
  EXPECT_EQ(RestoreBackup({backups, "", restored}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RestoreBackup({backups, "nope", restored}).status().code(),
            absl::StatusCode::kNotFound);
  fs::remove_all(backups);
  fs::remove_all(restored);
}

TEST(Backup, ThatIsDamagedIsNotRestored) {
  const Folder folder("backup_damaged");
  const std::string backups = folder.path() + ".backups";
  const std::string restored = folder.path() + ".restored";
  fs::remove_all(backups);
  {
    auto store = Open(Options(folder.path()));
    Fill(store.get(), 2);
    ASSERT_TRUE(store->admin()->Backup(backups).ok());
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(backups)) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  }
  ASSERT_GT(files.size(), 4u);
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    FlipByte(file, fs::file_size(file) / 2);
    fs::remove_all(restored);
    EXPECT_EQ(RestoreBackup({backups, "", restored}).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_FALSE(fs::exists(restored + "/CURRENT"));
    EXPECT_FALSE(Store::Open(Options(restored + "/restore.tmp")).ok() &&
                 fs::exists(restored + "/CURRENT"));
    FlipByte(file, fs::file_size(file) / 2);
  }
  // What the failed ones left does not keep the next from succeeding.
  ExpectGood(RestoreBackup({backups, "", restored}));
  fs::remove_all(backups);
  fs::remove_all(restored);
}

TEST(Backup, GoesOnAfterAnInterruption) {
  const Folder folder("backup_interrupted");
  const std::string backups = folder.path() + ".backups";
  const std::string restored = folder.path() + ".restored";
  const auto disk = FaultFileSystem::Create(1);
  const auto env = disk->NewEnv();
  StoreOptions options = Options(folder.path());
  options.env = env.get();
  SamplesBySeries samples;
  {
    auto store = Open(options);
    Fill(store.get(), 4);
    samples = ReadAll(*store);
  }
  int failures = 0;
  for (uint64_t step = 1;; step += 3) {
    fs::remove_all(backups);
    auto store = Open(options);
    ASSERT_NE(store, nullptr);
    disk->CutPowerAfter(step);
    const auto cut = store->admin()->Backup(backups);
    disk->CutPowerAfter(0);
    store.reset();
    const bool down = disk->down();
    disk->RestorePower();
    if (!down) break;
    ++failures;
    EXPECT_FALSE(cut.ok() && !ListBackups(backups).ok()) << "step " << step;
    store = Open(options);
    ASSERT_NE(store, nullptr) << "step " << step;
    const auto report = store->admin()->Backup(backups);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(ReadAll(*store) == samples);
    fs::remove_all(restored);
    ExpectGood(RestoreBackup({backups, report->name, restored}));
  }
  EXPECT_GT(failures, 5);
  EXPECT_TRUE(ReadAll(*Open(Options(restored))) == samples);
  fs::remove_all(backups);
  fs::remove_all(restored);
}

TEST(Snapshot, OfAFullDiskFailsAndHarmsNothing) {
  const Folder folder("snapshot_full");
  const auto disk = FaultFileSystem::Create(2);
  const auto env = disk->NewEnv();
  StoreOptions options = Options(folder.path());
  options.env = env.get();
  auto store = Open(options);
  Fill(store.get(), 2);
  const std::string path = folder.path() + "/snapshots/one";
  for (const DiskFault fault : {DiskFault::kFull, DiskFault::kBroken}) {
    for (uint64_t step = 0; step < 30; step += 4) {
      const SamplesBySeries before = ReadAll(*store);
      disk->SetFaultAfter(fault, step);
      const absl::Status status = store->admin()->Snapshot({path, false});
      disk->SetFault(DiskFault::kNone);
      if (status.ok()) fs::remove_all(path);
      EXPECT_FALSE(fs::exists(path)) << "step " << step;
      ASSERT_TRUE(ReadAll(*store) == before);
      // The first write after a fault on the log may still be told of it.
      ASSERT_TRUE(AppendOne(store.get(), Series(1), 900'000'000 + static_cast<int64_t>(step), 1)
                      .status.ok());
    }
  }
  ASSERT_TRUE(store->admin()->Snapshot({path, true}).ok());
  EXPECT_TRUE(ReadAll(*Open(Options(path))) == ReadAll(*store));
}

constexpr uint64_t kFooterBytes = 53;

TEST(Verify, FindsEveryFlippedByteOfATable) {
  const Folder folder("verify");
  {
    auto store = Open(Options(folder.path()));
    Fill(store.get(), 3);
    ExpectGood(store->admin()->Verify());
    EXPECT_EQ(VerifyFolder(folder.path()).status().code(), absl::StatusCode::kUnavailable);
  }
  const auto good = VerifyFolder(folder.path());
  ExpectGood(good);
  EXPECT_GT(good->parts, 0u);
  EXPECT_EQ(good->samples, 3u * 20u * 30u);
  EXPECT_GT(good->journal_records, 0u);
  EXPECT_EQ(VerifyFolder(folder.path() + ".nowhere").status().code(), absl::StatusCode::kNotFound);
  const char* text = std::getenv("BARO_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
  std::cout << "BARO_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  for (const fs::path& file : FilesOf(folder.path(), ".sst")) {
    for (int i = 0; i < 5; ++i) {
      // The last bytes, RocksDB's footer, have no checksum; reading a table tells whether they
      // are right, but for some that have no meaning.
      const uint64_t offset = random() % (fs::file_size(file) - kFooterBytes);
      SCOPED_TRACE(file.filename().string() + " at " + std::to_string(offset));
      FlipByte(file, offset);
      const auto report = VerifyFolder(folder.path());
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_GT(report->damages_total, 0u);
      EXPECT_NE(Text(*report).find(file.filename().string()), std::string::npos) << Text(*report);
      FlipByte(file, offset);
    }
  }
  ExpectGood(VerifyFolder(folder.path()));
}

TEST(Verify, WritesNothing) {
  const Folder folder("verify_read_only");
  const auto disk = FaultFileSystem::Create(3);
  const auto env = disk->NewEnv();
  StoreOptions options = Options(folder.path());
  options.env = env.get();
  {
    auto store = Open(options);
    Fill(store.get(), 2);
  }
  const uint64_t operations = disk->operations();
  disk->SetFault(DiskFault::kBroken);
  ExpectGood(VerifyFolder(folder.path(), env.get()));
  EXPECT_EQ(disk->operations(), operations);
  // Where nothing can be written there is no store to serve, and the error says where.
  const auto store = Store::Open(options);
  EXPECT_FALSE(store.ok());
  EXPECT_NE(store.status().ToString().find(folder.path()), std::string::npos) << store.status();
}

}  // namespace
}  // namespace baro::tsdb::testing
