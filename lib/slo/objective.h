// Objective: one SLO at work: its book, its alerts, the series it writes, what it saves.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "alert_book.h"
#include "baro/base/clock.h"
#include "baro/slo/slo_spec.h"
#include "baro/slo/slo_status.h"
#include "baro/slo/slo_storage.h"
#include "book_keeper.h"
#include "book_store.h"
#include "budget.h"

namespace baro::slo {

// No sample of the total for that long: no data.
inline constexpr int64_t kNoDataMs = 5 * kMinuteMs;

// A group of an objective as its counts stand. Valid as long as the objective is not advanced.
struct GroupView {
  model::Labels labels;
  double objective = 0;
  WindowCounts counts;
  int64_t last_seen_ms = model::kTimeMsMin;
  int64_t oldest_ms = 0;
  Counts ever;
};

class Objective;
using FindObjective = std::function<const Objective*(const std::string& name)>;

// One evaluation of all objectives.
struct Round {
  int64_t now_ms = 0;  // a multiple of kEvaluationGrainMs
  std::span<const Exclusion> exclusions;
  FindObjective find;           // parts of composites, already evaluated in this round
  std::function<bool()> go_on;  // with history
};

// What it is told and where.
struct ObjectiveSurroundings {
  BookSources sources;
  SloStorage* storage = nullptr;
  const base::Clock* clock = nullptr;
  std::function<absl::Status(const std::vector<model::Alert>&)> sink;
  std::function<void(const std::string&)> warn;
  int64_t interval_ms = 0;
  int64_t resend_delay_ms = 0;
  std::string external_url;
};

// Thread-compatible.
class Objective {
 public:
  Objective(std::shared_ptr<const SloSpec> spec, ObjectiveSurroundings surroundings,
            int64_t now_ms);

  // Takes what was saved before the process began; to be called once, before Evaluate().
  void Restore(int64_t now_ms);
  // Other figures for the same counts. Requires CountsSame(spec).
  void Reconfigure(std::shared_ptr<const SloSpec> spec, ObjectiveSurroundings surroundings);
  bool CountsSame(const SloSpec& spec) const;

  void Evaluate(const Round& round);
  // Ends its series and alerts; nothing of it is kept.
  void End(int64_t now_ms);

  const std::shared_ptr<const SloStatus>& status() const { return status_; }
  const std::shared_ptr<const SloSpec>& spec() const { return spec_; }
  bool busy() const { return keeper_.busy() || (!is_composite() && keeper_.book() == nullptr); }
  bool is_composite() const { return spec_->sli.kind == SliKind::kComposite; }
  uint64_t amendments() const { return keeper_.amendments(); }
  uint64_t save_failures() const { return save_failures_; }

  // By labels; empty while there are no counts.
  std::vector<GroupView> Views(const Round& round) const;
  const EventBook* book() const { return keeper_.book(); }

 private:
  absl::Status Count(const Round& round);
  void EvaluateGroups(const Round& round, SloStatus* status);
  GroupStatus StatusOfGroup(const GroupView& view, int64_t now_ms);
  void FindAlerts(const GroupView& view, const GroupStatus& group, int64_t now_ms,
                  std::vector<FoundAlert>* found);
  void FindBurning(const GroupView& view, const GroupStatus& group, int64_t now_ms,
                   std::vector<FoundAlert>* found);
  FoundAlert MakeAlert(const GroupStatus& group, const std::string& name,
                       const std::string& severity, const std::string& why) const;
  GroupView ViewOfComposite(const Round& round) const;
  absl::Status WriteSeries(const SloStatus& status, int64_t now_ms);
  void Save(int64_t now_ms);
  void Tell(int64_t now_ms);
  void Warn(std::string_view what, const absl::Status& status) const;
  std::string AlertsKey() const;

  std::shared_ptr<const SloSpec> spec_;
  ObjectiveSurroundings surroundings_;
  const int64_t started_ms_;
  BookKeeper keeper_;
  BookStore store_;
  AlertBook alerts_;
  std::shared_ptr<const SloStatus> status_;
  // Since when a group's policy holds.
  std::map<std::pair<model::Labels, size_t>, int64_t> holds_since_;
  std::map<model::Labels, int64_t> exhausted_since_;
  absl::flat_hash_map<uint64_t, model::Labels> written_;
  uint64_t save_failures_ = 0;
};

}  // namespace baro::slo
