// PartWriter: one part's sorted file, keys in order.
#pragma once

#include <rocksdb/sst_file_writer.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "database.h"
#include "keys.h"
#include "slot_value.h"

namespace baro::tsdb {

// Thread-compatible.
class PartWriter {
 public:
  PartWriter(const Database& database, std::string file);

  absl::Status Open();
  // Keys ascend.
  absl::Status Put(const SlotKey& key, std::string_view value);
  // Syncs the file. `bytes` gets its size.
  absl::Status Finish(uint64_t* bytes);

 private:
  const std::string file_;
  rocksdb::SstFileWriter writer_;
};

}  // namespace baro::tsdb
