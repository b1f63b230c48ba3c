#include "verifier.h"

#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bucket_stats.h"
#include "bytes.h"
#include "journal_record.h"
#include "keys.h"
#include "slot_value.h"
#include "tombstones.h"

namespace baro::tsdb {
namespace {

constexpr size_t kDamagesListed = 1'000;

// Reads that leave the caches to those who query.
rocksdb::ReadOptions ReadingOnce() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.verify_checksums = true;
  return options;
}

uint64_t RunOf(TargetId target, LayoutId layout) { return uint64_t{target} << 32 | layout; }

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back("0123456789abcdef"[byte >> 4]);
    text.push_back("0123456789abcdef"[byte & 15]);
  }
  return text;
}

// Sealed parts of the first version had statistics that nobody reads; merged parts have each
// block's behind it (Part::BlockOf).
bool IsUnread(const Part& part, uint16_t block) {
  return part.generation == Generation::kSealed && block >= kSealedStatsBlock;
}
bool IsStatistics(const Part& part, uint16_t block) {
  return part.generation != Generation::kSealed && block % 2 == 1;
}

std::string PlaceOf(const Part& part, const SlotKey& key) {
  return base::StrCat("part ", part.number, " slot ", key.slot, " layout ", key.layout, " block ",
                      key.block, " target ", key.target);
}

}  // namespace

void Verifier::Add(std::string place, std::string_view what) {
  ++report_->damages_total;
  if (report_->damages.size() < kDamagesListed) {
    report_->damages.push_back({std::move(place), std::string(what)});
  }
}

void Verifier::CheckFiles() {
  std::vector<rocksdb::LiveFileMetaData> files;
  {
    const Database::Using use(database_);
    if (database_.db() == nullptr) return Add("database", "it is not open");
    database_.db()->GetLiveFilesMetaData(&files);
  }
  for (const rocksdb::LiveFileMetaData& file : files) {
    const std::string path = file.db_path + file.name;
    rocksdb::SstFileReader reader(database_.slot_options());
    rocksdb::Status status = reader.Open(path);
    if (status.ok()) status = reader.VerifyChecksum(ReadingOnce());
    // Expired or merged meanwhile.
    const Database::Using use(database_);
    if (!status.ok() && database_.db() != nullptr) {
      std::vector<rocksdb::LiveFileMetaData> now;
      database_.db()->GetLiveFilesMetaData(&now);
      if (std::none_of(now.begin(), now.end(),
                       [&](const auto& one) { return one.name == file.name; })) {
        continue;
      }
    }
    ++report_->files;
    report_->file_bytes += file.size;
    if (!status.ok()) Add(base::StrCat("file ", file.name.substr(1)), status.ToString());
  }
}

void Verifier::CheckIndex(Dictionary* dictionary, std::vector<std::shared_ptr<const Part>>* parts) {
  const Database::Using use(database_);
  if (database_.db() == nullptr) return Add("database", "it is not open");
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.db()->NewIterator(ReadingOnce(), database_.index()));
  // Components and layouts name columns, bindings name targets and layouts; the rest is
  // independent.
  constexpr std::string_view kFirst = "chotlbm";
  for (const char kind : kFirst) {
    const std::string prefix(1, kind);
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      ++report_->index_records;
      const absl::Status status =
          CheckIndexRecord(FromSlice(it->key()), FromSlice(it->value()), dictionary, parts);
      if (!status.ok()) {
        Add(base::StrCat("index key ", Hex(FromSlice(it->key()))),
            base::FromAbsl(status.message()));
      }
    }
    if (!it->status().ok()) Add("index", it->status().ToString());
  }
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = FromSlice(it->key());
    if (!key.empty() && kFirst.find(key[0]) != std::string_view::npos) continue;
    ++report_->index_records;
    const absl::Status status = CheckIndexRecord(key, FromSlice(it->value()), dictionary, parts);
    if (!status.ok()) {
      Add(base::StrCat("index key ", Hex(key)), base::FromAbsl(status.message()));
    }
  }
  if (!it->status().ok()) Add("index", it->status().ToString());
}

absl::Status Verifier::CheckIndexRecord(std::string_view key, std::string_view value,
                                        Dictionary* dictionary,
                                        std::vector<std::shared_ptr<const Part>>* parts) {
  if (key.empty()) return absl::DataLossError("an empty key");
  const char kind = key[0];
  std::string_view rest = key.substr(1);
  uint32_t number = 0;
  switch (kind) {
    case kPartKey: {
      if (!TakeBigEndian(&rest, &number)) return absl::DataLossError("a key too short");
      BARO_TRY_ASSIGN(Part part, DecodePart(number, value));
      if (parts != nullptr) parts->push_back(std::make_shared<const Part>(std::move(part)));
      return absl::OkStatus();
    }
    case kTombstoneKey:
      if (!TakeBigEndian(&rest, &number)) return absl::DataLossError("a key too short");
      return DecodeTombstone(number, value).status();
    case kColumnKey:
    case kComponentKey:
    case kBoundsKey:
    case kTargetKey:
    case kLayoutKey:
    case kBindingKey:
    case kMetadataKey:
      return dictionary == nullptr ? absl::OkStatus() : dictionary->Load(key, value);
    default:
      return absl::OkStatus();  // its block's checksum has been compared
  }
}

void Verifier::CheckPart(const Part& part, const Dictionary& dictionary) {
  ++report_->parts;
  const Database::Using use(database_);
  if (database_.db() == nullptr) return Add("database", "it is not open");
  const auto [first, last] = part.KeyRange();
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.db()->NewIterator(ReadingOnce(), database_.slots()));
  FoundByRun found;
  for (it->Seek(first); it->Valid() && it->key().compare(last) < 0; it->Next()) {
    ++report_->values;
    SlotKey key;
    if (!DecodeSlotKey(FromSlice(it->key()), &key)) {
      Add(base::StrCat("part ", part.number, " key ", Hex(FromSlice(it->key()))), "not a key");
      continue;
    }
    const absl::Status status = CheckValue(part, key, FromSlice(it->value()), &found);
    if (!status.ok()) Add(PlaceOf(part, key), base::FromAbsl(status.message()));
  }
  if (!it->status().ok()) {
    return Add(base::StrCat("part ", part.number), it->status().ToString());
  }
  CheckWhole(part, dictionary, found);
}

absl::Status Verifier::CheckValue(const Part& part, const SlotKey& key, std::string_view value,
                                  FoundByRun* found) {
  Found& run = (*found)[RunOf(key.target, key.layout)];
  if (key.block == kTimesBlock) {
    BARO_TRY_ASSIGN(const std::vector<int64_t> times_ms, DecodeSlotTimes(value));
    run.times = times_ms.size();
    if (!times_ms.empty() &&
        (times_ms.front() < part.time_ms_min || times_ms.back() > part.time_ms_max)) {
      return absl::DataLossError("times outside of the part's range");
    }
    return absl::OkStatus();
  }
  if (IsUnread(part, key.block)) return absl::OkStatus();
  if (IsStatistics(part, key.block)) return DecodeBucketStats(value).status();
  ++run.value_blocks;
  BARO_TRY_ASSIGN(const SlotValues values, SlotValues::Parse(value));
  SlotValues::Referred referred;
  for (size_t column = 0; column < values.column_count(); ++column) {
    BARO_TRY(values.Decode(column, 0, values.chunk_rows().size(), &referred).status());
  }
  report_->samples += values.row_count() * values.column_count();
  if (run.value_blocks > 1 && run.rows != values.row_count()) {
    return absl::DataLossError("its blocks differ in rows");
  }
  run.rows = values.row_count();
  return absl::OkStatus();
}

void Verifier::CheckWhole(const Part& part, const Dictionary& dictionary, const FoundByRun& found) {
  for (const TargetLayout& one : *part.targets) {
    const std::string place =
        base::StrCat("part ", part.number, " layout ", one.layout, " target ", one.target);
    const auto it = found.find(RunOf(one.target, one.layout));
    if (it == found.end()) {
      Add(place, "its values are missing");
      continue;
    }
    const StoredLayout* layout = dictionary.FindLayout(one.layout);
    if (layout == nullptr) {
      Add(place, "its layout is missing");
      continue;
    }
    const size_t blocks = (layout->columns.size() + kBlockColumns - 1) / kBlockColumns;
    if (it->second.value_blocks != blocks) {
      Add(place,
          base::StrCat("it has ", it->second.value_blocks, " blocks of values, not ", blocks));
    }
    if (it->second.rows != it->second.times) {
      Add(place,
          base::StrCat("it has ", it->second.rows, " rows and ", it->second.times, " times"));
    }
  }
  if (found.size() != part.targets->size()) {
    Add(base::StrCat("part ", part.number),
        base::StrCat("it has ", found.size(), " targets and layouts, its record ",
                     part.targets->size()));
  }
}

void Verifier::CheckJournal(uint64_t epoch) {
  const Database::Using use(database_);
  rocksdb::ColumnFamilyHandle* const journal = database_.Journal(epoch);
  if (database_.db() == nullptr || journal == nullptr) return;  // sealed and dropped meanwhile
  ++report_->journals;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db()->NewIterator(ReadingOnce(), journal));
  uint64_t next = 0;
  SampleDecoder samples;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ++report_->journal_records;
    std::string_view key = FromSlice(it->key());
    uint64_t number = 0;
    if (!TakeBigEndian(&key, &number)) {
      Add(base::StrCat("journal ", epoch), "a key too short");
      continue;
    }
    const std::string place = base::StrCat("journal ", epoch, " record ", number);
    if (next != 0 && number != next) {
      Add(place, base::StrCat("records ", next, " to ", number - 1, " before it are missing"));
    }
    next = number + 1;
    const auto record = DecodeJournalRecord(FromSlice(it->value()), &samples);
    if (!record.ok()) Add(place, base::FromAbsl(record.status().message()));
  }
  if (!it->status().ok()) Add(base::StrCat("journal ", epoch), it->status().ToString());
}

}  // namespace baro::tsdb
