// Opening: dictionary, parts, leftovers of a crash. The journals' replay is in store_replay.cc.
#include <algorithm>
#include <set>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"
#include "keys.h"
#include "log_check.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

// 2: parts are merged. 3: columns of merged parts refer to one another and are told as tokens. What
// earlier versions wrote is read as it is.
constexpr uint64_t kFormatVersion = 3;

using Iterator = std::unique_ptr<rocksdb::Iterator>;

Iterator NewIterator(const Database& database, rocksdb::ColumnFamilyHandle* family) {
  return Iterator(database.db()->NewIterator(rocksdb::ReadOptions(), family));
}

// Told once: the next start has a new log.
std::string TextOf(const LogDamage& damage) {
  return base::StrCat(
      "log ", damage.file, " is damaged at byte ", damage.offset,
      ", which is not its end: what is before it is there, what came after had been acknowledged "
      "and is lost; the log is kept under quarantine/");
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreImpl>> StoreImpl::Open(StoreOptions options) {
  if (options.slot_ms <= 0 || options.retention_ms < 0 || options.future_ms_max < 0) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot open store: slot of ", options.slot_ms, " ms, retention of ",
                     options.retention_ms, " ms, future of ", options.future_ms_max, " ms"));
  }
  auto store = std::unique_ptr<StoreImpl>(new StoreImpl(std::move(options)));
  const absl::Status status = store->Load();
  if (status.ok()) return store;
  const std::string text(status.message());
  if (!absl::IsDataLoss(status) || text.ends_with(kRestoreHint)) return status;
  return absl::DataLossError(base::StrCat(text, kRestoreHint));
}

StoreImpl::StoreImpl(StoreOptions options)
    : options_(std::move(options)),
      expiry_clock_(options_.clock),
      dictionary_(std::make_shared<Dictionary>(options_.limits, options_.memory)),
      damaged_total_(std::make_shared<std::atomic<uint64_t>>(0)),
      changes_(std::make_shared<ChangeLog>()),
      quarantine_(std::make_shared<Quarantine>(options_.on_damage, changes_)),
      ingest_(std::make_unique<Ingest>(dictionary_.get(), options_.limits.chains_per_agent_max,
                                       options_.retention_ms, &expiry_clock_)),
      histogram_columns_(dictionary_.get(), options_.limits.histogram_buckets_max),
      exemplars_(options_.exemplars_max),
      plans_(std::make_unique<PlanCache>(dictionary_, options_.memory)) {}

absl::Status StoreImpl::Load() {
  BARO_TRY_ASSIGN(const auto log_damages, SetDamagedLogsAside(options_.path, options_.env));
  BARO_TRY_ASSIGN(auto database,
                  Database::Open(options_.path, options_.env,
                                 options_.memory != nullptr ? options_.memory->limit_bytes() : 0));
  database_ = std::move(database);
  sealer_ = std::make_unique<Sealer>(database_.get(), dictionary_.get(), options_.slot_ms);
  BARO_TRY(LoadDictionary());
  {
    base::MutexLock lock(&view_mutex_);
    view_ = std::make_shared<View>();
  }
  BARO_TRY(LoadExemplars());
  BARO_TRY(LoadParts());
  BARO_TRY(LoadClasses());
  BARO_TRY(RemoveLeftovers());
  NameLostParts();
  totals_.journal_damages.fetch_add(log_damages.size(), std::memory_order_relaxed);
  for (const LogDamage& damage : log_damages) {
    if (options_.on_damage) options_.on_damage(TextOf(damage));
  }
  BARO_TRY(PrepareHeads());
  committer_ = std::make_unique<Committer>(
      options_.commit_delay_ms,
      [this](std::vector<Committer::Item> items) { Commit(std::move(items)); });
  if (!options_.background || to_replay_.empty()) {
    RunReplay();
    BARO_TRY(AwaitReplay());
  } else {
    replay_thread_.Start("tsdb-replay", [this] { RunReplay(); });
  }
  if (options_.background) {
    maintenance_.Start("tsdb-maintain", [this] { MaintenanceLoop(); });
    merging_.Start("tsdb-merge", [this] { MergeLoop(); });
  }
  return absl::OkStatus();
}

// Components and layouts name columns, bindings name targets and layouts: hence the order.
absl::Status StoreImpl::LoadDictionary() {
  const Iterator it = NewIterator(*database_, database_->index());
  for (const char kind : {kNextKey, kColumnKey, kComponentKey, kBoundsKey, kTargetKey, kLayoutKey,
                          kBindingKey, kMetadataKey}) {
    const std::string prefix(1, kind);
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      BARO_TRY(dictionary_->Load(FromSlice(it->key()), FromSlice(it->value())));
    }
    BARO_TRY(ToStatus(it->status(), base::StrCat("read the index of ", options_.path)));
  }
  dictionary_->LoadingIsDone();
  return absl::OkStatus();
}

absl::Status StoreImpl::LoadParts() {
  base::MutexLock lock(&maintain_mutex_);
  View view;
  int64_t newest_ms = model::kTimeMsMin;
  const Iterator it = NewIterator(*database_, database_->index());
  const std::string prefix(1, kPartKey);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    std::string_view key = FromSlice(it->key()).substr(1);
    uint32_t number = 0;
    if (!TakeBigEndian(&key, &number)) return absl::DataLossError("cannot load part: bad key");
    BARO_TRY_ASSIGN(Part part, DecodePart(number, FromSlice(it->value())));
    part.targets = pool_.Share(part.targets);
    next_part_ = number + 1;
    view.parts.push_back(std::make_shared<const Part>(std::move(part)));
    newest_ms = std::max(newest_ms, view.parts.back()->time_ms_max);
  }
  if (!view.parts.empty()) expiry_clock_.SetNewest(newest_ms);
  BARO_TRY(ToStatus(it->status(), base::StrCat("read the index of ", options_.path)));
  BARO_TRY(LoadTombstones(&view));
  std::string state;
  const rocksdb::Status found =
      database_->db()->Get(rocksdb::ReadOptions(), database_->index(), IdKey(kStateKey, 0), &state);
  if (found.ok()) {
    std::string_view bytes = state;
    uint64_t version = 0;
    if (!TakeVarint(&bytes, &version) || !TakeVarint(&bytes, &sealed_epoch_)) {
      return absl::DataLossError(base::StrCat("cannot open ", options_.path, ": damaged state"));
    }
    if (version == 0 || version > kFormatVersion) {
      return absl::FailedPreconditionError(base::StrCat("cannot open ", options_.path,
                                                        ": format version ", version,
                                                        ", this program knows ", kFormatVersion));
    }
    state_is_written_ = version == kFormatVersion;  // else with the next write
  } else if (!found.IsNotFound()) {
    return ToStatus(found, base::StrCat("read the state of ", options_.path));
  }
  SetView(std::move(view));
  return absl::OkStatus();
}

absl::Status StoreImpl::LoadTombstones(View* view) {
  Tombstones::List list;
  const Iterator it = NewIterator(*database_, database_->index());
  const std::string prefix(1, kTombstoneKey);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    std::string_view key = FromSlice(it->key()).substr(1);
    uint32_t number = 0;
    if (!TakeBigEndian(&key, &number)) return absl::DataLossError("cannot load tombstone: bad key");
    BARO_TRY_ASSIGN(Tombstone tombstone, DecodeTombstone(number, FromSlice(it->value())));
    list.push_back(std::make_shared<const Tombstone>(std::move(tombstone)));
    next_tombstone_ = number + 1;
  }
  // A number that a part has been cleaned of is not given out again.
  for (const auto& part : view->parts) {
    next_tombstone_ = std::max(next_tombstone_, part->written.cleaned + 1);
  }
  view->tombstones = std::make_shared<const Tombstones>(std::move(list));
  return ToStatus(it->status(), base::StrCat("read the index of ", options_.path));
}

std::string StoreImpl::StateValue(uint64_t sealed_epoch) const {
  std::string bytes;
  PutVarint(kFormatVersion, &bytes);
  PutVarint(sealed_epoch, &bytes);
  return bytes;
}

// What a crash between two steps of a seal left behind: journals already sealed, parts that never
// made it into the index, files not yet ingested.
absl::Status StoreImpl::RemoveLeftovers() {
  for (const uint64_t epoch : database_->Journals()) {
    if (epoch <= sealed_epoch_) BARO_TRY(database_->DropJournal(epoch));
  }
  std::set<std::pair<uint32_t, uint32_t>> known;
  for (const auto& part : CurrentView()->parts) known.emplace(part->slot, part->number);
  rocksdb::ColumnFamilyMetaData files;
  database_->db()->GetColumnFamilyMetaData(database_->slots(), &files);
  for (const rocksdb::LevelMetaData& level : files.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      SlotKey key;
      if (!DecodeSlotKey(file.smallestkey, &key) || known.contains({key.slot, key.part})) continue;
      SlotKey next = key;
      ++next.part;
      BARO_TRY(database_->DeleteSlots(PartPrefix(key), PartPrefix(next)));
    }
  }
  const std::string folder = options_.path + "/seal";
  std::vector<std::string> names;
  if (!database_->env()->GetChildren(folder, &names).ok()) return absl::OkStatus();
  for (const std::string& name : names) {
    if (name != "." && name != "..") {
      database_->env()->DeleteFile(folder + "/" + name).PermitUncheckedError();
    }
  }
  return absl::OkStatus();
}

}  // namespace baro::tsdb
