// Backups: a folder of tables, each kept once, and of backups, each a manifest that names the
// tables and files it is made of.
//
//   FOLDER/tables/<unique id>.sst            shared by all backups; RocksDB's own id of a table
//   FOLDER/backups/<name>/<file>             what each backup has for itself: log, manifest
//   FOLDER/backups/<name>/barograph-backup   written last: without it there is no backup
//
// RocksDB's BackupEngine is not used: in 7.8 it cannot restore after the newest backup is deleted.
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/unique_id.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "folder.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

constexpr std::string_view kManifest = "barograph-backup";
constexpr std::string_view kFirstLine = "barograph-backup 1";

struct Entry {
  std::string name;   // in the store
  std::string place;  // in the folder of backups
  Checksummed content;
};

std::string EncodeManifest(const std::vector<Entry>& entries) {
  std::string text = base::StrCat(kFirstLine, "\n");
  for (const Entry& entry : entries) {
    base::StrAppend(&text, entry.content.checksum, " ", entry.content.bytes, " ", entry.name, " ",
                    entry.place, "\n");
  }
  const std::string checksum = ChecksumOf(text);
  base::StrAppend(&text, checksum, "\n");
  return text;
}

// Names come into paths: none may lead elsewhere.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.find("..") == std::string_view::npos && name.front() != '/';
}

absl::StatusOr<std::vector<Entry>> DecodeManifest(const std::string& path, std::string_view text) {
  const auto damaged = [&](size_t line) {
    return absl::DataLossError(base::StrCat("cannot read ", path, ": line ", line));
  };
  if (text.empty() || text.back() != '\n') return damaged(1);
  const size_t last = text.substr(0, text.size() - 1).rfind('\n');
  if (last == std::string_view::npos ||
      text.substr(last + 1, text.size() - last - 2) != ChecksumOf(text.substr(0, last + 1))) {
    return absl::DataLossError(base::StrCat("cannot read ", path, ": its checksum differs"));
  }
  std::vector<std::string> lines = absl::StrSplit(base::ToAbsl(text.substr(0, last)), '\n');
  if (lines.front() != kFirstLine) return damaged(1);
  std::vector<Entry> entries;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = absl::StrSplit(lines[i], ' ');
    Entry entry;
    if (fields.size() != 4 || !IsPlainName(fields[2]) || !IsPlainName(fields[3])) {
      return damaged(i + 1);
    }
    const char* const end = fields[1].data() + fields[1].size();
    const auto size = std::from_chars(fields[1].data(), end, entry.content.bytes);
    if (size.ec != std::errc{} || size.ptr != end) return damaged(i + 1);
    entry.content.checksum = fields[0];
    entry.name = fields[2];
    entry.place = fields[3];
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string ManifestPath(const std::string& folder, const std::string& name) {
  return base::StrCat(folder, "/backups/", name, "/", kManifest);
}

absl::StatusOr<std::vector<Entry>> ReadManifest(rocksdb::Env* env, const std::string& folder,
                                                const std::string& name) {
  const std::string path = ManifestPath(folder, name);
  BARO_TRY_ASSIGN(const std::string text, ReadSmallFile(env, path));
  return DecodeManifest(path, text);
}

absl::StatusOr<std::vector<std::string>> BackupsIn(rocksdb::Env* env, const std::string& folder) {
  BARO_TRY_ASSIGN(std::vector<std::string> names, ListFolder(env, folder + "/backups"));
  std::erase_if(names, [&](const std::string& name) {
    return !env->FileExists(ManifestPath(folder, name)).ok();
  });
  return names;
}

// Numbered, so that names sort by age whatever the clock says: 000012-20260102T030405Z. Interrupted
// backups count.
absl::StatusOr<std::string> NextName(rocksdb::Env* env, const std::string& folder, int64_t now_ms) {
  BARO_TRY_ASSIGN(const std::vector<std::string> names, ListFolder(env, folder + "/backups"));
  uint64_t number = 0;
  for (const std::string& name : names) {
    uint64_t one = 0;
    std::from_chars(name.data(), name.data() + name.size(), one);
    number = std::max(number, one);
  }
  return absl::StrFormat(
      "%06d-%s", number + 1,
      absl::FormatTime("%Y%m%dT%H%M%SZ", absl::FromUnixMillis(now_ms), absl::UTCTimeZone()));
}

// One backup on its way into its folder. Thread-compatible.
class Writer {
 public:
  Writer(const Database& database, std::string folder, std::string name)
      : database_(database),
        env_(database.env()),
        folder_(std::move(folder)),
        own_(base::StrCat("backups/", name)) {
    report_.name = std::move(name);
  }

  absl::StatusOr<BackupReport> Run(const std::string& stage) {
    BARO_TRY(CreateFolders(env_, folder_ + "/tables"));
    BARO_TRY(CreateFolders(env_, base::StrCat(folder_, "/", own_)));
    BARO_TRY(ReadKnown());
    BARO_TRY_ASSIGN(const std::vector<std::string> names, ListFolder(env_, stage));
    for (const std::string& name : names) {
      if (name == "LOCK") continue;
      BARO_TRY(name.ends_with(".sst") ? AddTable(stage, name) : AddFile(stage, name));
    }
    for (const char* path : {"/tables", "/backups", ""}) {
      BARO_TRY(SyncFolder(env_, folder_ + path));
    }
    BARO_TRY(ReplaceFile(env_, ManifestPath(folder_, report_.name), EncodeManifest(entries_)));
    return report_;
  }

 private:
  // What earlier backups say of the tables they share.
  absl::Status ReadKnown() {
    BARO_TRY_ASSIGN(const std::vector<std::string> names, BackupsIn(env_, folder_));
    for (const std::string& name : names) {
      const auto entries = ReadManifest(env_, folder_, name);
      if (!entries.ok()) continue;  // its tables are read anew
      for (const Entry& entry : *entries) known_[entry.place] = entry.content;
    }
    return absl::OkStatus();
  }

  absl::Status AddTable(const std::string& stage, const std::string& name) {
    const std::string from = base::StrCat(stage, "/", name);
    BARO_TRY_ASSIGN(const std::string id, IdOf(from, name));
    Entry entry{name, base::StrCat("tables/", id, ".sst"), {}};
    const std::string to = base::StrCat(folder_, "/", entry.place);
    uint64_t size = 0;
    uint64_t there = 0;
    BARO_TRY(ToStatus(env_->GetFileSize(from, &size), base::StrCat("look at ", from)));
    if (env_->GetFileSize(to, &there).ok() && there == size) {
      BARO_TRY_ASSIGN(entry.content, ContentOf(entry.place, to));
    } else {
      BARO_TRY_ASSIGN(entry.content, CopyFile(env_, from, to + ".tmp"));
      BARO_TRY(ToStatus(env_->RenameFile(to + ".tmp", to), base::StrCat("rename to ", to)));
      Count(entry.content.bytes);
    }
    Add(std::move(entry));
    return absl::OkStatus();
  }

  // An interrupted backup has left it: renamed, so whole, but no one has written down its checksum.
  absl::StatusOr<Checksummed> ContentOf(const std::string& place, const std::string& path) {
    const auto known = known_.find(place);
    return known != known_.end() ? absl::StatusOr<Checksummed>(known->second)
                                 : ChecksumFile(env_, path);
  }

  absl::Status AddFile(const std::string& stage, const std::string& name) {
    Entry entry{name, base::StrCat(own_, "/", name), {}};
    BARO_TRY_ASSIGN(entry.content, CopyFile(env_, base::StrCat(stage, "/", name),
                                            base::StrCat(folder_, "/", entry.place)));
    Count(entry.content.bytes);
    Add(std::move(entry));
    return absl::OkStatus();
  }

  // A table that cannot say who it is is damaged; its content names it then.
  absl::StatusOr<std::string> IdOf(const std::string& path, const std::string& name) {
    rocksdb::SstFileReader reader(database_.slot_options());
    rocksdb::Status status = reader.Open(path);
    std::string id;
    if (status.ok()) {
      status = rocksdb::GetUniqueIdFromTableProperties(*reader.GetTableProperties(), &id);
    }
    if (status.ok()) return base::StrCat("id-", HexOf(id));
    report_.damages.push_back({base::StrCat("file ", name), status.ToString()});
    BARO_TRY_ASSIGN(const Checksummed content, ChecksumFile(env_, path));
    return base::StrCat("sum-", content.checksum);
  }

  static std::string HexOf(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      text.push_back("0123456789abcdef"[byte >> 4]);
      text.push_back("0123456789abcdef"[byte & 15]);
    }
    return text;
  }

  void Count(uint64_t bytes) {
    ++report_.files_copied;
    report_.bytes_copied += bytes;
  }
  void Add(Entry entry) {
    ++report_.files;
    report_.bytes += entry.content.bytes;
    entries_.push_back(std::move(entry));
  }

  const Database& database_;
  rocksdb::Env* const env_;
  const std::string folder_;
  const std::string own_;
  std::map<std::string, Checksummed> known_;  // by place
  std::vector<Entry> entries_;
  BackupReport report_;
};

// What an interrupted restore leaves: its stage, and files moved out of it, but no CURRENT.
absl::Status ClearPlace(rocksdb::Env* env, const std::string& path, const std::string& stage) {
  BARO_TRY_ASSIGN(const std::vector<std::string> names, ListFolder(env, path));
  if (names.empty()) return absl::OkStatus();
  const bool interrupted = env->FileExists(stage).ok() && !env->FileExists(path + "/CURRENT").ok();
  if (!interrupted) {
    return absl::AlreadyExistsError(
        base::StrCat("cannot restore to ", path, ": it is not empty (", names.front(), ")"));
  }
  for (const std::string& name : names) {
    const bool ours = name.ends_with(".sst") || name.ends_with(".log") ||
                      name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-") ||
                      name == "IDENTITY";
    const std::string file = base::StrCat(path, "/", name);
    if (ours) BARO_TRY(ToStatus(env->DeleteFile(file), base::StrCat("remove ", file)));
  }
  return RemoveFolder(env, stage);
}

// CURRENT goes last: without it a folder with tables is refused as a store.
absl::Status MoveUp(rocksdb::Env* env, const std::string& stage, const std::string& path) {
  BARO_TRY_ASSIGN(std::vector<std::string> names, ListFolder(env, stage));
  std::erase(names, "LOCK");
  const auto current = std::find(names.begin(), names.end(), "CURRENT");
  if (current == names.end()) return absl::DataLossError("the backup has no file CURRENT");
  std::rotate(current, current + 1, names.end());
  for (const std::string& name : names) {
    if (name == "CURRENT") BARO_TRY(SyncFolder(env, path));
    BARO_TRY(
        ToStatus(env->RenameFile(base::StrCat(stage, "/", name), base::StrCat(path, "/", name)),
                 base::StrCat("move ", name)));
  }
  BARO_TRY(SyncFolder(env, path));
  return RemoveFolder(env, stage);
}

}  // namespace

absl::StatusOr<BackupReport> StoreImpl::Backup(const std::string& folder) {
  base::MutexLock lock(&operation_mutex_);
  const std::string stage = options_.path + "/backup.tmp";
  BARO_TRY(RemoveFolder(database_->env(), stage));
  BARO_TRY(database_->Checkpoint(stage));
  BARO_TRY_ASSIGN(std::string name, NextName(database_->env(), folder, options_.clock->NowMs()));
  Writer writer(*database_, folder, std::move(name));
  auto report = writer.Run(stage);
  // What stays is removed by the next backup.
  RemoveFolder(database_->env(), stage).IgnoreError();
  return report;
}

absl::StatusOr<std::vector<std::string>> ListBackups(const std::string& folder) {
  rocksdb::Env* const env = rocksdb::Env::Default();
  BARO_TRY_ASSIGN(std::vector<std::string> names, BackupsIn(env, folder));
  if (!names.empty()) return names;
  return absl::NotFoundError(base::StrCat("there is no backup in ", folder));
}

absl::StatusOr<VerifyReport> RestoreBackup(const RestoreRequest& request) {
  rocksdb::Env* const env = rocksdb::Env::Default();
  BARO_TRY_ASSIGN(const std::vector<std::string> names, ListBackups(request.backup_folder));
  const std::string name = request.name.empty() ? names.back() : request.name;
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return absl::NotFoundError(
        base::StrCat("there is no backup ", name, " in ", request.backup_folder));
  }
  BARO_TRY_ASSIGN(const std::vector<Entry> entries, ReadManifest(env, request.backup_folder, name));
  const std::string stage = request.path + "/restore.tmp";
  BARO_TRY(ClearPlace(env, request.path, stage));
  BARO_TRY(CreateFolders(env, stage));
  for (const Entry& entry : entries) {
    const std::string from = base::StrCat(request.backup_folder, "/", entry.place);
    BARO_TRY_ASSIGN(const Checksummed content,
                    CopyFile(env, from, base::StrCat(stage, "/", entry.name)));
    if (content == entry.content) continue;
    return absl::DataLossError(base::StrCat(
        "cannot restore ", from, ": its checksum is ", content.checksum, " (", content.bytes,
        " bytes), the backup says ", entry.content.checksum, " (", entry.content.bytes, " bytes)"));
  }
  BARO_TRY_ASSIGN(VerifyReport report, VerifyFolder(stage));
  // What was damaged when it was backed up is no better now, and no worse.
  BARO_TRY(MoveUp(env, stage, request.path));
  return report;
}

}  // namespace baro::tsdb
