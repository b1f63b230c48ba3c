// Retention classes: which series are kept how long, and where they lie. Every class has parts of
// its own, so that expiry drops whole files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "keys.h"
#include "part.h"
#include "selector.h"

namespace baro::tsdb {

// What was configured, with the numbers that stand in keys. Immutable.
struct RetentionPolicy {
  struct Class {
    uint8_t number = 0;
    std::vector<model::Matcher> matchers;
    int64_t retention_ms = 0;
  };

  int64_t default_ms = 0;              // of class kRawClass; 0: for ever
  std::vector<Class> classes;          // the first that matches counts
  std::vector<DownsampledTier> tiers;  // by interval

  // The longest of all, which decides about what is taken in; 0: for ever.
  int64_t RawMax() const;
  // How long a part is kept; 0: for ever. Classes and tiers that are no longer configured are kept
  // as the default class is.
  int64_t Of(const Part& part) const;
};

// The text by which a class is known again when the configuration has changed.
std::string SelectorText(const std::vector<model::Matcher>& matchers);

// Numbers given to classes, by text; in column family `index` under kClassKey.
using ClassNumbers = std::map<std::string, uint8_t>;
// Gives numbers to those of `classes` that have none, in `numbers`. `taken`: numbers that parts
// still have. ResourceExhausted: there are too many.
absl::StatusOr<RetentionPolicy> MakePolicy(const Retention& retention,
                                           const std::vector<bool>& taken, ClassNumbers* numbers);

// The columns of a layout that go to one class.
struct ClassColumns {
  uint8_t number = kRawClass;
  const StoredLayout* layout = nullptr;  // that has just these columns
  // Of these columns in the layout asked about; empty: all, in their order.
  std::vector<uint32_t> positions;
};

// Sends series to classes, as of the moment it was made. Thread-compatible.
class ClassRouter {
 public:
  ClassRouter(Dictionary* dictionary, const RetentionPolicy& policy);

  // By class number. Valid as long as the router. New layouts are left pending in the dictionary.
  const std::vector<ClassColumns>& Route(TargetId target, const StoredLayout& layout);

 private:
  struct Area {
    uint8_t number = 0;
    Rectangle series;
  };

  std::vector<ClassColumns> Split(const StoredLayout& layout,
                                  const std::vector<uint32_t>& areas) const;

  Dictionary* const dictionary_;
  std::vector<Area> areas_;  // the first that has a series counts
  // By layout and the areas that have the target.
  std::map<std::pair<LayoutId, std::vector<uint32_t>>, std::vector<ClassColumns>> routes_;
};

}  // namespace baro::tsdb
