#include "target_rows.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
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
constexpr size_t kReportPlain = 5;
constexpr std::array<ReportSeries, 8> kReport = {{
    {"up", "1 when the last scrape of the target succeeded, 0 when it failed."},
    {"scrape_duration_seconds", "Duration of the scrape."},
    {"scrape_samples_scraped", "Samples that the target exposed."},
    {"scrape_samples_post_metric_relabeling", "Samples left after metric relabelling."},
    {"scrape_series_added", "Series that the scrape before did not have."},
    // With extra_scrape_metrics.
    {"scrape_timeout_seconds", "Configured timeout of the scrape."},
    {"scrape_sample_limit", "Configured sample limit, 0 when there is none."},
    {"scrape_body_size_bytes", "Size of the answer unpacked, -1 when it was too large."},
}};

model::Column ReportColumn(const ReportSeries& series) {
  model::Column column;
  column.labels.Set(model::kMetricName, series.name);
  column.metadata.family = series.name;
  column.metadata.type = model::MetricType::kGauge;
  column.metadata.help = series.help;
  return column;
}

// Of a label of series that were left out: enough to see which one has exploded.
constexpr size_t kLabelValuesCountedMax = 1'000;

void CutHelp(model::Metadata* metadata) {
  for (std::string* text : {&metadata->help, &metadata->unit}) {
    text->resize(CutUtf8(*text, kHelpBytesMax).size());
  }
}

}  // namespace

struct TargetRows::Build {
  std::vector<Stream> streams;
  std::vector<model::Layout> layouts;  // one a stream
  std::vector<uint32_t> slots;
  uint64_t target_hash = 0;
  absl::flat_hash_set<uint64_t> identities;
  std::vector<model::Column> columns;  // of the cache
  size_t dropped_added = 0;
  std::string oversized_warning;  // about the first one
  size_t live = 0;                // that are handed on
  size_t limited = 0;
  std::map<std::string, std::set<std::string>> limited_values;  // by label
};

struct TargetRows::Counts {
  size_t samples = 0;  // that will be handed on
  size_t relabelled = 0;
  size_t duplicates = 0;
  size_t oversized = 0;
  size_t limited = 0;
};

TargetRows::TargetRows(RowSink* sink, const Target* target, ScrapeCounters* counters)

    : sink_(sink),
      target_(*target),
      job_(*target->job),
      counters_(counters),
      mapping_(target_),
      natives_(target_, &mapping_, counters) {}

TargetRows::~TargetRows() {
  for (const Stream& stream : streams_) {
    if (stream.declared) sink_->Release(stream.handle);
  }
}

absl::Status TargetRows::Append(const LayoutCache& cache,
                                std::vector<exposition::NativeSample> natives, bool layout_changed,
                                int64_t time_ms, ScrapeReport* report) {
  columns_dropped_added_ = 0;
  if (!built_ || layout_changed || slots_.size() != cache.column_count() || !FitsTimes(cache)) {
    BARO_TRY(Rebuild(&cache));
  }
  report->series_added -= std::min<uint64_t>(report->series_added, columns_dropped_added_);
  report->samples_scraped += natives.size();
  if (job_.convert_classic_histograms_to_nhcb) {
    ClassicConversion::Gathered gathered = conversion_.Gather(cache);
    if (!job_.always_scrape_classic_histograms) report->samples_scraped -= gathered.parts;
    report->samples_scraped += gathered.histograms.size();
    std::move(gathered.histograms.begin(), gathered.histograms.end(), std::back_inserter(natives));
  }
  if (const absl::Status status = natives_.Plan(std::move(natives), time_ms); !status.ok()) {
    last_failure_ = natives_.last_failure();
    return status;
  }
  report->series_added += natives_.added();
  Counts counts = CountSamples(cache);
  report->samples_post_relabeling =
      counts.samples + counts.duplicates + counts.oversized + counts.limited + natives_.kept();
  BARO_TRY(CheckSampleLimit(cache, &counts));
  oversized_ = counts.oversized;
  counters_->Count(SampleDrop::kRelabelled, counts.relabelled);
  counters_->Count(SampleDrop::kDuplicate, counts.duplicates);
  counters_->Count(SampleDrop::kLabelLength, counts.oversized);
  counters_->Count(SampleDrop::kSampleLimit, counts.limited);
  std::vector<SeriesExtras> extras = natives_.Commit(time_ms);
  counters_->samples += extras.size();
  std::vector<SeriesExtras> exemplars = TakeExemplars(cache, time_ms);
  std::move(exemplars.begin(), exemplars.end(), std::back_inserter(extras));
  PutExtras(std::move(extras));
  PutReport(*report);
  for (Stream& stream : streams_) AppendStream(cache, time_ms, &stream);
  return absl::OkStatus();
}

// In the mode truncate the columns that came last are left out; those that were there before stay.
absl::Status TargetRows::CheckSampleLimit(const LayoutCache& cache, Counts* counts) {
  const uint64_t limit = job_.sample_limit;
  if (limit == 0) return absl::OkStatus();
  const size_t samples = counts->samples + natives_.kept();
  if (job_.sample_limit_mode == LimitMode::kTruncate && natives_.kept() < limit) {
    // Too many, or room for some that were left out.
    if (samples > limit || (samples < limit && counts->limited > 0)) {
      BARO_TRY(Rebuild(&cache));
      *counts = CountSamples(cache);
    }
    return absl::OkStatus();
  }
  if (samples <= limit) return absl::OkStatus();
  last_failure_ = ScrapeFailure::kSampleLimit;
  return absl::ResourceExhaustedError(
      base::StrCat("cannot take ", samples, " samples: sample_limit is ", limit));
}

// Exemplars stay in a body until there are newer ones: each is told once.
std::vector<SeriesExtras> TargetRows::TakeExemplars(const LayoutCache& cache, int64_t time_ms) {
  std::vector<SeriesExtras> extras;
  for (const exposition::ColumnExemplar& found : cache.exemplars()) {
    const uint32_t column = found.column;
    if (column >= slots_.size() || slots_[column] >= kNoStream) continue;
    auto [it, is_new] = exemplars_.try_emplace(column);
    ToldExemplar& told = it->second;
    if (!is_new && told.last == found.exemplar) continue;
    if (is_new) {
      std::vector<model::Column> columns = cache.Columns(column, 1);
      auto mapped = mapping_.Map(std::move(columns.front().labels));
      if (!mapped.ok() || mapped->dropped) {
        exemplars_.erase(it);
        continue;
      }
      told.series = mapped->All(target_.labels);
      told.metadata = std::move(columns.front().metadata);
      CutHelp(&told.metadata);
    }
    told.last = found.exemplar;
    const int64_t own_ms = TimeOf(cache, column);
    const int64_t at_ms = own_ms == kNoTime ? time_ms : own_ms;
    SeriesExtras& extra = extras.emplace_back();
    extra.labels = told.series;
    extra.metadata = told.metadata;
    extra.exemplars.push_back(
        {found.exemplar.labels, found.exemplar.time_ms.value_or(at_ms), found.exemplar.value});
  }
  return extras;
}

void TargetRows::PutExtras(std::vector<SeriesExtras> extras) {
  if (extras.empty()) return;
  const size_t count = extras.size();
  if (!sink_->AppendExtras(std::move(extras)).ok()) counters_->Count(SampleDrop::kExtras, count);
}

absl::Status TargetRows::AppendFailure(int64_t time_ms, const ScrapeReport& report) {
  oversized_ = 0;
  PutExtras(natives_.EndAll(time_ms));
  if (streams_.empty() || !streams_.front().declared) BARO_TRY(Rebuild(nullptr));
  PutReport(report);
  return PutStale(time_ms);
}

void TargetRows::AppendGone(int64_t time_ms) {
  PutExtras(natives_.EndAll(time_ms));
  if (streams_.empty()) return;
  row_.assign(report_size(), model::kStaleNan);
  PutStale(time_ms).IgnoreError();  // counted; there is nobody left to tell
}

size_t TargetRows::report_size() const {
  return job_.extra_scrape_metrics ? kReport.size() : kReportPlain;
}

void TargetRows::PutReport(const ScrapeReport& report) {
  row_.clear();
  row_.push_back(report.up ? 1 : 0);
  row_.push_back(report.duration_seconds);
  row_.push_back(static_cast<double>(report.samples_scraped));
  row_.push_back(static_cast<double>(report.samples_post_relabeling));
  row_.push_back(static_cast<double>(report.series_added));
  if (!job_.extra_scrape_metrics) return;
  row_.push_back(static_cast<double>(target_.timeout.count()) / 1000);
  row_.push_back(static_cast<double>(job_.sample_limit));
  row_.push_back(report.body_too_large ? -1 : static_cast<double>(report.body_bytes));
}

// Expects the report's values in row_. Streams with times of their own get no stale markers, as in
// Prometheus: nobody knows when they would have been due.
absl::Status TargetRows::PutStale(int64_t time_ms) {
  absl::Status status;
  for (Stream& stream : streams_) {
    const bool main = &stream == &streams_.front();
    if (!TellsEnd(stream) || (stream.stale && !main)) continue;
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

TargetRows::Counts TargetRows::CountSamples(const LayoutCache& cache) const {
  Counts counts;
  const auto values = cache.values();
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (model::IsStaleNan(values[i])) continue;
    switch (slots_[i]) {
      case kDropped:
        ++counts.relabelled;
        break;
      case kDuplicate:
        ++counts.duplicates;
        break;
      case kOversized:
        ++counts.oversized;
        break;
      case kLimited:
        ++counts.limited;
        break;
      case kConverted:
        break;
      default:
        ++counts.samples;
    }
  }
  return counts;
}

// Expects the report's values in row_ for the first stream.
void TargetRows::AppendStream(const LayoutCache& cache, int64_t time_ms, Stream* stream) {
  const bool main = stream == &streams_.front();
  const auto values = cache.values();
  if (!main) row_.clear();
  size_t samples = main ? report_size() : 0;
  row_.reserve(samples + stream->columns.size());
  for (const uint32_t column : stream->columns) {
    const double value = values[column];
    row_.push_back(value);
    samples += model::IsStaleNan(value) ? 0 : 1;
  }
  const bool stale = samples == 0;
  if (stale && (stream->stale || !TellsEnd(*stream))) return;
  if (stream->time_key != kNoTime && !stale) {
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

uint32_t TargetRows::FindStream(const MappedSeries& mapped, uint32_t column, int64_t time_ms,
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
  const bool converted = !job_.always_scrape_classic_histograms &&
                         job_.convert_classic_histograms_to_nhcb && conversion_.IsPart(column);
  if (converted) {
    slot = kConverted;
    if (column >= slots_.size()) ++build->dropped_added;
    return absl::OkStatus();
  }
  auto mapped_or = mapping_.Map(std::move(build->columns[column].labels));
  if (!mapped_or.ok()) {
    last_failure_ = mapping_.last_failure();
    return mapped_or.status();
  }
  MappedSeries mapped = *std::move(mapped_or);
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
  if (dead && had_time && !job_.track_timestamps_staleness) {
    slot = kUnassigned;
    return absl::OkStatus();
  }
  const uint64_t target_hash = mapped.whole ? build->target_hash : mapped.target.Hash();
  if (!build->identities.insert(target_hash + mapped.column.Hash()).second) {
    slot = kDuplicate;
    return absl::OkStatus();
  }
  if (!dead && job_.sample_limit_mode == LimitMode::kTruncate && job_.sample_limit > 0 &&
      build->live >= job_.sample_limit) {
    slot = kLimited;
    ++build->limited;
    for (const auto& [name, value] : mapped.column) {
      std::set<std::string>& values = build->limited_values[name];
      if (values.size() < kLabelValuesCountedMax) values.insert(value);
    }
    return absl::OkStatus();
  }
  build->live += dead ? 0 : 1;
  slot = FindStream(mapped, column, time_ms, build);
  build->streams[slot].columns.push_back(column);
  model::Column declared;
  declared.labels = std::move(mapped.column);
  declared.metadata = std::move(build->columns[column].metadata);
  CutHelp(&declared.metadata);
  build->layouts[slot].columns.push_back(std::move(declared));
  return absl::OkStatus();
}

std::string TargetRows::LimitWarning(const Build& build) const {
  if (build.limited == 0) return "";
  const auto most = std::max_element(
      build.limited_values.begin(), build.limited_values.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  return base::StrCat("sample_limit ", job_.sample_limit, " reached: ", build.limited,
                      " series left out; among them label \"", most->first, "\" has ",
                      most->second.size(),
                      most->second.size() == kLabelValuesCountedMax ? " or more" : "", " values");
}

// Assigns every column to a stream and declares what has changed. Nothing changes on an error.
absl::Status TargetRows::Rebuild(const LayoutCache* cache) {
  if (!built_) slots_.clear();
  Build build;
  build.streams.emplace_back();
  build.streams.front().target = target_.labels;
  build.layouts.emplace_back();
  build.target_hash = target_.labels.Hash();
  build.live = natives_.kept();
  for (const ReportSeries& series : std::span(kReport).first(report_size())) {
    build.layouts.front().columns.push_back(ReportColumn(series));
    build.identities.insert(build.target_hash + build.layouts.front().columns.back().labels.Hash());
  }
  if (cache != nullptr) {
    build.columns = cache->Columns();
    if (job_.convert_classic_histograms_to_nhcb) conversion_.Build(build.columns);
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
  limited_ = build.limited;
  limited_warning_ = LimitWarning(build);
  exemplars_.clear();
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
