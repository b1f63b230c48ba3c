#include "event_counter.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_join.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "latency.h"

namespace baro::slo {
namespace {

// How often what is kept of series that are gone is thrown away.
constexpr int64_t kSweepMs = 10 * kMinuteMs;

// How often it is looked which buckets a histogram has.
constexpr int64_t kResolvedMs = 10 * kMinuteMs;

bool Holds(Compare compare, double value, double bound) {
  switch (compare) {
    case Compare::kLess:
      return value < bound;
    case Compare::kLessEqual:
      return value <= bound;
    case Compare::kGreater:
      return value > bound;
    case Compare::kGreaterEqual:
      return value >= bound;
    case Compare::kEqual:
      return value == bound;
    case Compare::kNotEqual:
      return value != bound;
  }
  return false;
}

bool IsCounter(TermKind kind) {
  return kind == TermKind::kIncrease || kind == TermKind::kHistogram;
}

// What of a gauge's sample is an event.
Counts EventOf(const TermSpec& term, double value) {
  switch (term.kind) {
    case TermKind::kSampleCount:
      return {term.to_total, term.to_bad};
    case TermKind::kSampleSum:
      return {term.to_total * value, term.to_bad * value};
    case TermKind::kBadIfNot:
      return {term.to_total, Holds(term.compare, value, term.bound) ? 0 : term.to_bad};
    case TermKind::kIncrease:
    case TermKind::kHistogram:
      break;
  }
  return {};
}

// The histogram a series belongs to, whether it is the native one, its _count or a bucket.
uint64_t HistogramIdentity(const model::LabelsRef& labels) {
  uint64_t hash = 0;
  for (const model::Labels* half : {labels.target, labels.column}) {
    for (const model::Label& label : *half) {
      if (label.name == "le") continue;
      std::string_view value = label.value;
      if (label.name == model::kMetricName) {
        for (const std::string_view suffix : {"_bucket", "_count"}) {
          if (value.ends_with(suffix)) value.remove_suffix(suffix.size());
        }
      }
      hash += model::HashLabel(label.name, value);
    }
  }
  return hash;
}

// Goes over the samples of a selection.
template <typename Visit>
absl::Status ForEach(const model::SeriesSource& source, model::SelectRequest request,
                     const Visit& visit) {
  request.may_be_empty = true;
  BARO_TRY_ASSIGN(const auto set, source.Select(request));
  const auto reader = set->Read(0, set->size());
  model::SeriesView view;
  for (;;) {
    BARO_TRY_ASSIGN(const bool more, reader->Next(&view));
    if (!more) return absl::OkStatus();
    if (!view.times_ms.empty()) visit(set->labels(view.index), view);
  }
}

bool IsSample(const model::SeriesView& view, size_t i) {
  return !std::isnan(view.values[i]) ||
         (model::IsHistogramMark(view.values[i]) && !view.histograms.empty() &&
          view.histograms[i] != nullptr && !view.histograms[i]->is_stale());
}

model::SelectRequest RequestFor(const TermSpec& term, std::vector<model::Matcher> matchers,
                                int64_t start_ms, int64_t end_ms) {
  model::SelectRequest request;
  request.start_ms = start_ms;
  request.end_ms = end_ms;
  request.matchers = std::move(matchers);
  request.histograms = term.kind == TermKind::kHistogram;
  return request;
}

}  // namespace

size_t EventCounter::series() const {
  size_t count = 0;
  for (const auto& map : last_) count += map.size();
  return count;
}

absl::StatusOr<std::optional<std::vector<model::Matcher>>> EventCounter::MatchersOf(
    size_t t, int64_t time_ms) {
  const TermSpec& term = terms_[t];
  if (!term.is_bucket) return term.matchers;
  Resolved& resolved = resolved_[t];
  const int64_t age_ms = time_ms - resolved.time_ms;
  if (resolved.matchers && age_ms >= 0 && age_ms < kResolvedMs) return resolved.matchers;
  BARO_TRY_ASSIGN(resolved.matchers, ResolveBucket(term, time_ms));
  resolved.time_ms = time_ms;
  return resolved.matchers;
}

absl::StatusOr<bool> EventCounter::HasBuckets(int64_t time_ms) {
  for (size_t t = 0; t < terms_.size(); ++t) {
    BARO_TRY_ASSIGN(const auto matchers, MatchersOf(t, time_ms));
    if (!matchers) return false;
  }
  return true;
}

absl::StatusOr<std::optional<std::vector<model::Matcher>>> EventCounter::ResolveBucket(
    const TermSpec& term, int64_t time_ms) {
  model::LabelRequest request;
  request.start_ms = time_ms - kDayMs;
  request.end_ms = time_ms;
  request.selectors = {term.matchers};
  BARO_TRY_ASSIGN(const std::vector<std::string> values, source_->LabelValues("le", request));
  const std::vector<std::string> labels = BucketLabels(values, term.bound);
  if (labels.empty()) return std::nullopt;
  if (std::fabs(std::strtod(labels[0].c_str(), nullptr) - term.bound) >
      std::fabs(term.bound) * 1e-9) {
    warning_ = base::StrCat(term.text, " has no bucket at ", term.bound, ": le=\"", labels[0],
                            "\" below it is taken");
  } else {
    warning_.clear();
  }
  std::vector<std::string> quoted;
  for (const std::string& label : labels) {
    std::string text;
    for (const char c : label) {
      if (c == '.' || c == '+') text += '\\';
      text += c;
    }
    quoted.push_back(std::move(text));
  }
  std::vector<model::Matcher> matchers = term.matchers;
  BARO_TRY_ASSIGN(model::Matcher le, model::Matcher::Create(model::MatchType::kRegex, "le",
                                                            absl::StrJoin(quoted, "|")));
  matchers.push_back(std::move(le));
  return matchers;
}

absl::Status EventCounter::Seed(int64_t time_ms) {
  std::vector<absl::flat_hash_map<uint64_t, Last>> found(terms_.size());
  for (size_t t = 0; t < terms_.size(); ++t) {
    const TermSpec& term = terms_[t];
    if (!IsCounter(term.kind)) continue;
    BARO_TRY_ASSIGN(auto matchers, MatchersOf(t, time_ms));
    if (!matchers) continue;
    model::SelectRequest request =
        RequestFor(term, *std::move(matchers), time_ms - kCounterGapMs, time_ms);
    BARO_TRY(ForEach(*source_, std::move(request),
                     [&](const model::LabelsRef& labels, const model::SeriesView& view) {
                       for (size_t i = view.values.size(); i-- > 0;) {
                         if (!IsSample(view, i)) continue;
                         const bool is_histogram = model::IsHistogramMark(view.values[i]);
                         if (is_histogram != (term.kind == TermKind::kHistogram)) continue;
                         Last last{view.times_ms[i], view.values[i], 0};
                         if (is_histogram) {
                           last.value = view.histograms[i]->count;
                           last.below = CountUpTo(*view.histograms[i], term.bound);
                         }
                         found[t][labels.Hash()] = last;
                         return;
                       }
                     }));
  }
  last_ = std::move(found);
  return absl::OkStatus();
}

void EventCounter::CountSeries(size_t t, const model::LabelsRef& labels,
                               const model::SeriesView& view, Reading* reading) const {
  const TermSpec& term = terms_[t];
  const bool is_histogram = term.kind == TermKind::kHistogram;
  if (term.unless_native && !reading->native.empty() &&
      reading->native.contains(HistogramIdentity(labels))) {
    return;
  }
  int64_t series = -1;
  const uint64_t hash = labels.Hash();
  std::optional<Last> last;
  const auto it = last_[t].find(hash);
  if (it != last_[t].end()) last = it->second;
  std::optional<Last> settled;
  std::optional<int64_t> seen;
  for (size_t i = 0; i < view.values.size(); ++i) {
    if (!IsSample(view, i) || model::IsHistogramMark(view.values[i]) != is_histogram) continue;
    if (series < 0) {
      series = reading->sink->Series(labels, term);
      if (series < 0) return;
      if (is_histogram) reading->native.insert(HistogramIdentity(labels));
    }
    const int64_t time_ms = view.times_ms[i];
    seen = time_ms;
    if (!IsCounter(term.kind)) {
      reading->sink->Event(series, time_ms, EventOf(term, view.values[i]));
      continue;
    }
    Last now{time_ms, view.values[i], 0};
    if (is_histogram) {
      now.value = view.histograms[i]->count;
      now.below = CountUpTo(*view.histograms[i], term.bound);
    }
    const int64_t start_ms = view.starts_ms.empty() ? 0 : view.starts_ms[i];
    Counts counts{term.to_total * now.value, term.to_bad * now.value - now.below};
    if (last && time_ms - last->time_ms <= kCounterGapMs) {
      const bool reset = now.value < last->value || start_ms > last->time_ms;
      if (!reset) {
        const double increase = now.value - last->value;
        counts = {term.to_total * increase,
                  term.to_bad * increase - std::max(0.0, now.below - last->below)};
      }
      if (counts != Counts{}) reading->sink->Event(series, time_ms, counts);
    } else if (now.value > 0) {
      if (start_ms > time_ms - kCounterGapMs) {
        reading->sink->Event(series, time_ms, counts);
      } else if (!labels.target->empty()) {
        reading->newcomers.push_back({series, time_ms, labels.target->Hash(), counts});
      }
    }
    last = now;
    if (time_ms <= reading->settle_ms) settled = now;
  }
  if (settled) reading->settled.emplace_back(t, std::pair(hash, *settled));
  if (seen && term.to_total != 0) reading->sink->Seen(series, *seen);
}

absl::Status EventCounter::CountTerm(size_t t, int64_t from_ms, int64_t to_ms, Reading* reading) {
  const TermSpec& term = terms_[t];
  BARO_TRY_ASSIGN(auto matchers, MatchersOf(t, to_ms));
  if (!matchers) return absl::OkStatus();
  return ForEach(*source_, RequestFor(term, *std::move(matchers), from_ms + 1, to_ms),
                 [&](const model::LabelsRef& labels, const model::SeriesView& view) {
                   CountSeries(t, labels, view, reading);
                 });
}

// Looks which targets were being scraped shortly before their new series came.
absl::Status EventCounter::AdmitNewcomers(Reading* reading) {
  std::vector<Newcomer>& waiting = reading->newcomers;
  if (waiting.empty()) return absl::OkStatus();
  std::sort(waiting.begin(), waiting.end(),
            [](const auto& a, const auto& b) { return a.target < b.target; });
  int64_t first_ms = model::kTimeMsMax;
  int64_t last_ms = model::kTimeMsMin;
  for (const Newcomer& one : waiting) {
    first_ms = std::min(first_ms, one.time_ms);
    last_ms = std::max(last_ms, one.time_ms);
  }
  std::vector<bool> admitted(waiting.size());
  for (const TermSpec& term : terms_) {
    model::SelectRequest request =
        RequestFor(term, term.matchers, first_ms - kTargetSeenMs, last_ms - 1);
    BARO_TRY(ForEach(*source_, std::move(request),
                     [&](const model::LabelsRef& labels, const model::SeriesView& view) {
                       const uint64_t target = labels.target->Hash();
                       auto it = std::lower_bound(
                           waiting.begin(), waiting.end(), target,
                           [](const Newcomer& one, uint64_t hash) { return one.target < hash; });
                       for (; it != waiting.end() && it->target == target; ++it) {
                         const auto index = static_cast<size_t>(it - waiting.begin());
                         if (admitted[index]) continue;
                         const auto end = std::lower_bound(view.times_ms.begin(),
                                                           view.times_ms.end(), it->time_ms);
                         for (auto i = static_cast<size_t>(end - view.times_ms.begin()); i-- > 0;) {
                           if (view.times_ms[i] < it->time_ms - kTargetSeenMs) break;
                           if (!IsSample(view, i)) continue;
                           admitted[index] = true;
                           break;
                         }
                       }
                     }));
  }
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (admitted[i]) {
      reading->sink->Event(waiting[i].series, waiting[i].time_ms, waiting[i].counts);
    }
  }
  return absl::OkStatus();
}

absl::Status EventCounter::Count(int64_t from_ms, int64_t to_ms, int64_t settle_ms,
                                 EventSink* sink) {
  Reading reading;
  reading.settle_ms = settle_ms;
  reading.sink = sink;
  // Native histograms first: their classic forms are then left alone.
  for (size_t t = 0; t < terms_.size(); ++t) {
    if (terms_[t].kind == TermKind::kHistogram) BARO_TRY(CountTerm(t, from_ms, to_ms, &reading));
  }
  BARO_TRY_ASSIGN(const bool has_buckets, HasBuckets(to_ms));
  for (size_t t = 0; t < terms_.size(); ++t) {
    if (terms_[t].kind == TermKind::kHistogram) continue;
    // Where no bucket says what was fast enough, nothing would be.
    if (!has_buckets && (terms_[t].unless_native || reading.native.empty())) continue;
    BARO_TRY(CountTerm(t, from_ms, to_ms, &reading));
  }
  BARO_TRY(AdmitNewcomers(&reading));
  for (const auto& [t, entry] : reading.settled) last_[t][entry.first] = entry.second;
  if (settle_ms - swept_ms_ < kSweepMs) return absl::OkStatus();
  swept_ms_ = settle_ms;
  for (auto& map : last_) {
    absl::erase_if(map, [settle_ms](const auto& entry) {
      return settle_ms - entry.second.time_ms > kCounterGapMs;
    });
  }
  return absl::OkStatus();
}

}  // namespace baro::slo
