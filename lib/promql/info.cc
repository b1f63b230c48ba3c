// info(): adds the labels of info metrics (target_info) to the series of the same target.

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "evaluator.h"
#include "group_keys.h"

namespace baro::promql {
namespace {

// What identifies the target that an info metric describes.
constexpr std::string_view kIdentifying[] = {"instance", "job"};
constexpr std::string_view kDefaultInfoMetric = "target_info";

model::Matcher MakeMatcher(model::MatchType type, std::string_view name, std::string value) {
  return *model::Matcher::Create(type, std::string(name), std::move(value));
}

// The time that selectors look at, relative to the step unless @ fixes it.
struct TimeReference {
  std::optional<int64_t> at_ms;
  int64_t offset_ms = 0;

  bool operator==(const TimeReference& other) const {
    if (!at_ms || !other.at_ms) return at_ms == other.at_ms && offset_ms == other.offset_ms;
    return *at_ms - offset_ms == *other.at_ms - other.offset_ms;
  }
};

// Finds the reference that all series of an expression share; that of the step itself when they
// share none.
class ReferenceFinder {
 public:
  TimeReference Find(Expr& expr) {
    Inspect(expr);
    return found_ && uniform_ ? *found_ : TimeReference();
  }

 private:
  // Whether there is a selector in it.
  bool Inspect(Expr& expr) {
    if (expr.type != ValueType::kVector && expr.type != ValueType::kMatrix) return false;
    if (expr.kind == Expr::Kind::kVectorSelector) {
      Note(As<VectorSelector>(expr).shift);
      return true;
    }
    const bool subquery = expr.kind == Expr::Kind::kSubquery;
    if (subquery) subqueries_.push_back(&As<SubqueryExpr>(expr).shift);
    bool any = false;
    for (Expr* child : Children(expr)) {
      any |= Inspect(*child);
      // The second argument of info() is no vector.
      const bool info =
          expr.kind == Expr::Kind::kCall && As<Call>(expr).function->id == FunctionId::kInfo;
      if (info) break;
    }
    if (subquery) subqueries_.pop_back();
    // vector(1) is of the step, whatever the rest is of.
    if (!any) uniform_ = false;
    return any;
  }

  void Note(const TimeShift& shift) {
    TimeReference reference{shift.at_ms, shift.offset_ms};
    // Subqueries around shift it until an @ fixes it.
    for (size_t i = subqueries_.size(); !reference.at_ms && i-- > 0;) {
      reference.offset_ms += subqueries_[i]->offset_ms;
      reference.at_ms = subqueries_[i]->at_ms;
    }
    if (!found_) found_ = reference;
    if (!(*found_ == reference)) uniform_ = false;
  }

  std::vector<const TimeShift*> subqueries_;  // around, the outermost first
  std::optional<TimeReference> found_;
  bool uniform_ = true;
};

class InfoJoin {
 public:
  InfoJoin(Evaluator* evaluator, const Call& call)
      : evaluator_(evaluator),
        query_(&evaluator->query()),
        call_(call),
        base_(query_, evaluator->grid().count),
        info_(query_, evaluator->grid().count),
        out_(query_, evaluator->grid().count),
        keys_(query_, {true, {std::string(model::kMetricName), "instance", "job"}}) {}

  absl::Status Run(RowSink sink);

 private:
  using Chosen = std::vector<size_t>;  // rows of info_

  void SplitMatchers();
  bool IsInfoSeries(model::LabelsRef labels) const;
  absl::Status ReadInfo();
  absl::Status JoinRow(size_t row);
  absl::StatusOr<std::optional<size_t>> NewestOf(size_t group, size_t step);
  absl::StatusOr<int64_t> OutRow(size_t row, const Chosen& chosen);
  absl::StatusOr<model::Labels> JoinLabels(const model::Labels& base, const Chosen& chosen) const;

  Evaluator* const evaluator_;
  Query* const query_;
  const Call& call_;
  std::vector<model::Matcher> name_matchers_;
  std::map<std::string, std::vector<model::Matcher>> label_matchers_;
  Table base_;
  Table info_;  // values: when the sample of that step was taken, in ms
  Table out_;
  GroupKeys keys_;
  std::vector<std::vector<size_t>> members_;  // rows of info_ by group
  std::set<std::string> info_names_;
};

void InfoJoin::SplitMatchers() {
  bool positive = false;
  if (call_.args.size() > 1) {
    for (const model::Matcher& matcher : As<VectorSelector>(Unwrap(*call_.args[1])).matchers) {
      if (matcher.name() != model::kMetricName) {
        label_matchers_[matcher.name()].push_back(matcher);
        continue;
      }
      name_matchers_.push_back(matcher);
      positive |=
          matcher.type() == model::MatchType::kEqual || matcher.type() == model::MatchType::kRegex;
    }
  }
  if (name_matchers_.empty()) {
    name_matchers_.push_back(
        MakeMatcher(model::MatchType::kEqual, model::kMetricName, std::string(kDefaultInfoMetric)));
  } else if (!positive) {
    // Which info metrics are not meant does not say which are.
    name_matchers_.push_back(MakeMatcher(model::MatchType::kRegex, model::kMetricName, ".+_info"));
  }
}

bool InfoJoin::IsInfoSeries(model::LabelsRef labels) const {
  const std::string_view name = labels.Get(model::kMetricName);
  return std::all_of(name_matchers_.begin(), name_matchers_.end(),
                     [name](const model::Matcher& matcher) { return matcher.Matches(name); });
}

absl::Status InfoJoin::ReadInfo() {
  std::map<std::string_view, std::set<std::string>> wanted;
  for (size_t row = 0; row < base_.size(); ++row) {
    if (IsInfoSeries(base_.labels(row))) continue;
    for (const std::string_view label : kIdentifying) {
      const std::string_view value = base_.labels(row).Get(label);
      if (!value.empty()) wanted[label].insert(std::string(value));
    }
  }
  if (wanted.empty()) return absl::OkStatus();
  std::vector<model::Matcher> matchers = name_matchers_;
  for (const auto& [label, values] : wanted) {
    std::string expression;
    for (const std::string& value : values) {
      base::StrAppend(&expression, expression.empty() ? "" : "|", RE2::QuoteMeta(value));
    }
    matchers.push_back(MakeMatcher(model::MatchType::kRegex, label, std::move(expression)));
  }
  for (const auto& [name, list] : label_matchers_) {
    matchers.insert(matchers.end(), list.begin(), list.end());
  }
  WindowSpec spec;
  spec.grid = evaluator_->grid();
  spec.range_ms = query_->lookback_ms();
  // As of the time that the series themselves are asked for.
  const TimeReference reference = ReferenceFinder().Find(*call_.args[0]);
  spec.offset_ms = reference.offset_ms;
  spec.fixed = reference.at_ms.has_value();
  spec.fixed_ms = reference.at_ms.value_or(0);
  WindowCache cache(spec);
  std::vector<double> times(spec.grid.count);
  return ReadSeries(
      query_, matchers, spec.FirstMs(), spec.LastMs(),
      [&](model::LabelsRef labels, const model::SeriesView& view) {
        const WindowBounds& bounds = cache.Bounds(view.times_ms);
        for (size_t step = 0; step < times.size(); ++step) {
          const uint32_t last = bounds.last[step];
          const bool found = last > bounds.first[step] && !model::IsStaleNan(view.values[last - 1]);
          if (found && model::IsHistogramMark(view.values[last - 1])) {
            return absl::FailedPreconditionError(base::StrCat(
                "this should be an info metric, with float samples: ", labels.Merge().ToString()));
          }
          times[step] = found ? static_cast<double>(view.times_ms[last - 1]) : kNoValue;
        }
        if (!HasValues(times)) return absl::OkStatus();
        const size_t group = keys_.GroupOf(labels);
        if (group >= members_.size()) members_.resize(group + 1);
        members_[group].push_back(info_.size());
        info_names_.insert(std::string(labels.Get(model::kMetricName)));
        return info_.Add({labels, false, times});
      });
}

// Of several info series of one target the one that was sampled last counts.
absl::StatusOr<std::optional<size_t>> InfoJoin::NewestOf(size_t group, size_t step) {
  std::optional<size_t> newest;
  if (group >= members_.size()) return newest;
  for (const size_t row : members_[group]) {
    const double time = info_.values(row)[step];
    if (IsAbsent(time)) continue;
    const double best = newest ? info_.values(*newest)[step] : 0;
    if (newest && best == time) {
      return absl::FailedPreconditionError(base::StrCat(
          "found duplicate series for info metric: existing ",
          info_.labels(*newest).Merge().ToString(), " @ ", static_cast<int64_t>(best), ", new ",
          info_.labels(row).Merge().ToString(), " @ ", static_cast<int64_t>(time)));
    }
    if (!newest || time > best) newest = row;
  }
  return newest;
}

absl::StatusOr<model::Labels> InfoJoin::JoinLabels(const model::Labels& base,
                                                   const Chosen& chosen) const {
  model::Labels joined = base;
  model::Labels added;
  for (const size_t row : chosen) {
    for (const model::Label& label : info_.labels(row).Merge()) {
      if (label.name == model::kMetricName) continue;
      if (!label_matchers_.empty() && label_matchers_.find(label.name) == label_matchers_.end()) {
        continue;
      }
      const std::string_view before = added.Get(label.name);
      if (!before.empty() && before != label.value) {
        return absl::FailedPreconditionError(base::StrCat("conflicting label: ", label.name));
      }
      if (base.Has(label.name)) continue;
      added.Set(label.name, label.value);
      joined.Set(label.name, label.value);
    }
  }
  return joined;
}

// The output row for a base row with these info rows; -1 when the row is to be left out.
absl::StatusOr<int64_t> InfoJoin::OutRow(size_t row, const Chosen& chosen) {
  if (chosen.empty()) {
    for (const auto& [name, matchers] : label_matchers_) {
      for (const model::Matcher& matcher : matchers) {
        if (!matcher.MatchesEmpty()) return -1;
      }
    }
  }
  model::LabelsRef labels = base_.labels(row);
  if (!chosen.empty()) {
    BARO_TRY_ASSIGN(model::Labels joined, JoinLabels(labels.Merge(), chosen));
    labels = {query_->Keep(std::move(joined)), &NoLabels()};
  }
  BARO_TRY(out_.AddEmpty(labels, base_.drop_name(row)));
  return static_cast<int64_t>(out_.size()) - 1;
}

absl::Status InfoJoin::JoinRow(size_t row) {
  if (IsInfoSeries(base_.labels(row))) return out_.Add(base_.row(row));
  std::vector<size_t> groups;
  for (const std::string& name : info_names_) {
    model::Labels key{{std::string(model::kMetricName), name}};
    for (const std::string_view label : kIdentifying) key.Set(label, base_.labels(row).Get(label));
    groups.push_back(keys_.GroupOf({query_->Keep(std::move(key)), &NoLabels()}));
  }
  std::map<Chosen, int64_t> rows;
  for (size_t step = 0; step < base_.steps(); ++step) {
    const double value = base_.values(row)[step];
    if (IsAbsent(value)) continue;
    Chosen chosen;
    for (const size_t group : groups) {
      BARO_TRY_ASSIGN(const std::optional<size_t> newest, NewestOf(group, step));
      if (newest) chosen.push_back(*newest);
    }
    const auto [it, inserted] = rows.try_emplace(chosen, -1);
    if (inserted) {
      BARO_TRY_ASSIGN(it->second, OutRow(row, chosen));
    }
    if (it->second >= 0) {
      BARO_TRY(out_.CopyCell(&base_, row, step, static_cast<size_t>(it->second)));
    }
  }
  return absl::OkStatus();
}

absl::Status InfoJoin::Run(RowSink sink) {
  BARO_TRY(evaluator_->Fill(*call_.args[0], &base_));
  SplitMatchers();
  BARO_TRY(ReadInfo());
  for (size_t row = 0; row < base_.size(); ++row) BARO_TRY(JoinRow(row));
  BARO_TRY(out_.MergeEqual());
  for (size_t i = 0; i < out_.size(); ++i) BARO_TRY(sink(out_.row(i)));
  return absl::OkStatus();
}

}  // namespace

absl::Status InfoRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  return InfoJoin(evaluator, call).Run(sink);
}

}  // namespace baro::promql
