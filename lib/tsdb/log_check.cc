#include "log_check.h"

#include <memory>

#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "database.h"
#include "folder.h"

namespace baro::tsdb {
namespace {

// A record: checksum u32 (of type and payload, masked), length u16, type u8, payload; all
// little-endian. A record does not cross a block's end: a longer one is cut into a first, middle
// and last one.
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeOffset = 6;
constexpr uint8_t kWhole = 1;
constexpr uint8_t kFirst = 2;
constexpr uint8_t kPadding = 0;

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint32_t Unmasked(uint32_t masked) {
  constexpr uint32_t kMaskDelta = 0xa282ead8;
  const uint32_t rotated = masked - kMaskDelta;
  return rotated >> 17 | rotated << 15;
}

absl::Status ScanLog(const std::string& path, rocksdb::Env* env, LogScanner* scanner) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  BARO_TRY(ToStatus(env->NewSequentialFile(path, &file, {}), base::StrCat("open ", path)));
  std::string buffer(LogScanner::kBlockBytes, '\0');
  rocksdb::Slice block;
  do {
    BARO_TRY(
        ToStatus(file->Read(buffer.size(), &block, buffer.data()), base::StrCat("read ", path)));
    scanner->Block(FromSlice(block));
  } while (block.size() == buffer.size() && !scanner->damaged());
  return absl::OkStatus();
}

absl::Status KeepAside(const std::string& path, const std::string& name, rocksdb::Env* env) {
  const std::string folder = path + "/quarantine";
  BARO_TRY(CreateFolders(env, folder));
  const std::string from = base::StrCat(path, "/", name);
  const std::string to = base::StrCat(folder, "/", name);
  if (env->FileExists(to).ok() || env->LinkFile(from, to).ok()) return absl::OkStatus();
  return CopyFile(env, from, to).status();
}

}  // namespace

void LogScanner::Bad(uint64_t offset) {
  if (bad_seen_) return;
  bad_seen_ = true;
  bad_offset_ = offset;
}

void LogScanner::Block(std::string_view bytes) {
  const uint64_t begin = block_begin_;
  block_begin_ += bytes.size();
  for (size_t at = 0; bytes.size() - at >= kHeaderBytes;) {
    const uint32_t length = LittleEndian(bytes.substr(at + 4, 2));
    const auto type = static_cast<uint8_t>(bytes[at + kTypeOffset]);
    const bool whole = length <= bytes.size() - at - kHeaderBytes;
    if (type == kPadding || !whole) return Bad(begin + at);  // where the next one is not known
    const uint32_t sum = Unmasked(LittleEndian(bytes.substr(at, 4)));
    if (sum != base::Crc32c(bytes.substr(at + kTypeOffset, 1 + length))) {
      Bad(begin + at);
      at += kHeaderBytes + length;
      continue;
    }
    // Pieces of the write that was torn may be whole; the beginning of another may not.
    if (bad_seen_ && (type == kWhole || type == kFirst)) damaged_ = true;
    at += kHeaderBytes + length;
  }
}

absl::StatusOr<std::vector<LogDamage>> SetDamagedLogsAside(const std::string& path,
                                                           rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  std::vector<LogDamage> damages;
  BARO_TRY_ASSIGN(const auto names, ListFolder(env, path));
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    LogScanner scanner;
    BARO_TRY(ScanLog(base::StrCat(path, "/", name), env, &scanner));
    if (!scanner.damaged()) continue;
    BARO_TRY(KeepAside(path, name, env));
    damages.push_back({name, scanner.offset()});
  }
  return damages;
}

}  // namespace baro::tsdb
