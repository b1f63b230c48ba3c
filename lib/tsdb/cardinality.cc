// Where the series come from: counts by metric, label, target, job and namespace.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "baro/base/strings.h"
#include "selection.h"
#include "store_impl.h"

namespace baro::tsdb {
namespace {

using Counts = absl::flat_hash_map<std::string, uint64_t>;

// When something was there, as far as parts and heads say.
struct Span {
  int64_t first_ms = INT64_MAX;
  int64_t last_ms = INT64_MIN;

  void Widen(const Span& other) {
    first_ms = std::min(first_ms, other.first_ms);
    last_ms = std::max(last_ms, other.last_ms);
  }
  bool empty() const { return first_ms > last_ms; }
};

struct Spans {
  absl::flat_hash_map<TargetId, Span> targets;
  absl::flat_hash_map<LayoutId, Span> layouts;
};

// Parts with the same targets are one list with one span.
Spans SpansOf(const View& view) {
  absl::flat_hash_map<const TargetLayouts*, Span> lists;
  for (const auto& part : view.parts) {
    lists[part->targets.get()].Widen({part->time_ms_min, part->time_ms_max});
  }
  Spans spans;
  for (const auto& [list, span] : lists) {
    for (const TargetLayout& one : *list) {
      spans.targets[one.target].Widen(span);
      spans.layouts[one.layout].Widen(span);
    }
  }
  return spans;
}

std::vector<Cardinality::Entry> Largest(const Counts& counts, size_t limit) {
  std::vector<Cardinality::Entry> entries;
  for (const auto& [name, value] : counts) entries.push_back({name, value});
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.value != b.value ? a.value > b.value : a.name < b.name;
  });
  if (entries.size() > limit) entries.resize(limit);
  return entries;
}

// Counts of one selection, by label. Targets that share their columns are counted together.
class SeriesCount {
 public:
  SeriesCount(const Selection& selection, const LabelTable& targets, const LabelTable& columns)
      : targets_(targets), columns_(columns) {
    for (const SelectedTarget& target : selection.targets) {
      const uint64_t series = target.columns->ids.size();
      ++targets_by_list_[target.columns.get()];
      by_target_.emplace_back(series, target.id);
      for (const PairId pair : targets.pairs(target.id)) of_targets_[pair] += series;
    }
    for (const auto& [list, count] : targets_by_list_) {
      for (const ColumnId column : list->ids) {
        for (const PairId pair : columns.pairs(column)) of_columns_[pair] += count;
      }
    }
  }

  Counts By(std::string_view name) const {
    Counts counts;
    ForEach([&](std::string_view label, std::string_view value, uint64_t count) {
      if (label == name) counts[std::string(value)] += count;
    });
    return counts;
  }
  // Calls visit(name, value, series); a label that both halves carry comes twice.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [pair, count] : of_targets_) {
      visit(targets_.postings().name(pair), targets_.postings().value(pair), count);
    }
    for (const auto& [pair, count] : of_columns_) {
      visit(columns_.postings().name(pair), columns_.postings().value(pair), count);
    }
  }

  std::vector<Cardinality::Seen> LargestTargets(const Spans& spans, const Span& heads,
                                                size_t limit) {
    limit = std::min(limit, by_target_.size());
    std::partial_sort(by_target_.begin(), by_target_.begin() + static_cast<ptrdiff_t>(limit),
                      by_target_.end(), std::greater<>());
    std::vector<Cardinality::Seen> seen;
    for (size_t i = 0; i < limit; ++i) {
      const auto [series, target] = by_target_[i];
      Span span = heads;
      const auto it = spans.targets.find(target);
      if (it != spans.targets.end()) span.Widen(it->second);
      seen.push_back(
          {targets_.Materialise(target).ToString(), series, span.first_ms, span.last_ms, 0});
    }
    return seen;
  }

 private:
  const LabelTable& targets_;
  const LabelTable& columns_;
  absl::flat_hash_map<const ColumnList*, uint64_t> targets_by_list_;
  absl::flat_hash_map<PairId, uint64_t> of_targets_;
  absl::flat_hash_map<PairId, uint64_t> of_columns_;
  std::vector<std::pair<uint64_t, TargetId>> by_target_;
};

// By metric, from the layouts of parts.
absl::flat_hash_map<std::string, Span> SpansOfMetrics(const Spans& spans,
                                                      const Dictionary& dictionary) {
  absl::flat_hash_map<ColumnId, Span> of_columns;
  for (const auto& [id, span] : spans.layouts) {
    const StoredLayout* layout = dictionary.FindLayout(id);
    if (layout == nullptr) continue;
    for (const ColumnId column : layout->columns) of_columns[column].Widen(span);
  }
  absl::flat_hash_map<std::string, Span> metrics;
  dictionary.With([&](const LabelTable&, const LabelTable& columns) {
    for (const auto& [column, span] : of_columns) {
      if (!columns.Has(column)) continue;
      metrics[std::string(columns.Get(column, model::kMetricName))].Widen(span);
    }
  });
  return metrics;
}

void CountLabels(const SeriesCount& count, size_t limit, Cardinality* cardinality) {
  Counts pairs;
  count.ForEach([&](std::string_view name, std::string_view value, uint64_t series) {
    pairs[base::StrCat(name, "=", value)] += series;
  });
  Counts values_by_label;
  Counts bytes_by_label;
  for (const auto& [pair, series] : pairs) {
    const size_t cut = pair.find('=');
    const std::string name = pair.substr(0, cut);
    values_by_label[name] += 1;
    bytes_by_label[name] += (pair.size() - cut - 1) * series;
  }
  cardinality->values_by_label = Largest(values_by_label, limit);
  cardinality->bytes_by_label = Largest(bytes_by_label, limit);
  cardinality->series_by_label_pair = Largest(pairs, limit);
}

}  // namespace

Cardinality StoreImpl::GetCardinality(size_t limit) const {
  // As Prometheus does: of what is active now, that is in the heads.
  const auto view = CurrentView();
  auto heads_only = std::make_shared<View>(*view);
  heads_only->parts.clear();
  Cardinality cardinality;
  PartReader reader(*database_, damaged_total_.get());
  const model::SelectRequest everything{model::kTimeMsMin, model::kTimeMsMax, {}, 0};
  const auto selection = tsdb::Select(heads_only, *dictionary_, &reader, everything);
  if (!selection.ok()) return cardinality;
  Span heads;
  for (const auto& head : view->heads) {
    if (!head->empty()) heads.Widen({head->time_ms_min(), head->time_ms_max()});
  }
  const Spans spans = SpansOf(*view);
  dictionary_->With([&](const LabelTable& targets, const LabelTable& columns) {
    SeriesCount count(**selection, targets, columns);
    cardinality.series_by_metric = Largest(count.By(model::kMetricName), limit);
    cardinality.series_by_job = Largest(count.By("job"), limit);
    cardinality.series_by_namespace = Largest(count.By("namespace"), limit);
    cardinality.targets = count.LargestTargets(spans, heads, limit);
    CountLabels(count, limit, &cardinality);
  });
  const auto metrics = SpansOfMetrics(spans, *dictionary_);
  for (const Cardinality::Entry& entry : cardinality.series_by_metric) {
    Span span = heads;
    const auto it = metrics.find(entry.name);
    if (it != metrics.end()) span.Widen(it->second);
    cardinality.metrics.push_back(
        {entry.name, entry.value, span.first_ms, span.last_ms, reads_.LastReadMs(entry.name)});
  }
  return cardinality;
}

}  // namespace baro::tsdb
