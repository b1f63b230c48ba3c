// PartReader: fetches many values of the slots column family: times first, then the
// columns, each in one forward pass.
#pragma once

#include <rocksdb/iterator.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "database.h"
#include "keys.h"
#include "part.h"
#include "quarantine.h"
#include "time_range.h"

namespace baro::tsdb {

// One (target, layout) of one part, as far as a reader wants it.
struct PartFragment {
  std::vector<uint32_t> positions;  // columns wanted, ascending, in the layout
  // Of the chunks that may have rows in the reader's range, all rows.
  std::vector<int64_t> times_ms;
  std::vector<double> values;  // one column behind the other
  // Which chunks these are.
  size_t chunk_begin = 0;
  size_t chunk_end = 0;
};

// Thread-compatible.
class PartReader {
 public:
  // Rows beyond `range` are left out where that saves decoding them.
  PartReader(const Database& database, std::atomic<uint64_t>* damaged_total, TimeRange range = {});

  // For passes over whole parts: what is read does not push out of the cache what queries need.
  void BypassCache() {
    read_options_.fill_cache = false;
    read_options_.readahead_size = size_t{1} << 20;
  }

  // Damage is reported there and what it hits has no samples, instead of failing Fetch().
  void SetAside(Quarantine* quarantine) { quarantine_ = quarantine; }

  // A fragment to be filled. `part` stays until Fetch().
  void Want(const Part& part, LayoutId layout, TargetId target, PartFragment* fragment);
  // A value as it lies there.
  void WantValue(const SlotKey& key, std::string* value);
  // Fills what was wanted since the last call. Errors: DataLoss, naming the key; Unavailable.
  absl::Status Fetch();
  // The error of a value that cannot be decoded, counted.
  absl::Status Damaged(const SlotKey& key, const absl::Status& cause);

 private:
  struct Wanted {
    SlotKey key;
    PartFragment* fragment = nullptr;
    std::string* value = nullptr;  // instead of a fragment
    uint32_t first = 0;            // of the fragment's positions that lie in this block
    uint32_t count = 0;
    const Part* part = nullptr;  // of a fragment
  };

  absl::Status FetchAll(const std::vector<Wanted>& all);
  bool IsSetAside(const Wanted& wanted, const absl::Status& status) const;
  absl::Status FetchTimes(const Wanted& wanted, std::string_view value);
  absl::Status Seek(const SlotKey& key, std::string_view* value);
  absl::Status FetchValues(const Wanted& wanted, std::string_view value);

  const Database& database_;
  std::atomic<uint64_t>* const damaged_total_;
  const TimeRange range_;
  rocksdb::ReadOptions read_options_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // during Fetch()
  Quarantine* quarantine_ = nullptr;
  std::vector<Wanted> wanted_;
};

}  // namespace baro::tsdb
