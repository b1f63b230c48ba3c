// PartReader: fetches many values of the slots column family in one forward pass.
#pragma once

#include <rocksdb/iterator.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "database.h"
#include "keys.h"

namespace baro::tsdb {

// One (target, layout) of one part, as far as a reader wants it.
struct PartFragment {
  std::vector<int64_t> times_ms;    // of all rows
  std::vector<uint32_t> positions;  // columns wanted, ascending, in the layout
  std::vector<double> values;       // one column behind the other, all rows
};

// Thread-compatible.
class PartReader {
 public:
  PartReader(const Database& database, std::atomic<uint64_t>* damaged_total);

  // A fragment to be filled; `key` names part, layout and target.
  void Want(SlotKey key, PartFragment* fragment);
  // Fills what was wanted since the last call. Errors: DataLoss, naming the key; Unavailable.
  absl::Status Fetch();

 private:
  struct Wanted {
    SlotKey key;
    PartFragment* fragment = nullptr;
    uint32_t first = 0;  // of the fragment's positions that lie in this block
    uint32_t count = 0;
  };

  absl::Status FetchAll(const std::vector<Wanted>& all);
  absl::Status Seek(const SlotKey& key, std::string_view* value);
  absl::Status FetchValues(const Wanted& wanted, std::string_view value);
  absl::Status Damaged(const SlotKey& key, const absl::Status& cause);

  const Database& database_;
  std::atomic<uint64_t>* const damaged_total_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // during Fetch()
  std::vector<Wanted> wanted_;
};

}  // namespace baro::tsdb
