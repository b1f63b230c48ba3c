#include "state_log.h"

#include <filesystem>
#include <utility>

#include "baro/base/check.h"
#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "bytes.h"

namespace baro::notify {
namespace {

// A file is not written anew for less waste than this.
constexpr uint64_t kWasteBytesMin = uint64_t{1} << 20;
constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kRecordHeaderBytes = 8;

void AppendRecord(std::string_view key, std::string_view value, std::string* bytes) {
  std::string payload;
  AppendNumber(static_cast<uint32_t>(key.size()), &payload);
  payload += key;
  payload += value;
  BARO_CHECK_LT(payload.size(), kStateRecordBytesMax);
  AppendNumber(static_cast<uint32_t>(payload.size()), bytes);
  AppendNumber(base::Crc32c(payload), bytes);
  *bytes += payload;
}

bool ApplyRecord(std::string_view payload, State* state) {
  ByteReader reader(payload);
  const std::string_view key = reader.Take(reader.Number<uint32_t>());
  if (!reader.ok()) return false;
  if (reader.rest().empty()) {
    const auto found = state->find(key);
    if (found != state->end()) state->erase(found);
  } else {
    (*state)[std::string(key)] = reader.rest();
  }
  return true;
}

absl::StatusOr<std::string> ReadWhole(base::Disk* disk, const std::string& path) {
  std::string bytes;
  while (true) {
    BARO_TRY_ASSIGN(const std::string piece, disk->Read(path, bytes.size(), kReadBytes));
    bytes += piece;
    if (piece.size() < kReadBytes) return bytes;
  }
}

uint64_t BytesOf(const State& state) {
  uint64_t bytes = kStateLogMagic.size();
  for (const auto& [key, value] : state) {
    bytes += kRecordHeaderBytes + sizeof(uint32_t) + key.size() + value.size();
  }
  return bytes;
}

}  // namespace

size_t ReadStateRecords(std::string_view bytes, State* state) {
  if (!bytes.starts_with(kStateLogMagic)) return 0;
  size_t good = kStateLogMagic.size();
  while (good < bytes.size()) {
    ByteReader reader(bytes.substr(good));
    const auto size = reader.Number<uint32_t>();
    const auto crc = reader.Number<uint32_t>();
    if (!reader.ok() || size > kStateRecordBytesMax) break;
    const std::string_view payload = reader.Take(size);
    if (!reader.ok() || base::Crc32c(payload) != crc || !ApplyRecord(payload, state)) break;
    good += kRecordHeaderBytes + size;
  }
  return good;
}

absl::StatusOr<std::unique_ptr<StateLog>> StateLog::Open(base::Disk* disk, std::string path,
                                                         State* state) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  BARO_TRY(disk->CreateDirs(folder));
  auto log = std::unique_ptr<StateLog>(new StateLog(disk, std::move(path)));
  BARO_TRY(log->Load(state));
  return log;
}

absl::Status StateLog::Load(State* state) {
  state->clear();
  absl::StatusOr<std::string> bytes = ReadWhole(disk_, path_);
  if (!bytes.ok() && !absl::IsNotFound(bytes.status())) return bytes.status();
  const size_t good = bytes.ok() ? ReadStateRecords(*bytes, state) : 0;
  if (bytes.ok() && good == bytes->size()) {
    bytes_ = good;
    live_bytes_ = BytesOf(*state);
    BARO_TRY_ASSIGN(file_, disk_->OpenAppend(path_));
    return absl::OkStatus();
  }
  if (bytes.ok()) {
    damaged_bytes_ = bytes->size() - good;
    BARO_TRY(KeepDamaged(*bytes));
  }
  return Rewrite(*state);
}

// A copy, since the good part must never be missing from its place. The torn end of a file after a
// crash lands here too: it costs one small file, replaced each time.
absl::Status StateLog::KeepDamaged(std::string_view bytes) {
  const std::string aside = path_ + ".damaged";
  if (disk_->Size(aside).ok()) BARO_TRY(disk_->Remove(aside));
  BARO_TRY_ASSIGN(const std::unique_ptr<base::AppendFile> file, disk_->OpenAppend(aside));
  return file->Append(bytes);
}

void StateLog::Put(std::string_view key, std::string_view value) {
  AppendRecord(key, value, &changes_);
}

absl::Status StateLog::Commit(bool sync) {
  if (in_doubt_) return absl::UnavailableError(base::StrCat("cannot append to ", path_));
  const std::string changes = std::exchange(changes_, {});
  absl::Status status = changes.empty() ? absl::OkStatus() : file_->Append(changes);
  if (status.ok() && sync) status = file_->Sync();
  if (status.ok()) {
    bytes_ += changes.size();
  } else {
    in_doubt_ = true;
  }
  return status;
}

bool StateLog::WantsRewrite() const {
  return in_doubt_ || bytes_ > 2 * live_bytes_ + kWasteBytesMin;
}

absl::Status StateLog::Rewrite(const State& state) {
  const std::string fresh = path_ + ".new";
  if (disk_->Size(fresh).ok()) BARO_TRY(disk_->Remove(fresh));
  std::string bytes(kStateLogMagic);
  for (const auto& [key, value] : state) AppendRecord(key, value, &bytes);
  BARO_TRY_ASSIGN(std::unique_ptr<base::AppendFile> file, disk_->OpenAppend(fresh));
  BARO_TRY(file->Append(bytes));
  BARO_TRY(file->Sync());
  BARO_TRY(disk_->Rename(fresh, path_));
  // From here on the old file is no longer ours, whether the folder is synced or not.
  file_ = std::move(file);
  bytes_ = live_bytes_ = bytes.size();
  changes_.clear();
  in_doubt_ = true;
  BARO_TRY(disk_->SyncDir(std::filesystem::path(path_).parent_path().string()));
  in_doubt_ = false;
  return absl::OkStatus();
}

}  // namespace baro::notify
