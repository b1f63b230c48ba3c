#include "slo/store_slo_storage.h"

#include <utility>

#include "baro/base/status.h"

namespace baro::collector {

absl::Status StoreSloStorage::Write(std::span<const slo::SloSample> samples) {
  std::vector<rules::RuleSample> all;
  all.reserve(samples.size());
  for (const slo::SloSample& sample : samples) {
    all.push_back({sample.labels, sample.time_ms, sample.value, std::nullopt});
  }
  return rules_->Write(all);
}

absl::Status StoreSloStorage::Save(const std::vector<slo::SloNote>& notes) {
  std::vector<rules::RuleNote> all;
  all.reserve(notes.size());
  for (const slo::SloNote& note : notes) all.push_back({note.key, note.value});
  return rules_->Save(all);
}

absl::StatusOr<std::vector<slo::SloNote>> StoreSloStorage::Load(std::string_view prefix) const {
  BARO_TRY_ASSIGN(std::vector<rules::RuleNote> notes, rules_->Load(prefix));
  std::vector<slo::SloNote> all;
  all.reserve(notes.size());
  for (rules::RuleNote& note : notes) {
    all.push_back({std::move(note.key), std::move(note.value)});
  }
  return all;
}

}  // namespace baro::collector
