#include "folder.h"

#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "database.h"

namespace baro::tsdb {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;

class Checksum {
 public:
  Checksum() : state_(XXH3_createState()) { XXH3_128bits_reset(state_); }
  ~Checksum() { XXH3_freeState(state_); }
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void Add(std::string_view bytes) { XXH3_128bits_update(state_, bytes.data(), bytes.size()); }
  std::string Text() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_));
    std::string text;
    for (const unsigned char byte : canonical.digest) {
      text.push_back("0123456789abcdef"[byte >> 4]);
      text.push_back("0123456789abcdef"[byte & 15]);
    }
    return text;
  }

 private:
  XXH3_state_t* const state_;
};

// Calls visit(bytes) for all of a file, piece by piece.
template <typename Visit>
absl::Status ReadFile(rocksdb::Env* env, const std::string& path, Visit visit) {
  std::unique_ptr<rocksdb::SequentialFile> file;
  BARO_TRY(ToStatus(env->NewSequentialFile(path, &file, rocksdb::EnvOptions()),
                    base::StrCat("open ", path)));
  std::string buffer(kCopyBytes, '\0');
  while (true) {
    rocksdb::Slice piece;
    BARO_TRY(
        ToStatus(file->Read(buffer.size(), &piece, buffer.data()), base::StrCat("read ", path)));
    if (piece.empty()) return absl::OkStatus();
    BARO_TRY(visit(FromSlice(piece)));
  }
}

absl::Status WriteFile(rocksdb::Env* env, const std::string& path, std::string_view bytes) {
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env->NewWritableFile(path, &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Append(ToSlice(bytes));
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (!status.ok()) env->DeleteFile(path).PermitUncheckedError();
  return ToStatus(status, base::StrCat("write ", path));
}

absl::Status RemoveFiles(rocksdb::Env* env, const std::string& path, int depth) {
  BARO_TRY_ASSIGN(const std::vector<std::string> names, ListFolder(env, path));
  for (const std::string& name : names) {
    const std::string child = base::StrCat(path, "/", name);
    bool is_folder = false;
    BARO_TRY(ToStatus(env->IsDirectory(child, &is_folder), base::StrCat("look at ", child)));
    if (!is_folder) {
      BARO_TRY(ToStatus(env->DeleteFile(child), base::StrCat("remove ", child)));
    } else if (depth > 0) {
      BARO_TRY(RemoveFiles(env, child, depth - 1));
    }
  }
  const rocksdb::Status removed = env->DeleteDir(path);
  return removed.IsNotFound() || removed.IsPathNotFound()
             ? absl::OkStatus()
             : ToStatus(removed, base::StrCat("remove ", path));
}

}  // namespace

std::string ChecksumOf(std::string_view bytes) {
  Checksum checksum;
  checksum.Add(bytes);
  return checksum.Text();
}

absl::StatusOr<Checksummed> ChecksumFile(rocksdb::Env* env, const std::string& path) {
  Checksummed result;
  Checksum checksum;
  BARO_TRY(ReadFile(env, path, [&](std::string_view piece) {
    checksum.Add(piece);
    result.bytes += piece.size();
    return absl::OkStatus();
  }));
  result.checksum = checksum.Text();
  return result;
}

absl::StatusOr<Checksummed> CopyFile(rocksdb::Env* env, const std::string& from,
                                     const std::string& to) {
  std::unique_ptr<rocksdb::WritableFile> file;
  BARO_TRY(ToStatus(env->NewWritableFile(to, &file, rocksdb::EnvOptions()),
                    base::StrCat("create ", to)));
  Checksummed result;
  Checksum checksum;
  absl::Status status = ReadFile(env, from, [&](std::string_view piece) {
    checksum.Add(piece);
    result.bytes += piece.size();
    return ToStatus(file->Append(ToSlice(piece)), base::StrCat("write ", to));
  });
  if (status.ok()) status = ToStatus(file->Sync(), base::StrCat("sync ", to));
  if (status.ok()) status = ToStatus(file->Close(), base::StrCat("close ", to));
  if (!status.ok()) {
    file.reset();
    env->DeleteFile(to).PermitUncheckedError();
    return status;
  }
  result.checksum = checksum.Text();
  return result;
}

absl::Status ReplaceFile(rocksdb::Env* env, const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".tmp";
  BARO_TRY(WriteFile(env, beside, bytes));
  BARO_TRY(ToStatus(env->RenameFile(beside, path), base::StrCat("rename ", beside)));
  return SyncFolder(env, path.substr(0, path.rfind('/')));
}

absl::StatusOr<std::string> ReadSmallFile(rocksdb::Env* env, const std::string& path) {
  std::string bytes;
  BARO_TRY(ReadFile(env, path, [&](std::string_view piece) {
    bytes.append(piece);
    return absl::OkStatus();
  }));
  return bytes;
}

absl::StatusOr<std::vector<std::string>> ListFolder(rocksdb::Env* env, const std::string& path) {
  std::vector<std::string> names;
  const rocksdb::Status status = env->GetChildren(path, &names);
  if (status.IsNotFound() || status.IsPathNotFound()) return std::vector<std::string>();
  BARO_TRY(ToStatus(status, base::StrCat("list ", path)));
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status CreateFolders(rocksdb::Env* env, const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string above = path.substr(0, end);
    // One that may not be made and is there already is good enough.
    if (env->FileExists(above).ok()) continue;
    BARO_TRY(ToStatus(env->CreateDirIfMissing(above), base::StrCat("create ", above)));
  }
  return ToStatus(env->CreateDirIfMissing(path), base::StrCat("create ", path));
}

absl::Status SyncFolder(rocksdb::Env* env, const std::string& path) {
  std::unique_ptr<rocksdb::Directory> folder;
  BARO_TRY(ToStatus(env->NewDirectory(path, &folder), base::StrCat("open ", path)));
  return ToStatus(folder->Fsync(), base::StrCat("sync ", path));
}

absl::Status RemoveFolder(rocksdb::Env* env, const std::string& path) {
  constexpr int kDepth = 2;
  if (!env->FileExists(path).ok()) return absl::OkStatus();
  return RemoveFiles(env, path, kDepth);
}

}  // namespace baro::tsdb
