// StoreRuleStorage: rules write into the store, and keep their state in its notes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/rules/rule_storage.h"
#include "baro/tsdb/notes.h"
#include "baro/tsdb/store.h"

namespace baro::collector {

// Thread-safe. `store` outlives it.
class StoreRuleStorage final : public rules::RuleStorage {
 public:
  explicit StoreRuleStorage(tsdb::Store* store) : store_(store), notes_(tsdb::NotesOf(store)) {}

  absl::Status Write(std::span<const rules::RuleSample> samples) override;
  absl::Status Save(const std::vector<rules::RuleNote>& notes) override;
  absl::StatusOr<std::vector<rules::RuleNote>> Load(std::string_view prefix) const override;

 private:
  absl::Status WriteOnce(std::span<const rules::RuleSample> samples);

  tsdb::Store* const store_;
  tsdb::Notes* const notes_;  // null: a store that keeps none
};

}  // namespace baro::collector
