// Reading: selections, label names and values, figures.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "label_values.h"
#include "plan_cache.h"
#include "selection.h"
#include "store_impl.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

// What a dashboard reads every few seconds is noted this often.
constexpr int64_t kNoteEveryMs = 10'000;

// The store's own view behind a reader's copy: plans are made for that.
const std::shared_ptr<const View>& CurrentOf(const std::shared_ptr<const View>& view) {
  return view->copied_from == nullptr ? view : view->copied_from;
}

// Sorts, drops doubles, cuts.
std::vector<std::string> Finish(std::vector<std::string> texts, size_t limit) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (limit != 0 && texts.size() > limit) texts.resize(limit);
  return texts;
}

// What the request's alternatives select; none: everything.
std::vector<SharedPlan> PlansOf(const std::shared_ptr<const View>& view, PlanCache* plans,
                                const model::LabelRequest& request) {
  std::vector<SharedPlan> found;
  for (const auto& matchers : request.selectors) {
    found.push_back(plans->Get(view, matchers, false));
  }
  if (found.empty()) found.push_back(plans->Get(view, {}, false));
  return found;
}

void AddNames(const Selection& selection, const LabelTable& targets, const LabelTable& columns,
              std::vector<std::string>* names) {
  std::set<ShapeId> target_shapes;
  std::set<ShapeId> column_shapes;
  absl::flat_hash_set<const ColumnList*> seen;
  for (const SelectedTarget& target : selection.targets) {
    target_shapes.insert(targets.shape(target.id));
    if (!seen.insert(target.columns.get()).second) continue;
    for (const ColumnId column : target.columns->ids) column_shapes.insert(columns.shape(column));
  }
  const auto add = [&](const std::vector<std::string>& shape) {
    names->insert(names->end(), shape.begin(), shape.end());
  };
  for (const ShapeId shape : target_shapes) add(targets.shape_names(shape));
  for (const ShapeId shape : column_shapes) add(columns.shape_names(shape));
}

// A column's label hides the target's, so the target's counts where some column lacks it.
void AddValues(const Selection& selection, std::string_view name, const LabelTable& targets,
               const LabelTable& columns, std::vector<std::string>* values) {
  const Roaring* carriers = columns.postings().Carriers(name);
  absl::flat_hash_map<const ColumnList*, bool> some_column_lacks;
  std::vector<TargetId> deciding;
  Roaring selected_columns;
  for (const SelectedTarget& target : selection.targets) {
    const auto [it, inserted] = some_column_lacks.try_emplace(target.columns.get(), true);
    if (inserted && carriers != nullptr) {
      const std::vector<ColumnId>& ids = target.columns->ids;
      const Roaring list(ids.size(), ids.data());
      it->second = list.and_cardinality(*carriers) < list.cardinality();
      selected_columns |= list;
    }
    if (it->second) deciding.push_back(target.id);
  }
  AddValuesOf(columns, name, selected_columns, values);
  AddValuesOf(targets, name, Roaring(deciding.size(), deciding.data()), values);
}

std::string TimeText(int64_t time_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(time_ms), absl::UTCTimeZone());
}

// Whoever asked should know what is not every sample.
std::vector<std::string> DownsamplingNotes(const Selection& selection,
                                           const model::SelectRequest& request) {
  std::map<int64_t, TimeRange> tiers;  // by interval
  for (const PartRun& run : selection.runs) {
    for (const auto& part : run.parts) {
      if (part->interval_ms == 0) continue;
      const auto [it, inserted] =
          tiers.try_emplace(part->interval_ms, TimeRange{model::kTimeMsMax, model::kTimeMsMin});
      it->second.start_ms =
          std::min(it->second.start_ms, std::max(part->time_ms_min, request.start_ms));
      it->second.end_ms = std::max(it->second.end_ms, std::min(part->time_ms_max, request.end_ms));
    }
  }
  std::vector<std::string> notes;
  for (const auto& [interval_ms, range] : tiers) {
    notes.push_back(base::StrCat(
        "downsampled to ", base::FormatDuration(std::chrono::milliseconds(interval_ms)), " from ",
        TimeText(range.start_ms), " to ", TimeText(range.end_ms)));
  }
  return notes;
}

}  // namespace

void StoreImpl::NoteRead(const SelectionPlan& plan) const {
  const int64_t now_ms = options_.clock->NowMs();
  const int64_t before_ms = plan.noted_ms.load(std::memory_order_relaxed);
  if (now_ms >= before_ms && now_ms < before_ms + kNoteEveryMs) return;
  plan.noted_ms.store(now_ms, std::memory_order_relaxed);
  reads_.Note(plan.metrics, now_ms);
}

absl::StatusOr<std::unique_ptr<model::SeriesSet>> StoreImpl::Select(
    const model::SelectRequest& request) const {
  PartReader reader(*database_, damaged_total_.get(),
                    AroundForPresence({request.start_ms, request.end_ms}));
  std::vector<std::string> notes = ReplayWarnings();  // before the view is taken
  auto view = CurrentView();
  if (request.resolution_ms > 0) {
    auto coarse = std::make_shared<View>(*view);
    coarse->passed_over = PassedOver(view->parts, options_.slot_ms, request.resolution_ms);
    coarse->copied_from = std::move(view);
    view = std::move(coarse);
  }
  const SharedPlan plan = plans_->Get(CurrentOf(view), request.matchers, request.histograms);
  BARO_TRY_ASSIGN(auto selection, tsdb::Select(view, plan, *dictionary_, &reader, request));
  for (std::string& note : DownsamplingNotes(*selection, request)) {
    notes.push_back(std::move(note));
  }
  NoteRead(*plan);
  BARO_TRY_ASSIGN(auto memory, ReserveLabels(*selection));
  return std::make_unique<StoredSeriesSet>(
      Keep{database_, dictionary_, damaged_total_, quarantine_}, std::move(selection),
      request.start_ms, request.end_ms, std::move(notes), std::move(memory), request.newest_only);
}

// A reader may ask for every label set that was selected.
absl::StatusOr<std::unique_ptr<base::MemoryShare>> StoreImpl::ReserveLabels(
    const Selection& selection) const {
  uint64_t label_sets = selection.targets.size();
  const ColumnList* before = nullptr;  // targets alike come one behind the other
  for (const SelectedTarget& target : selection.targets) {
    if (target.columns.get() != before) label_sets += target.columns->ids.size();
    before = target.columns.get();
  }
  auto memory = std::make_unique<base::MemoryShare>(options_.memory);
  const uint64_t bytes = dictionary_->MaterialisedBytes(label_sets);
  if (memory->Grow(bytes)) return memory;
  return absl::ResourceExhaustedError(
      base::StrCat("cannot select: the labels of ", selection.series.size(), " series take about ",
                   bytes >> 20, " MiB, and ", options_.memory->resident_bytes() >> 20, " MiB of ",
                   options_.memory->limit_bytes() >> 20, " MiB (--memory.limit) are in use"));
}

absl::StatusOr<std::vector<std::string>> StoreImpl::LabelNames(
    const model::LabelRequest& request) const {
  std::vector<std::string> names;
  const TimeRange range{request.start_ms, request.end_ms};
  PartReader reader(*database_, damaged_total_.get(), AroundForPresence(range));
  const auto view = CurrentView();
  for (SharedPlan& plan : PlansOf(view, plans_.get(), request)) {
    BARO_TRY_ASSIGN(const auto selection,
                    SelectTargets(view, std::move(plan), *dictionary_, &reader, range));
    dictionary_->With([&](const auto& targets, const auto& columns) {
      AddNames(*selection, targets, columns, &names);
    });
  }
  return Finish(std::move(names), request.limit);
}

absl::StatusOr<std::vector<std::string>> StoreImpl::LabelValues(
    const std::string& name, const model::LabelRequest& request) const {
  std::vector<std::string> values;
  const TimeRange range{request.start_ms, request.end_ms};
  PartReader reader(*database_, damaged_total_.get(), AroundForPresence(range));
  const auto view = CurrentView();
  const bool of_targets = dictionary_->With([&](const LabelTable&, const LabelTable& columns) {
    return columns.postings().Carriers(name) == nullptr;
  });
  for (SharedPlan& plan : PlansOf(view, plans_.get(), request)) {
    // No column hides the target's label: it is enough that the target is there.
    if (const auto found = of_targets ? FindTargets(*view, *plan, range) : std::nullopt) {
      dictionary_->With([&](const LabelTable& targets, const LabelTable&) {
        AddValuesOf(targets, name, *found, &values);
      });
      continue;
    }
    BARO_TRY_ASSIGN(const auto selection,
                    SelectTargets(view, std::move(plan), *dictionary_, &reader, range));
    dictionary_->With([&](const auto& targets, const auto& columns) {
      AddValues(*selection, name, targets, columns, &values);
    });
  }
  return Finish(std::move(values), request.limit);
}

Stats StoreImpl::GetStats() const {
  Stats stats;
  const auto view = CurrentView();
  stats.targets = dictionary_->target_count();
  stats.columns = dictionary_->column_count();
  stats.layouts = dictionary_->layout_count();
  for (const auto& head : view->heads) {
    stats.head_bytes += head->bytes();
    if (head->empty()) continue;
    const bool first = stats.series == 0;
    stats.series = std::max(stats.series, head->series_count());
    stats.head_time_ms_min =
        first ? head->time_ms_min() : std::min(stats.head_time_ms_min, head->time_ms_min());
    stats.head_time_ms_max =
        first ? head->time_ms_max() : std::max(stats.head_time_ms_max, head->time_ms_max());
  }
  std::set<uint32_t> slots;
  for (const auto& part : view->parts) {
    stats.slot_bytes += part->bytes;
    slots.insert(part->slot);
  }
  stats.slots = slots.size();
  stats.journal_damages_total = totals_.journal_damages.load();
  stats.quarantined_parts = quarantine_->size();
  stats.tombstones = view->tombstones->list().size();
  stats.journal_bytes = journal_bytes_.load();
  stats.samples_stored_total = totals_.stored.load();
  stats.samples_duplicate_total = totals_.duplicate.load();
  stats.samples_overwritten_total = totals_.overwritten.load();
  stats.samples_out_of_order_total = totals_.out_of_order.load();
  stats.samples_too_old_total = totals_.too_old.load();
  stats.samples_too_new_total = totals_.too_new.load();
  stats.frames_undecodable_total = totals_.frames_undecodable.load();
  stats.commits_total = totals_.commits.load();
  stats.commit_failures_total = totals_.commit_failures.load();
  stats.seals_total = totals_.seals.load();
  stats.seal_failures_total = totals_.seal_failures.load();
  stats.parts = view->parts.size();
  stats.merges_total = totals_.merges.load();
  stats.merge_failures_total = totals_.merge_failures.load();
  stats.seals_for_memory_total = totals_.seals_for_memory.load();
  stats.batches_refused_memory_total = totals_.batches_refused_memory.load();
  stats.frames_refused_target_total = totals_.frames_refused_target.load();
  stats.samples_nan_replaced_total = ingest_->nan_replaced_total() + totals_.nan_replaced.load();
  stats.histograms_stored_total = totals_.histograms_stored.load();
  stats.histograms_invalid_total = totals_.histograms_invalid.load();
  stats.histograms_over_limit_total = totals_.histograms_over_limit.load();
  stats.histogram_columns = dictionary_->component_count();
  stats.exemplars = exemplars_.size();
  stats.exemplars_stored_total = totals_.exemplars_stored.load();
  stats.exemplars_duplicate_total = totals_.exemplars_duplicate.load();
  stats.exemplars_out_of_order_total = totals_.exemplars_out_of_order.load();
  stats.exemplars_refused_total = totals_.exemplars_refused.load();
  stats.exemplars_evicted_total = exemplars_.evicted_total();
  stats.damaged_reads_total = damaged_total_->load();
  stats.append_queue_depth = committer_->depth();
  stats.replay_complete = ReplayComplete();
  stats.replay_bytes_done = replay_bytes_done_.load(std::memory_order_relaxed);
  stats.replay_bytes =
      std::max(stats.replay_bytes_done, replay_bytes_total_.load(std::memory_order_relaxed));
  {
    base::MutexLock lock(&replay_mutex_);
    stats.replay_seconds = replay_seconds_;
  }
  stats.refused = dictionary_->RefusedByLimit();
  stats.index_bytes = dictionary_->bytes();
  stats.index_targets_removed_total = totals_.targets_removed.load();
  stats.index_columns_removed_total = totals_.columns_removed.load();
  stats.index_layouts_removed_total = totals_.layouts_removed.load();
  stats.writable = database_->writable();
  stats.selector_cache = plans_->GetStats();
  return stats;
}

}  // namespace baro::tsdb
