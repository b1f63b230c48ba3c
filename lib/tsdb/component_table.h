// ComponentTable: the columns that the insides of histograms lie in.
//
// A histogram sample is a mark in its series' own column and one ordinary sample in each of a few
// component columns of the same target: its form, count, sum, and one column a bucket. To journal,
// head, seal and merges those are columns like any other. They have no labels: their numbers start
// at kFirstComponent, nothing indexes them, and no sender can name one. Readers come to them
// through the column they belong to. Bytes: docs/formats/histograms.md.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "baro/tsdb/store.h"

namespace baro::tsdb {

inline constexpr ColumnId kFirstComponent = ColumnId{1} << 31;
inline constexpr bool IsComponent(ColumnId column) { return column >= kFirstComponent; }

enum class ComponentKind : uint8_t {
  kForm = 0,  // HistogramForm; each sample has it, and count and sum
  kCount = 1,
  kSum = 2,
  kZeroThreshold = 3,  // this and all below: no sample means 0
  kZeroCount = 4,
  kPositive = 5,
  kNegative = 6,
};

// What a component column holds. Ordered by kind, then by bucket.
struct ComponentCode {
  ComponentKind kind = ComponentKind::kForm;
  int32_t bucket = 0;
  auto operator<=>(const ComponentCode&) const = default;
};

struct Component {
  ComponentCode code;
  ColumnId column = 0;
};
// By code.
using ComponentList = std::vector<Component>;

// What a histogram is besides its numbers, as the value of one column: it hardly ever changes, so
// it costs next to nothing.
struct HistogramForm {
  int32_t schema = 0;
  model::ResetHint reset_hint = model::ResetHint::kUnknown;
  bool float_counts = false;
  uint32_t bounds = 0;  // of ComponentTable, for custom bounds
};
double EncodeForm(const HistogramForm& form);
// False for a number that is no form.
bool DecodeForm(double value, HistogramForm* form);

// Thread-compatible; its owner (Dictionary) locks.
class ComponentTable {
 public:
  // Columns of one series' column. A broken sender must not fill the table; schema 8 over six
  // decades has half as many buckets.
  static constexpr size_t kComponentsPerColumnMax = 16'384;
  // Sets of custom bounds: those of an application's code, not of its data.
  static constexpr size_t kBoundsMax = 65'536;

  using Entry = std::pair<std::string, std::string>;  // key and value in column family `index`

  // The components of a column, null when it has none.
  std::shared_ptr<const ComponentList> Of(ColumnId base) const;
  // All of `base`, with `codes` (ascending) among them; entries for the disk are added to
  // `pending`. Errors: ResourceExhausted, naming the limit; nothing has changed then.
  absl::StatusOr<std::shared_ptr<const ComponentList>> Add(ColumnId base,
                                                           std::span<const ComponentCode> codes,
                                                           std::vector<Entry>* pending);
  // The number of a set of bounds. Errors as above.
  absl::StatusOr<uint32_t> AddBounds(const std::vector<double>& bounds,
                                     std::vector<Entry>* pending);
  // Null for an unknown number. Lives as long as the table.
  const std::vector<double>* bounds(uint32_t id) const;

  // Calls `visit(base, list)` for each of `columns` that has components.
  template <typename Visit>
  void ForEach(const Roaring& columns, Visit visit) const {
    if (columns.cardinality() < by_base_.size()) {
      for (const ColumnId base : columns) {
        if (auto list = Of(base)) visit(base, std::move(list));
      }
      return;
    }
    for (const auto& [base, list] : by_base_) {
      if (columns.contains(base)) visit(base, std::shared_ptr<const ComponentList>(list));
    }
  }

  bool Has(ColumnId column) const {
    return IsComponent(column) && column - kFirstComponent < bases_.size();
  }
  // The series' column a component belongs to. Requires Has().
  ColumnId BaseOf(ColumnId column) const { return bases_[column - kFirstComponent]; }
  size_t size() const { return bases_.size(); }

  // At open, keys without their letter, in order. False when damaged.
  bool Load(std::string_view key, std::string_view value);
  bool LoadBounds(std::string_view key, std::string_view value);

 private:
  absl::flat_hash_map<ColumnId, std::shared_ptr<ComponentList>> by_base_;
  std::vector<ColumnId> bases_;  // by component
  std::map<std::string, uint32_t> bounds_by_bytes_;
  std::deque<std::vector<double>> bounds_;  // by number
};

}  // namespace baro::tsdb
