#include "histogram_assembly.h"

#include <algorithm>

#include "baro/model/sample.h"

namespace baro::tsdb {
namespace {

// Form, count and sum.
constexpr int kAlwaysThere = 3;

void Clear(model::Histogram* histogram) {
  histogram->zero_threshold = 0;
  histogram->zero_count = 0;
  histogram->positive.clear();
  histogram->negative.clear();
  histogram->custom_bounds.clear();
}

}  // namespace

void HistogramAssembly::Start(size_t count) {
  while (entries_.size() < count) entries_.push_back(std::make_unique<Entry>());
  for (size_t i = 0; i < count; ++i) {
    Clear(&entries_[i]->histogram);
    entries_[i]->found = 0;
  }
}

void HistogramAssembly::Add(ComponentCode code, std::span<const Mark> marks,
                            std::span<const ComponentRun> runs) {
  found_.assign(marks.size(), {0, model::kNoSample});
  for (const ComponentRun& run : runs) {
    auto time = run.times_ms.begin();
    for (size_t i = 0; i < marks.size() && time != run.times_ms.end(); ++i) {
      if (*time < marks[i].time_ms) {
        time = std::lower_bound(time + 1, run.times_ms.end(), marks[i].time_ms);
      }
      if (time == run.times_ms.end() || *time != marks[i].time_ms) continue;
      const double value = run.values[time - run.times_ms.begin()];
      const bool counts = model::IsNoSample(found_[i].value) || run.priority > found_[i].priority;
      if (counts && !model::IsNoSample(value)) found_[i] = {run.priority, value};
    }
  }
  for (size_t i = 0; i < marks.size(); ++i) {
    if (!model::IsNoSample(found_[i].value)) {
      Put(code, found_[i].value, entries_[marks[i].histogram].get());
    }
  }
}

void HistogramAssembly::Put(ComponentCode code, double value, Entry* entry) {
  model::Histogram& histogram = entry->histogram;
  switch (code.kind) {
    case ComponentKind::kForm:
      entry->found += DecodeForm(value, &entry->form) ? 1 : 0;
      return;
    case ComponentKind::kCount:
      ++entry->found;
      histogram.count = value;
      return;
    case ComponentKind::kSum:
      ++entry->found;
      histogram.sum = value;
      return;
    case ComponentKind::kZeroThreshold:
      histogram.zero_threshold = value;
      return;
    case ComponentKind::kZeroCount:
      histogram.zero_count = value;
      return;
    case ComponentKind::kPositive:
      if (value != 0) histogram.positive.push_back({code.bucket, value});
      return;
    case ComponentKind::kNegative:
      if (value != 0) histogram.negative.push_back({code.bucket, value});
      return;
  }
}

const model::Histogram* HistogramAssembly::Finish(size_t number) {
  Entry& entry = *entries_[number];
  if (entry.found != kAlwaysThere) return nullptr;
  entry.histogram.schema = entry.form.schema;
  entry.histogram.reset_hint = entry.form.reset_hint;
  entry.histogram.float_counts = entry.form.float_counts;
  if (entry.histogram.has_custom_bounds()) {
    const std::vector<double>* bounds = dictionary_->FindBounds(entry.form.bounds);
    if (bounds == nullptr) return nullptr;
    entry.histogram.custom_bounds = *bounds;
  }
  return &entry.histogram;
}

}  // namespace baro::tsdb
