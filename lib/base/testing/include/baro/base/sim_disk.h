// SimDisk: a disk in memory that can lose power, tear a write, fill up or fail; all from a seed.
// After LevelDB's fault injection environment: it knows what was synced and forgets the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "baro/base/disk.h"

namespace baro::base {

// Thread-compatible: tests drive it from one thread.
//
// What survives PowerCut():
//   bytes    all that was synced; of what was appended since, a random front part, the last bytes
//            of which may be garbage (a torn write)
//   names    all that SyncDir() saw; of the creations, renames and removals since, a random number
//            of the first ones (journaled file systems keep their order)
class SimDisk final : public Disk {
 public:
  enum class Operation { kAppend, kSync, kTruncate, kRename, kRemove, kCreate, kSyncDir, kRead };
  enum class Fault { kNone, kNoSpace, kIoError };
  // Asked before every operation.
  using FaultPlan = std::function<Fault(Operation, const std::string& path)>;

  explicit SimDisk(uint64_t seed) : random_(seed) {}

  void set_fault_plan(FaultPlan plan) { plan_ = std::move(plan); }
  // Appends beyond this many bytes in all files together end in kNoSpace, half written.
  void set_capacity_bytes(uint64_t bytes) { capacity_bytes_ = bytes; }
  // Power goes away at the changing operation (append, sync, truncate, rename, remove, create,
  // SyncDir) with this number, 1 is the next one: it may be half done, and everything after it
  // fails until PowerCut().
  void CutPowerAt(uint64_t operation) { cut_at_ = change_count_ + operation; }
  bool power_is_off() const { return power_off_; }
  uint64_t change_count() const { return change_count_; }

  // Settles what survived and switches on again. Open files of before the cut fail for ever.
  void PowerCut();
  // What a single bit of rust does. Requires that the file is there and longer than `offset`.
  void FlipBit(const std::string& path, uint64_t offset);
  uint64_t used_bytes() const;

  absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override;
  absl::StatusOr<std::string> Read(const std::string& path, uint64_t offset,
                                   size_t size_max) override;
  absl::StatusOr<uint64_t> Size(const std::string& path) override;
  absl::Status Truncate(const std::string& path, uint64_t size) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status CreateDirs(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status SyncDir(const std::string& path) override;

 private:
  class Handle;
  struct File {
    std::string bytes;
    std::string durable;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  // `to` is empty for a removal, `from` for a creation.
  struct NameChange {
    std::string from;
    std::string to;
    std::shared_ptr<File> file;
  };

  absl::Status Before(Operation operation, const std::string& path);
  absl::Status AppendTo(File* file, const std::string& path, std::string_view bytes);
  void ChangeName(NameChange change);
  static void Apply(const NameChange& change, Names* names);
  uint64_t RandomBelow(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  void Settle(File* file);

  std::mt19937_64 random_;
  FaultPlan plan_;
  uint64_t capacity_bytes_ = UINT64_MAX;
  uint64_t change_count_ = 0;
  uint64_t cut_at_ = 0;
  bool power_off_ = false;
  uint64_t power_cuts_ = 0;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> unsynced_changes_;
};

}  // namespace baro::base
