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
#include "selection.h"
#include "store_impl.h"
#include "tier.h"

namespace baro::tsdb {
namespace {

// Sorts, drops doubles, cuts.
std::vector<std::string> Finish(std::vector<std::string> texts, size_t limit) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (limit != 0 && texts.size() > limit) texts.resize(limit);
  return texts;
}

// Calls visit(selection) for each of the request's alternatives.
template <typename Visit>
absl::Status ForEachSelection(const std::shared_ptr<const View>& view, const Dictionary& dictionary,
                              PartReader* reader, const model::LabelRequest& request, Visit visit) {
  std::vector<std::vector<model::Matcher>> selectors = request.selectors;
  if (selectors.empty()) selectors.emplace_back();
  for (std::vector<model::Matcher>& matchers : selectors) {
    model::SelectRequest select{request.start_ms, request.end_ms, std::move(matchers), 0};
    BARO_TRY_ASSIGN(const auto selection, Select(view, dictionary, reader, select));
    visit(*selection);
  }
  return absl::OkStatus();
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

// The values that some of `ids` carry: by a walk over the values or over the ids, whichever are
// fewer.
void AddValuesOf(const LabelTable& table, std::string_view name, const Roaring& ids,
                 std::vector<std::string>* values) {
  const Roaring* carriers = table.postings().Carriers(name);
  if (carriers == nullptr) return;
  const Roaring carrying = ids & *carriers;
  if (carrying.cardinality() >= table.postings().value_count(name)) {
    const bool all = carrying.cardinality() == carriers->cardinality();
    table.postings().ForEachValue(name, [&](std::string_view value, const IdSet& of_value) {
      if (all || of_value.Intersects(carrying)) values->emplace_back(value);
    });
    return;
  }
  absl::flat_hash_set<std::string_view> seen;
  for (const uint32_t id : carrying) seen.insert(table.Get(id, name));
  values->insert(values->end(), seen.begin(), seen.end());
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

std::vector<Cardinality::Entry> Largest(const absl::flat_hash_map<std::string, uint64_t>& counts,
                                        size_t limit) {
  std::vector<Cardinality::Entry> entries;
  for (const auto& [name, value] : counts) entries.push_back({name, value});
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.value != b.value ? a.value > b.value : a.name < b.name;
  });
  if (entries.size() > limit) entries.resize(limit);
  return entries;
}

// Series by label, counted list by list: targets that share their columns are counted together.
void CountSeries(const Selection& selection, const LabelTable& targets, const LabelTable& columns,
                 absl::flat_hash_map<std::string, uint64_t>* by_metric,
                 absl::flat_hash_map<std::string, uint64_t>* by_pair) {
  absl::flat_hash_map<PairId, uint64_t> of_targets;
  absl::flat_hash_map<PairId, uint64_t> of_columns;
  absl::flat_hash_map<const ColumnList*, uint64_t> targets_by_list;
  for (const SelectedTarget& target : selection.targets) {
    ++targets_by_list[target.columns.get()];
    for (const PairId pair : targets.pairs(target.id)) {
      of_targets[pair] += target.columns->ids.size();
    }
  }
  for (const auto& [list, count] : targets_by_list) {
    for (const ColumnId column : list->ids) {
      for (const PairId pair : columns.pairs(column)) of_columns[pair] += count;
    }
  }
  const auto add = [&](const Postings& postings, PairId pair, uint64_t count) {
    (*by_pair)[base::StrCat(postings.name(pair), "=", postings.value(pair))] += count;
    if (postings.name(pair) == model::kMetricName) {
      (*by_metric)[std::string(postings.value(pair))] += count;
    }
  };
  for (const auto& [pair, count] : of_targets) add(targets.postings(), pair, count);
  for (const auto& [pair, count] : of_columns) add(columns.postings(), pair, count);
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

absl::StatusOr<std::unique_ptr<model::SeriesSet>> StoreImpl::Select(
    const model::SelectRequest& request) const {
  PartReader reader(*database_, damaged_total_.get(),
                    AroundForPresence({request.start_ms, request.end_ms}));
  std::vector<std::string> notes = ReplayWarnings();  // before the view is taken
  auto view = CurrentView();
  if (request.resolution_ms > 0) {
    auto coarse = std::make_shared<View>(*view);
    coarse->passed_over = PassedOver(view->parts, options_.slot_ms, request.resolution_ms);
    view = std::move(coarse);
  }
  BARO_TRY_ASSIGN(auto selection, tsdb::Select(view, *dictionary_, &reader, request));
  for (std::string& note : DownsamplingNotes(*selection, request)) {
    notes.push_back(std::move(note));
  }
  return std::make_unique<StoredSeriesSet>(
      Keep{database_, dictionary_, damaged_total_, quarantine_}, std::move(selection),
      request.start_ms, request.end_ms, std::move(notes));
}

absl::StatusOr<std::vector<std::string>> StoreImpl::LabelNames(
    const model::LabelRequest& request) const {
  std::vector<std::string> names;
  PartReader reader(*database_, damaged_total_.get(),
                    AroundForPresence({request.start_ms, request.end_ms}));
  BARO_TRY(ForEachSelection(CurrentView(), *dictionary_, &reader, request,
                            [&](const Selection& selection) {
                              dictionary_->With([&](const auto& targets, const auto& columns) {
                                AddNames(selection, targets, columns, &names);
                              });
                            }));
  return Finish(std::move(names), request.limit);
}

absl::StatusOr<std::vector<std::string>> StoreImpl::LabelValues(
    const std::string& name, const model::LabelRequest& request) const {
  std::vector<std::string> values;
  PartReader reader(*database_, damaged_total_.get(),
                    AroundForPresence({request.start_ms, request.end_ms}));
  BARO_TRY(ForEachSelection(CurrentView(), *dictionary_, &reader, request,
                            [&](const Selection& selection) {
                              dictionary_->With([&](const auto& targets, const auto& columns) {
                                AddValues(selection, name, targets, columns, &values);
                              });
                            }));
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
  stats.writable = database_->writable();
  return stats;
}

Cardinality StoreImpl::GetCardinality(size_t limit) const {
  // As Prometheus does: of what is active now, that is in the heads.
  auto view = std::make_shared<View>(*CurrentView());
  view->parts.clear();
  const model::SelectRequest everything{model::kTimeMsMin, model::kTimeMsMax, {}, 0};
  Cardinality cardinality;
  PartReader reader(*database_, damaged_total_.get());
  const auto selection = tsdb::Select(view, *dictionary_, &reader, everything);
  if (!selection.ok()) return cardinality;
  absl::flat_hash_map<std::string, uint64_t> by_metric;
  absl::flat_hash_map<std::string, uint64_t> by_pair;
  dictionary_->With([&](const LabelTable& targets, const LabelTable& columns) {
    CountSeries(**selection, targets, columns, &by_metric, &by_pair);
  });
  absl::flat_hash_map<std::string, uint64_t> values_by_label;
  absl::flat_hash_map<std::string, uint64_t> bytes_by_label;
  for (const auto& [pair, count] : by_pair) {
    const size_t cut = pair.find('=');
    const std::string name = pair.substr(0, cut);
    values_by_label[name] += 1;
    bytes_by_label[name] += (pair.size() - cut - 1) * count;
  }
  cardinality.series_by_metric = Largest(by_metric, limit);
  cardinality.values_by_label = Largest(values_by_label, limit);
  cardinality.bytes_by_label = Largest(bytes_by_label, limit);
  cardinality.series_by_label_pair = Largest(by_pair, limit);
  return cardinality;
}

}  // namespace baro::tsdb
