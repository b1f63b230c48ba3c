#include "rules/store_rule_storage.h"

#include <future>
#include <utility>

#include "baro/base/status.h"

namespace baro::collector {

absl::Status StoreRuleStorage::Write(std::span<const rules::RuleSample> samples) {
  const uint64_t removed = store_->NumbersRemoved();
  const absl::Status status = WriteOnce(samples);
  // A series' number may go while the batch is under way; declared anew it is good again.
  if (absl::IsUnavailable(status) && store_->NumbersRemoved() != removed) return WriteOnce(samples);
  return status;
}

absl::Status StoreRuleStorage::WriteOnce(std::span<const rules::RuleSample> samples) {
  tsdb::SampleBatch batch;
  absl::Status refused;
  for (const rules::RuleSample& sample : samples) {
    const auto series = store_->DeclareSeries(sample.labels);
    if (!series.ok()) {
      if (refused.ok()) refused = series.status();
      continue;
    }
    if (sample.histogram) {
      batch.histograms.push_back({*series, sample.time_ms, *sample.histogram});
    } else {
      batch.series.push_back(*series);
      batch.times_ms.push_back(sample.time_ms);
      batch.values.push_back(sample.value);
    }
  }
  if (batch.series.empty() && batch.histograms.empty()) return refused;
  std::promise<absl::Status> done;
  store_->Append(std::move(batch),
                 [&done](const tsdb::AppendResult& result) { done.set_value(result.status); });
  BARO_TRY(done.get_future().get());
  return refused;
}

absl::Status StoreRuleStorage::Save(const std::vector<rules::RuleNote>& notes) {
  if (notes_ == nullptr || notes.empty()) return absl::OkStatus();
  std::vector<tsdb::Note> all;
  all.reserve(notes.size());
  for (const rules::RuleNote& note : notes) all.push_back({note.key, note.value});
  return notes_->WriteNotes(all);
}

absl::StatusOr<std::vector<rules::RuleNote>> StoreRuleStorage::Load(std::string_view prefix) const {
  std::vector<rules::RuleNote> all;
  if (notes_ == nullptr) return all;
  BARO_TRY_ASSIGN(std::vector<tsdb::Note> notes, notes_->ReadNotes(prefix));
  for (tsdb::Note& note : notes) all.push_back({std::move(note.key), std::move(note.value)});
  return all;
}

}  // namespace baro::collector
