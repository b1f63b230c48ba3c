// Section: the columns and values that one node collector puts into the node's row.
//
// A collector names every value by its family and label values, pass after pass in the same order.
// The section compares them with those of the pass before, which costs two compares a value, and
// only where they differ it builds new columns: a device has come or gone.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/layout.h"

namespace baro::agent {

// A metric family; lives at least as long as every section that it was put into.
struct Family {
  std::string_view name;
  std::string_view help;
  model::MetricType type = model::MetricType::kGauge;
  // Label names in the order of the values given to Put(); unused ones are empty.
  std::array<std::string_view, 12> label_names = {};
};

// A family whose name comes from the kernel (node_memory_…). Owns its texts; must not move.
class OwnedFamily {
 public:
  OwnedFamily(std::string name, std::string help, model::MetricType type)
      : name_(std::move(name)), help_(std::move(help)), family_{name_, help_, type, {}} {}
  OwnedFamily(const OwnedFamily&) = delete;
  OwnedFamily& operator=(const OwnedFamily&) = delete;
  const Family& family() const { return family_; }

 private:
  const std::string name_;
  const std::string help_;
  const Family family_;
};

// Most values of one section; 1,000 mounts make 9,000, 4,096 CPUs 41,000.
inline constexpr size_t kSectionValuesMax = 131'072;

// Thread-compatible.
class Section {
 public:
  // Starts a pass.
  void Begin() { cursor_ = 0; }
  void Put(const Family& family, double value) { Put(family, {}, value); }
  // One value for each label name of the family. A text that is not UTF-8 is made so; a series put
  // twice counts once (the first value); values beyond kSectionValuesMax are dropped and counted.
  void Put(const Family& family, std::initializer_list<std::string_view> label_values,
           double value);
  // Ends the pass.
  void End();
  // Instead of End(): the collector could not read. The columns stay, their series become stale.
  void Fail();
  // No pass this time (a longer interval): the row says nothing about these series.
  void Skip();

  // True when the columns differ from what they were at the last call.
  bool TakeChanged();
  size_t column_count() const { return columns_.size(); }
  const std::vector<model::Column>& columns() const { return columns_; }
  // Appends one value a column.
  void AppendValues(std::vector<double>* row) const;
  uint64_t values_dropped() const { return values_dropped_; }

 private:
  struct Slot {
    const Family* family = nullptr;
    std::vector<std::string> label_values;
    bool doubled = false;  // the same series as an earlier slot
  };
  static bool Matches(const Slot& slot, const Family& family,
                      std::initializer_list<std::string_view> label_values);
  void Rebuild();

  size_t cursor_ = 0;
  std::vector<Slot> slots_;
  std::vector<double> values_;  // one a slot
  bool slots_changed_ = false;
  bool changed_ = false;
  bool has_doubles_ = false;
  std::vector<model::Column> columns_;
  uint64_t values_dropped_ = 0;
};

// `text` with each byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

}  // namespace baro::agent
