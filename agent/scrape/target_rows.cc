#include "target_rows.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/sample.h"

namespace baro::agent {
namespace {

using exposition::kNoTime;
using exposition::LayoutCache;

struct ReportSeries {
  std::string_view name;
  std::string_view help;
};
constexpr std::array<ReportSeries, 5> kReport = {{
    {"up", "1 when the last scrape of the target succeeded, 0 when it failed."},
    {"scrape_duration_seconds", "Duration of the scrape."},
    {"scrape_samples_scraped", "Samples that the target exposed."},
    {"scrape_samples_post_metric_relabeling", "Samples left after metric relabelling."},
    {"scrape_series_added", "Series that the scrape before did not have."},
}};

model::Column ReportColumn(const ReportSeries& series) {
  model::Column column;
  column.labels.Set(model::kMetricName, series.name);
  column.metadata.family = series.name;
  column.metadata.type = model::MetricType::kGauge;
  column.metadata.help = series.help;
  return column;
}

// The first `bytes_max` bytes at most, and no torn character at the end.
std::string_view CutUtf8(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  while (bytes_max > 0 && continues(text[bytes_max])) --bytes_max;
  return text.substr(0, bytes_max);
}

void CutHelp(model::Metadata* metadata) {
  for (std::string* text : {&metadata->help, &metadata->unit}) {
    text->resize(CutUtf8(*text, kHelpBytesMax).size());
  }
}

// What of the labels no collector would take; empty when all is well.
std::string Oversize(const model::Labels& labels) {
  if (labels.size() > kLabelsMax) {
    return base::StrCat(labels.size(), " labels are more than ", kLabelsMax);
  }
  for (const auto& [name, value] : labels) {
    if (name.size() > kLabelBytesMax) {
      return base::StrCat("a label name of ", name.size(), " bytes is longer than ",
                          kLabelBytesMax);
    }
    if (value.size() > kLabelBytesMax) {
      return base::StrCat("the value of label \"", CutUtf8(name, 100), "\" has ", value.size(),
                          " bytes, more than ", kLabelBytesMax);
    }
  }
  return {};
}

// As Prometheus words it: which limit, how far, and by which series.
absl::Status LabelLimit(std::string_view limit, std::string_view what, size_t size, uint64_t max,
                        const model::Labels& labels) {
  return absl::ResourceExhaustedError(base::StrCat("cannot take series ",
                                                   CutUtf8(labels.ToString(), 200), ": ", what, " ",
                                                   size, " exceeds ", limit, " ", max));
}

}  // namespace

// One series after honor_labels and metric relabelling.
struct TargetRows::Mapped {
  bool dropped = false;
  bool whole = true;     // it has all of the target's labels
  model::Labels target;  // else those that it has
  model::Labels column;
};

struct TargetRows::Build {
  std::vector<Stream> streams;
  std::vector<model::Layout> layouts;  // one a stream
  std::vector<uint32_t> slots;
  uint64_t target_hash = 0;
  absl::flat_hash_set<uint64_t> identities;
  std::vector<model::Column> columns;  // of the cache
  size_t dropped_added = 0;
  std::string oversized_warning;  // about the first one
};

TargetRows::TargetRows(RowSink* sink, const Target* target, ScrapeCounters* counters)
    : sink_(sink), target_(*target), job_(*target->job), counters_(counters) {}

TargetRows::~TargetRows() {
  for (const Stream& stream : streams_) {
    if (stream.declared) sink_->Release(stream.handle);
  }
}

absl::Status TargetRows::Append(const LayoutCache& cache, bool layout_changed, int64_t time_ms,
                                ScrapeReport* report) {
  columns_dropped_added_ = 0;
  if (!built_ || layout_changed || slots_.size() != cache.column_count() || !FitsTimes(cache)) {
    BARO_TRY(Rebuild(&cache));
  }
  report->series_added -= std::min<uint64_t>(report->series_added, columns_dropped_added_);
  size_t relabelled = 0;
  size_t duplicates = 0;
  const size_t samples = CountSamples(cache, &relabelled, &duplicates, &oversized_);
  report->samples_post_relabeling = samples + duplicates + oversized_;
  if (job_.sample_limit > 0 && samples > job_.sample_limit) {
    last_failure_ = ScrapeFailure::kSampleLimit;
    return absl::ResourceExhaustedError(
        base::StrCat("cannot take ", samples, " samples: sample_limit is ", job_.sample_limit));
  }
  counters_->Count(SampleDrop::kRelabelled, relabelled);
  counters_->Count(SampleDrop::kDuplicate, duplicates);
  counters_->Count(SampleDrop::kLabelLength, oversized_);
  PutReport(*report);
  for (Stream& stream : streams_) AppendStream(cache, time_ms, &stream);
  return absl::OkStatus();
}

absl::Status TargetRows::AppendFailure(int64_t time_ms, const ScrapeReport& report) {
  oversized_ = 0;
  if (streams_.empty() || !streams_.front().declared) BARO_TRY(Rebuild(nullptr));
  PutReport(report);
  return PutStale(time_ms);
}

void TargetRows::AppendGone(int64_t time_ms) {
  if (streams_.empty()) return;
  row_.assign(kReport.size(), model::kStaleNan);
  PutStale(time_ms).IgnoreError();  // counted; there is nobody left to tell
}

void TargetRows::PutReport(const ScrapeReport& report) {
  row_.clear();
  row_.push_back(report.up ? 1 : 0);
  row_.push_back(report.duration_seconds);
  row_.push_back(static_cast<double>(report.samples_scraped));
  row_.push_back(static_cast<double>(report.samples_post_relabeling));
  row_.push_back(static_cast<double>(report.series_added));
}

// Expects the report's values in row_. Streams with times of their own get no stale markers, as in
// Prometheus: nobody knows when they would have been due.
absl::Status TargetRows::PutStale(int64_t time_ms) {
  absl::Status status;
  for (Stream& stream : streams_) {
    const bool main = &stream == &streams_.front();
    if (stream.time_key != kNoTime || (stream.stale && !main)) continue;
    if (!main) row_.clear();
    row_.resize(row_.size() + stream.columns.size(), model::kStaleNan);
    stream.stale = true;
    status.Update(Put(time_ms, &stream));
  }
  return status;
}

int64_t TargetRows::TimeOf(const LayoutCache& cache, uint32_t column) const {
  return cache.times_ms().empty() || !job_.honor_timestamps ? kNoTime : cache.times_ms()[column];
}

// Whether every sample has a time that its stream allows.
bool TargetRows::FitsTimes(const LayoutCache& cache) const {
  if (cache.times_ms().empty() || !job_.honor_timestamps) return true;
  const auto values = cache.values();
  for (const Stream& stream : streams_) {
    int64_t common = kNoTime;
    size_t present = 0;
    for (const uint32_t column : stream.columns) {
      if (model::IsStaleNan(values[column])) continue;
      const int64_t time_ms = cache.times_ms()[column];
      if ((time_ms == kNoTime) != (stream.time_key == kNoTime)) return false;
      if (present > 0 && time_ms != common) return false;
      common = time_ms;
      ++present;
    }
    if (stream.time_key != kNoTime && present > 0 && present < stream.columns.size()) return false;
  }
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] == kUnassigned && !model::IsStaleNan(values[i])) return false;
  }
  return true;
}

// Samples that will be handed on.
size_t TargetRows::CountSamples(const LayoutCache& cache, size_t* relabelled, size_t* duplicates,
                                size_t* oversized) const {
  const auto values = cache.values();
  size_t samples = 0;
  *oversized = 0;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (model::IsStaleNan(values[i])) continue;
    if (slots_[i] == kDropped) {
      ++*relabelled;
    } else if (slots_[i] == kDuplicate) {
      ++*duplicates;
    } else if (slots_[i] == kOversized) {
      ++*oversized;
    } else {
      ++samples;
    }
  }
  return samples;
}

// Expects the report's values in row_ for the first stream.
void TargetRows::AppendStream(const LayoutCache& cache, int64_t time_ms, Stream* stream) {
  const bool main = stream == &streams_.front();
  const auto values = cache.values();
  if (!main) row_.clear();
  size_t samples = main ? kReport.size() : 0;
  row_.reserve(samples + stream->columns.size());
  for (const uint32_t column : stream->columns) {
    const double value = values[column];
    row_.push_back(value);
    samples += model::IsStaleNan(value) ? 0 : 1;
  }
  const bool stale = samples == 0;
  if (stale && (stream->stale || stream->time_key != kNoTime)) return;
  if (stream->time_key != kNoTime) {
    time_ms = TimeOf(cache, stream->columns.front());
    if (time_ms == stream->last_time_ms) return;  // told already
    if (time_ms < stream->last_time_ms) {
      counters_->Count(SampleDrop::kOutOfOrder, samples);
      return;
    }
  }
  stream->stale = stale;
  if (Put(time_ms, stream).ok()) counters_->samples += samples;
}

absl::Status TargetRows::Put(int64_t time_ms, Stream* stream) {
  absl::Status status = sink_->Append(stream->handle, time_ms, row_);
  if (status.ok()) {
    stream->last_time_ms = time_ms;
    return status;
  }
  counters_->Count(SampleDrop::kSinkRefused, row_.size());
  // The sink has forgotten the target: declare it again next time.
  if (status.code() == absl::StatusCode::kNotFound) {
    stream->declared = false;
    stream->hash = {};
    built_ = false;
  }
  return status;
}

// Scraped labels whose names the target has as well become exported_<name>.
void TargetRows::RenameConflicts(model::Labels* scraped) const {
  for (const model::Label& label : target_.labels) {
    if (!scraped->Has(label.name)) continue;
    const std::string value(scraped->Get(label.name));
    scraped->Remove(label.name);
    std::string name = "exported_" + label.name;
    while (scraped->Has(name) || target_.labels.Has(name)) name = "exported_" + name;
    scraped->Set(name, value);
  }
}

absl::Status TargetRows::CheckLabels(const model::Labels& labels) const {
  last_failure_ = ScrapeFailure::kLabelLimit;
  if (labels.Get(model::kMetricName).empty()) {
    last_failure_ = ScrapeFailure::kParse;
    return absl::InvalidArgumentError(base::StrCat("cannot take series ", labels.ToString(),
                                                   ": metric relabelling left it without a name"));
  }
  if (job_.label_limit > 0 && labels.size() > job_.label_limit) {
    return LabelLimit("label_limit", "number of labels", labels.size(), job_.label_limit, labels);
  }
  const uint64_t name_max = job_.label_name_length_limit;
  const uint64_t value_max = job_.label_value_length_limit;
  if (name_max == 0 && value_max == 0) return absl::OkStatus();
  for (const auto& [name, value] : labels) {
    if (name_max > 0 && name.size() > name_max) {
      return LabelLimit("label_name_length_limit", "length of a label name", name.size(), name_max,
                        labels);
    }
    if (value_max > 0 && value.size() > value_max) {
      return LabelLimit("label_value_length_limit", "length of a label value", value.size(),
                        value_max, labels);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TargetRows::Mapped> TargetRows::MapSeries(model::Labels scraped) const {
  Mapped mapped;
  const bool limited =
      job_.label_limit > 0 || job_.label_name_length_limit > 0 || job_.label_value_length_limit > 0;
  const bool conflicts =
      std::any_of(target_.labels.begin(), target_.labels.end(),
                  [&](const model::Label& label) { return scraped.Has(label.name); });
  if (job_.metric_relabel_configs.empty() && !limited && !conflicts) {
    mapped.column = std::move(scraped);
    return mapped;
  }
  if (!job_.honor_labels) RenameConflicts(&scraped);
  model::Labels all = model::LabelsRef{&target_.labels, &scraped}.Merge();
  if (!Relabel(job_.metric_relabel_configs, &all)) {
    mapped.dropped = true;
    return mapped;
  }
  BARO_TRY(CheckLabels(all));
  std::vector<model::Label> target;
  std::vector<model::Label> column;
  for (const model::Label& label : all) {
    const bool of_target = target_.labels.Get(label.name) == label.value;
    (of_target ? target : column).push_back(label);
  }
  mapped.whole = target.size() == target_.labels.size();
  mapped.target = model::Labels::FromUnsorted(std::move(target));
  mapped.column = model::Labels::FromUnsorted(std::move(column));
  return mapped;
}

uint32_t TargetRows::FindStream(const Mapped& mapped, uint32_t column, int64_t time_ms,
                                Build* build) const {
  const model::Labels& target = mapped.whole ? target_.labels : mapped.target;
  const uint32_t old =
      column < slots_.size() && slots_[column] < kNoStream ? slots_[column] : kNoStream;
  const uint32_t from = time_ms == kNoTime ? kNoStream : old;
  for (uint32_t i = 0; i < build->streams.size(); ++i) {
    const Stream& stream = build->streams[i];
    if (stream.time_key == time_ms && stream.split_from == from && stream.target == target) {
      return i;
    }
  }
  Stream stream;
  stream.target = target;
  stream.time_key = time_ms;
  stream.split_from = from;
  if (old != kNoStream) stream.last_time_ms = streams_[old].last_time_ms;
  build->streams.push_back(std::move(stream));
  build->layouts.emplace_back();
  return static_cast<uint32_t>(build->streams.size() - 1);
}

absl::Status TargetRows::AssignColumn(uint32_t column, const LayoutCache& cache, Build* build) {
  uint32_t& slot = build->slots[column];
  BARO_TRY_ASSIGN(Mapped mapped, MapSeries(std::move(build->columns[column].labels)));
  if (mapped.dropped) {
    slot = kDropped;
    if (column >= slots_.size()) ++build->dropped_added;
    return absl::OkStatus();
  }
  if (std::string oversize = Oversize(mapped.column); !oversize.empty()) {
    slot = kOversized;
    if (build->oversized_warning.empty()) {
      const std::string series = mapped.column.ToString();
      build->oversized_warning = base::StrCat("series left out: ", CutUtf8(series, 200),
                                              series.size() > 200 ? "…" : "", ": ", oversize);
    }
    return absl::OkStatus();
  }
  const int64_t time_ms = TimeOf(cache, column);
  const bool dead = model::IsStaleNan(cache.values()[column]);
  // A dead series of a stream with its own times would make every row of it a stale marker.
  const bool had_time = column < slots_.size() && slots_[column] < streams_.size() &&
                        streams_[slots_[column]].time_key != kNoTime;
  if (dead && had_time) {
    slot = kUnassigned;
    return absl::OkStatus();
  }
  const uint64_t target_hash = mapped.whole ? build->target_hash : mapped.target.Hash();
  if (!build->identities.insert(target_hash + mapped.column.Hash()).second) {
    slot = kDuplicate;
    return absl::OkStatus();
  }
  slot = FindStream(mapped, column, time_ms, build);
  build->streams[slot].columns.push_back(column);
  model::Column declared;
  declared.labels = std::move(mapped.column);
  declared.metadata = std::move(build->columns[column].metadata);
  CutHelp(&declared.metadata);
  build->layouts[slot].columns.push_back(std::move(declared));
  return absl::OkStatus();
}

// Assigns every column to a stream and declares what has changed. Nothing changes on an error.
absl::Status TargetRows::Rebuild(const LayoutCache* cache) {
  if (!built_) slots_.clear();
  Build build;
  build.streams.emplace_back();
  build.streams.front().target = target_.labels;
  build.layouts.emplace_back();
  build.target_hash = target_.labels.Hash();
  for (const ReportSeries& series : kReport) {
    build.layouts.front().columns.push_back(ReportColumn(series));
    build.identities.insert(build.target_hash + build.layouts.front().columns.back().labels.Hash());
  }
  if (cache != nullptr) {
    build.columns = cache->Columns();
    build.slots.assign(build.columns.size(), kUnassigned);
    for (uint32_t i = 0; i < build.columns.size(); ++i) BARO_TRY(AssignColumn(i, *cache, &build));
  }
  BARO_TRY(Declare(&build));
  for (const Stream& stream : streams_) {
    if (stream.declared) sink_->Release(stream.handle);
  }
  streams_ = std::move(build.streams);
  slots_ = std::move(build.slots);
  slots_.shrink_to_fit();
  columns_dropped_added_ = build.dropped_added;
  oversized_warning_ = std::move(build.oversized_warning);
  built_ = cache != nullptr;
  ++layout_changes_;
  return absl::OkStatus();
}

// Gives each stream of the build a handle: an old stream's when it is the same, else a new one.
absl::Status TargetRows::Declare(Build* build) {
  std::vector<TargetHandle> declared;
  for (size_t i = 0; i < build->streams.size(); ++i) {
    Stream& stream = build->streams[i];
    stream.hash = build->layouts[i].Hash();
    const auto same = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& old) {
      return old.declared && old.hash == stream.hash && old.target == stream.target;
    });
    if (same != streams_.end()) {
      // Stays the old one's until the whole build is good.
      stream.handle = same->handle;
      stream.last_time_ms = same->last_time_ms;
      continue;
    }
    const auto handle = sink_->Declare(stream.target, build->layouts[i]);
    if (!handle.ok()) {
      last_failure_ = ScrapeFailure::kSink;
      for (const TargetHandle made : declared) sink_->Release(made);
      return handle.status();
    }
    stream.handle = *handle;
    declared.push_back(*handle);
  }
  for (Stream& stream : build->streams) stream.declared = true;
  for (Stream& old : streams_) {
    old.declared = old.declared &&
                   std::none_of(build->streams.begin(), build->streams.end(),
                                [&](const Stream& stream) { return stream.handle == old.handle; });
  }
  return absl::OkStatus();
}

}  // namespace baro::agent
