// StoreSloStorage: objectives write into the store as rules do, and keep their state in its notes.
#pragma once

#include "baro/slo/slo_storage.h"
#include "rules/store_rule_storage.h"

namespace baro::collector {

// Thread-safe. `rules` outlives it.
class StoreSloStorage final : public slo::SloStorage {
 public:
  explicit StoreSloStorage(StoreRuleStorage* rules) : rules_(rules) {}

  absl::Status Write(std::span<const slo::SloSample> samples) override;
  absl::Status Save(const std::vector<slo::SloNote>& notes) override;
  absl::StatusOr<std::vector<slo::SloNote>> Load(std::string_view prefix) const override;

 private:
  StoreRuleStorage* const rules_;
};

}  // namespace baro::collector
