// Files and folders as copies of a store need them: checksummed, synced, through RocksDB's Env, so
// that a test's disk sees every step. All thread-compatible.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace baro::tsdb {

struct Checksummed {
  uint64_t bytes = 0;
  std::string checksum;  // XXH3, 128 bits, in hexadecimal
  bool operator==(const Checksummed&) const = default;
};

std::string ChecksumOf(std::string_view bytes);
absl::StatusOr<Checksummed> ChecksumFile(rocksdb::Env* env, const std::string& path);
// Copies and syncs. Errors: ResourceExhausted (disk full), Unavailable; `to` is removed then.
absl::StatusOr<Checksummed> CopyFile(rocksdb::Env* env, const std::string& from,
                                     const std::string& to);
// Writes beside it, syncs, renames, syncs the folder: there is the old file or the new one.
absl::Status ReplaceFile(rocksdb::Env* env, const std::string& path, std::string_view bytes);
absl::StatusOr<std::string> ReadSmallFile(rocksdb::Env* env, const std::string& path);

// Names in a folder, sorted; none when there is no such folder.
absl::StatusOr<std::vector<std::string>> ListFolder(rocksdb::Env* env, const std::string& path);
// With the folders above it.
absl::Status CreateFolders(rocksdb::Env* env, const std::string& path);
absl::Status SyncFolder(rocksdb::Env* env, const std::string& path);
// The folder with all in it, two levels deep. Not there: OK.
absl::Status RemoveFolder(rocksdb::Env* env, const std::string& path);

}  // namespace baro::tsdb
