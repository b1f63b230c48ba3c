// Verification of a store that is running, and of a folder.
#include <rocksdb/sst_file_reader.h>

#include <set>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "folder.h"
#include "store_impl.h"
#include "verifier.h"

namespace baro::tsdb {

absl::StatusOr<VerifyReport> StoreImpl::Verify() {
  base::MutexLock lock(&operation_mutex_);
  VerifyReport report;
  Verifier verifier(*database_, &report);
  verifier.CheckFiles();
  verifier.CheckIndex(nullptr, nullptr);
  for (const auto& part : CurrentView()->parts) verifier.CheckPart(*part, *dictionary_);
  for (const uint64_t epoch : database_->Journals()) verifier.CheckJournal(epoch);
  return report;
}

// Parts whose tables were set aside when RocksDB was opened.
void StoreImpl::NameLostParts() {
  std::set<uint32_t> there;
  rocksdb::ColumnFamilyMetaData files;
  database_->db()->GetColumnFamilyMetaData(database_->slots(), &files);
  for (const rocksdb::LevelMetaData& level : files.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      SlotKey key;
      if (DecodeSlotKey(file.smallestkey, &key)) there.insert(key.part);
    }
  }
  for (const auto& part : CurrentView()->parts) {
    if (!there.contains(part->number)) quarantine_->Add(*part, "its file is missing");
  }
}

void StoreImpl::NameJournalDamage(uint64_t epoch, uint64_t record, std::string_view what) {
  totals_.journal_damages.fetch_add(1, std::memory_order_relaxed);
  const absl::Status kept = database_->KeepJournal(epoch);
  if (!options_.on_damage) return;
  options_.on_damage(base::StrCat(
      "journal ", epoch, " is damaged at record ", record,
      ": what is before it is there, what came after is lost; its tables are ",
      kept.ok() ? "kept under quarantine/" : base::StrCat("not kept: ", kept.message()), ": ",
      what));
}

absl::StatusOr<VerifyReport> VerifyFolder(const std::string& path, rocksdb::Env* env) {
  VerifyReport report;
  auto database = Database::OpenReadOnly(path, env);
  if (!database.ok()) {
    if (database.status().code() != absl::StatusCode::kDataLoss) return database.status();
    report.damages_total = 1;
    report.damages.push_back({"database", std::string(database.status().message())});
    return report;
  }
  Verifier verifier(**database, &report);
  verifier.CheckFiles();
  Dictionary dictionary(Limits{});
  std::vector<std::shared_ptr<const Part>> parts;
  verifier.CheckIndex(&dictionary, &parts);
  for (const auto& part : parts) verifier.CheckPart(*part, dictionary);
  for (const uint64_t epoch : (*database)->Journals()) verifier.CheckJournal(epoch);
  return report;
}

}  // namespace baro::tsdb
