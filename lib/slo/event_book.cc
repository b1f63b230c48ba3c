#include "event_book.h"

#include <algorithm>
#include <cmath>

#include "baro/base/status.h"
#include "rounding.h"

namespace baro::slo {
namespace {

// So long ago samples are counted into slots of this length, in pieces of that length. The pieces
// bound what is held at once: 2,160 slots a group at most.
struct Zone {
  int64_t older_than_ms;
  int64_t grain_ms;
  int64_t piece_ms;
};
constexpr Zone kZones[] = {{92 * kDayMs, kHourMs, 8 * kDayMs},
                           {3 * kDayMs, 5 * kMinuteMs, 2 * kDayMs},
                           {6 * kHourMs, kMinuteMs, kDayMs},
                           {0, kEvaluationGrainMs, 6 * kHourMs}};

// A change within this time is amended at the grain of evaluations.
constexpr int64_t kFineAmendmentMs = 5 * kHourMs;

// Refused groups are told apart up to so many.
constexpr size_t kRefusedMax = 100'000;

constexpr int64_t kQueryStepMs = kMinuteMs;

}  // namespace

GroupBook::GroupBook(const SloSpec& spec, model::Labels group)
    : labels(std::move(group)), events(EventRungs(spec.window.length_ms)) {
  if (spec.slices.length_ms > 0) {
    slices.emplace(SliceRungs(spec.window.length_ms, spec.slices.length_ms));
  }
}

// The slots of one piece, group by group.
class EventBook::Tail final : public EventSink {
 public:
  Tail(EventBook* book, int64_t from_ms, const Piece& piece)
      : book_(book),
        from_ms_(from_ms),
        grain_ms_(piece.grain_ms),
        size_(static_cast<size_t>((piece.to_ms - from_ms) / piece.grain_ms)) {}

  int64_t Series(const model::LabelsRef& labels, const TermSpec&) override {
    if (book_->spec_.group_by.empty()) return book_->GroupOf({});
    std::vector<model::Label> group;
    for (const std::string& name : book_->spec_.group_by) {
      const std::string_view value = labels.Get(name);
      if (!value.empty()) group.push_back({name, std::string(value)});
    }
    return book_->GroupOf(model::Labels::FromUnsorted(std::move(group)));
  }

  void Event(int64_t series, int64_t time_ms, const Counts& counts) override {
    const auto group = static_cast<size_t>(series);
    if (slots_.size() <= group) slots_.resize(group + 1);
    std::vector<Counts>& slots = slots_[group];
    if (slots.empty()) slots.resize(size_);
    const int64_t slot = (time_ms - from_ms_ + grain_ms_ - 1) / grain_ms_ - 1;
    slots[std::min(static_cast<size_t>(std::max<int64_t>(slot, 0)), size_ - 1)] += counts;
  }

  void Seen(int64_t series, int64_t time_ms) override {
    const auto group = static_cast<size_t>(series);
    if (seen_.size() <= group) seen_.resize(group + 1, model::kTimeMsMin);
    seen_[group] = std::max(seen_[group], time_ms);
  }

  // Empty: nothing happened.
  const std::vector<Counts>& slots(size_t group) const {
    static const std::vector<Counts> kNone;
    return group < slots_.size() ? slots_[group] : kNone;
  }
  int64_t seen_ms(size_t group) const {
    return group < seen_.size() ? seen_[group] : model::kTimeMsMin;
  }
  int64_t from_ms() const { return from_ms_; }
  int64_t grain_ms() const { return grain_ms_; }
  size_t size() const { return size_; }

 private:
  EventBook* const book_;
  const int64_t from_ms_;
  const int64_t grain_ms_;
  const size_t size_;
  std::vector<std::vector<Counts>> slots_;
  std::vector<int64_t> seen_;
};

EventBook::EventBook(const SloSpec& spec, BookSources sources)
    : spec_(spec), sources_(std::move(sources)), counter_(spec.sli.terms, sources_.source) {}

int64_t EventBook::settle_grain_ms() const {
  int64_t grain_ms = std::max(kEvaluationGrainMs, spec_.slices.length_ms);
  if (!spec_.sli.query.empty()) grain_ms = std::max(grain_ms, kQueryStepMs);
  return grain_ms;
}

absl::Status EventBook::Rewind(int64_t time_ms, int64_t now_ms) {
  const bool fine = now_ms - time_ms <= kFineAmendmentMs;
  const int64_t from_ms = FloorTo(time_ms, fine ? settle_grain_ms() : kHourMs);
  BARO_TRY(counter_.Seed(from_ms));
  settled_ms_ = from_ms;
  for (GroupBook& group : groups_) {
    if (group.first_event_ms > from_ms) group.first_event_ms = model::kTimeMsMax;
  }
  return absl::OkStatus();
}

EventBook::Piece EventBook::NextPiece(int64_t now_ms) const {
  for (const Zone& zone : kZones) {
    int64_t grain_ms = zone.grain_ms;
    // Slices are made of whole slots.
    if (spec_.slices.length_ms > 0) grain_ms = std::min(grain_ms, spec_.slices.length_ms);
    const bool newest = zone.older_than_ms == 0;
    const int64_t end_ms = newest ? now_ms : FloorTo(now_ms - zone.older_than_ms, kHourMs);
    if (settled_ms_ >= end_ms && !newest) continue;
    // After a long pause the settled time need not lie on this zone's slots.
    if (settled_ms_ % grain_ms != 0) grain_ms = kEvaluationGrainMs;
    return {std::min(end_ms, settled_ms_ + zone.piece_ms), grain_ms};
  }
  return {};
}

absl::StatusOr<bool> EventBook::CountTo(int64_t now_ms, const std::function<bool()>& go_on) {
  for (;;) {
    const Piece piece = NextPiece(now_ms);
    if (piece.to_ms <= settled_ms_) return true;
    const bool last = piece.to_ms >= now_ms;
    int64_t settle_ms = piece.to_ms;
    if (piece.to_ms > now_ms - kSettleMs) {
      settle_ms = std::max(settled_ms_, FloorTo(now_ms - kSettleMs, settle_grain_ms()));
    }
    BARO_TRY(CountPiece(piece, settle_ms));
    settled_ms_ = settle_ms;
    if (last) return true;
    if (!go_on()) return false;
  }
}

absl::Status EventBook::CountPiece(const Piece& piece, int64_t settle_ms) {
  Tail tail(this, settled_ms_, piece);
  if (spec_.sli.query.empty()) {
    BARO_TRY(counter_.Count(settled_ms_, piece.to_ms, settle_ms, &tail));
  } else {
    BARO_TRY(RunQueries(piece.to_ms, &tail));
  }
  Apply(tail);
  return absl::OkStatus();
}

absl::Status EventBook::RunQueries(int64_t to_ms, Tail* tail) {
  const QuerySpec& query = spec_.sli.query;
  if (!query.error_ratio.empty()) return RunQuery(query.error_ratio, to_ms, true, 0, 1, tail);
  BARO_TRY(RunQuery(query.total, to_ms, false, query.factor, 0, tail));
  return RunQuery(query.bad, to_ms, false, 0, query.factor, tail);
}

absl::Status EventBook::RunQuery(const std::string& query, int64_t to_ms, bool is_ratio,
                                 double to_total, double to_bad, Tail* tail) {
  const int64_t start_ms = FloorTo(tail->from_ms(), kQueryStepMs) + kQueryStepMs;
  if (start_ms > to_ms) return absl::OkStatus();
  promql::QueryOptions options;
  options.cancelled = sources_.cancelled;
  options.use_cache = false;
  BARO_TRY_ASSIGN(
      const promql::QueryResult result,
      sources_.engine->Range(*sources_.source, query, start_ms, to_ms, kQueryStepMs, options));
  const auto* matrix = std::get_if<promql::Matrix>(&result.value);
  if (matrix == nullptr) return absl::OkStatus();
  for (const promql::ResultSeries& series : matrix->series) {
    static const model::Labels kNoLabels;
    TermSpec term;
    const int64_t group = tail->Series({&series.labels, &kNoLabels}, term);
    if (group < 0) continue;
    for (const model::Sample& sample : series.samples) {
      if (!std::isfinite(sample.value)) continue;
      if (is_ratio) {
        tail->Event(group, sample.time_ms, {1, std::clamp(sample.value, 0.0, 1.0)});
      } else {
        const double value = std::max(0.0, sample.value);
        tail->Event(group, sample.time_ms, {to_total * value, to_bad * value});
      }
      if (is_ratio || to_total != 0) tail->Seen(group, sample.time_ms);
    }
  }
  return absl::OkStatus();
}

int64_t EventBook::GroupOf(model::Labels labels) {
  const auto it = by_labels_.find(labels);
  if (it != by_labels_.end()) return it->second;
  if (groups_.size() >= spec_.groups_max) {
    if (refused_.size() < kRefusedMax) refused_.insert(labels.Hash());
    return -1;
  }
  const auto number = static_cast<int64_t>(groups_.size());
  groups_.emplace_back(spec_, labels);
  by_labels_.emplace(std::move(labels), number);
  return number;
}

bool EventBook::Restore(GroupBook group) {
  const int64_t number = GroupOf(group.labels);
  if (number < 0) return false;
  groups_[static_cast<size_t>(number)] = std::move(group);
  return true;
}

void EventBook::ApplySlices(GroupBook* group, int64_t grain_ms,
                            const std::vector<Counts>& slots) const {
  const SliceSpec& spec = spec_.slices;
  const auto per_slice = static_cast<size_t>(spec.length_ms / grain_ms);
  std::vector<Counts> slices(slots.size() / per_slice);
  for (size_t i = 0; i < slices.size(); ++i) {
    Counts sum;
    for (size_t j = 0; j < per_slice; ++j) sum += slots[i * per_slice + j];
    const int64_t end_ms = settled_ms_ + static_cast<int64_t>(i + 1) * spec.length_ms;
    // Before its first event there is nothing to promise; afterwards an idle slice is a good one.
    if (end_ms < group->first_event_ms) continue;
    const double ratio = sum.total > 0 ? std::clamp(sum.bad / sum.total, 0.0, 1.0) : 0;
    slices[i] = {1, spec.ratios ? ratio : (1 - ratio < spec.target ? 1.0 : 0.0)};
  }
  if (!slices.empty()) group->slices->Rewrite(settled_ms_, spec.length_ms, slices);
}

void EventBook::Apply(const Tail& tail) {
  const std::vector<Counts> idle(tail.size());
  for (size_t i = 0; i < groups_.size(); ++i) {
    GroupBook& group = groups_[i];
    const std::vector<Counts>& slots = tail.slots(i).empty() ? idle : tail.slots(i);
    for (size_t s = 0; s < slots.size() && group.first_event_ms == model::kTimeMsMax; ++s) {
      if (slots[s].total > 0) {
        group.first_event_ms = tail.from_ms() + static_cast<int64_t>(s + 1) * tail.grain_ms();
      }
    }
    group.events.Rewrite(tail.from_ms(), tail.grain_ms(), slots);
    group.last_seen_ms = std::max(group.last_seen_ms, tail.seen_ms(i));
    if (group.slices) ApplySlices(&group, tail.grain_ms(), slots);
  }
}

void EventBook::DropIdle(int64_t now_ms) {
  const int64_t since_ms = now_ms - std::max(spec_.window.length_ms, 3 * kDayMs);
  const auto idle = [&](const GroupBook& group) {
    return group.last_seen_ms < since_ms && group.events.Between(since_ms, now_ms) == Counts{};
  };
  if (std::erase_if(groups_, idle) == 0) return;
  by_labels_.clear();
  for (size_t i = 0; i < groups_.size(); ++i) {
    by_labels_.emplace(groups_[i].labels, static_cast<int64_t>(i));
  }
  refused_.clear();
}

size_t EventBook::memory_bytes() const {
  size_t bytes = counter_.series() * 48;
  for (const GroupBook& group : groups_) {
    bytes += sizeof(group) + group.events.memory_bytes();
    if (group.slices) bytes += group.slices->memory_bytes();
  }
  return bytes;
}

}  // namespace baro::slo
