// Aggregations that choose series: topk, bottomk, limitk, limit_ratio.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "evaluator.h"
#include "float_math.h"
#include "group_keys.h"
#include "histogram_row.h"
#include "number_text.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace baro::promql {
namespace {

struct Candidate {
  double value = 0;
  size_t row = 0;
};

// The k best of a group at one step, in a heap with the worst on top. Which of equal values stays
// depends on the heap's moves, so they are those of Go's container/heap.
class BestHeap {
 public:
  explicit BestHeap(bool greatest) : greatest_(greatest) {}

  void Clear() { items_.clear(); }
  void Offer(Candidate candidate, size_t k) {
    if (items_.size() < k) {
      items_.push_back(candidate);
      Up(items_.size() - 1);
      return;
    }
    const double worst = items_[0].value;
    const bool better = greatest_ ? worst < candidate.value : worst > candidate.value;
    if (!better && !(std::isnan(worst) && !std::isnan(candidate.value))) return;
    items_[0] = candidate;
    Down();
  }
  // Best first; equals in the heap's order.
  std::vector<Candidate> Sorted() const {
    std::vector<size_t> order(items_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      if (Less(items_[b], items_[a])) return true;
      return !Less(items_[a], items_[b]) && a < b;
    });
    std::vector<Candidate> sorted;
    for (const size_t index : order) sorted.push_back(items_[index]);
    return sorted;
  }

 private:
  bool Less(const Candidate& a, const Candidate& b) const {
    if (std::isnan(a.value)) return !std::isnan(b.value);
    return greatest_ ? a.value < b.value : a.value > b.value;
  }
  void Up(size_t at) {
    while (at > 0) {
      const size_t parent = (at - 1) / 2;
      if (!Less(items_[at], items_[parent])) break;
      std::swap(items_[at], items_[parent]);
      at = parent;
    }
  }
  void Down() {
    size_t at = 0;
    while (true) {
      size_t child = 2 * at + 1;
      if (child >= items_.size()) return;
      if (child + 1 < items_.size() && Less(items_[child + 1], items_[child])) ++child;
      if (!Less(items_[child], items_[at])) return;
      std::swap(items_[at], items_[child]);
      at = child;
    }
  }

  const bool greatest_;
  std::vector<Candidate> items_;
};

// Prometheus' hash of a label set, scaled to 0…1, so that limit_ratio chooses the same series:
// xxhash64 over each string with its length before it.
double RatioOffset(const model::Labels& labels) {
  std::string bytes;
  const auto put = [&bytes](std::string_view text) {
    const size_t size = text.size();
    if (size < 255) {
      bytes.push_back(static_cast<char>(size));
    } else {
      bytes.push_back(static_cast<char>(255));
      for (int shift = 0; shift < 24; shift += 8) bytes.push_back(static_cast<char>(size >> shift));
    }
    bytes.append(text);
  };
  for (const model::Label& label : labels) {
    put(label.name);
    put(label.value);
  }
  return static_cast<double>(XXH64(bytes.data(), bytes.size(), 0)) / 18'446'744'073'709'551'615.0;
}

struct Parameters {
  std::vector<double> values;
  double least = INFINITY;
  double most = -INFINITY;
  bool nan = false;
};

Parameters Summarise(std::vector<double> values) {
  Parameters parameters;
  for (const double value : values) {
    parameters.nan |= std::isnan(value);
    parameters.least = std::min(parameters.least, value);
    parameters.most = std::max(parameters.most, value);
  }
  parameters.values = std::move(values);
  return parameters;
}

absl::Status CheckCount(const Parameters& parameters) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;
  if (parameters.nan) return absl::FailedPreconditionError("Parameter value is NaN");
  if (parameters.least <= -kLimit) {
    return absl::FailedPreconditionError(
        base::StrCat("Scalar value ", FormatShort(parameters.least), " underflows int64"));
  }
  if (parameters.most >= kLimit) {
    return absl::FailedPreconditionError(
        base::StrCat("Scalar value ", FormatShort(parameters.most), " overflows int64"));
  }
  return absl::OkStatus();
}

class Selection {
 public:
  Selection(Evaluator* evaluator, const AggregateExpr& aggregate)
      : evaluator_(evaluator),
        query_(&evaluator->query()),
        aggregate_(aggregate),
        keys_(query_, Grouping(aggregate)),
        input_(query_, evaluator->grid().count),
        output_(query_, evaluator->grid().count) {}

  absl::Status Run(RowSink sink);

 private:
  static LabelChoice Grouping(const AggregateExpr& aggregate) {
    LabelChoice choice{!aggregate.without, aggregate.grouping};
    if (aggregate.without) choice.names.emplace_back(model::kMetricName);
    return choice;
  }
  absl::Status Gather();
  absl::Status SelectBest();
  absl::Status SelectFirst();
  absl::Status SelectRatio();
  absl::Status Choose(size_t row, size_t step);
  size_t CountAt(size_t step) const {
    const double k = std::min(parameters_.values[step], static_cast<double>(input_.size()));
    return k < 1 ? 0 : static_cast<size_t>(k);
  }

  Evaluator* const evaluator_;
  Query* const query_;
  const AggregateExpr& aggregate_;
  Parameters parameters_;
  GroupKeys keys_;
  Table input_;
  Table output_;
  std::vector<std::vector<size_t>> members_;  // rows of each group
  std::vector<int64_t> chosen_;               // by input row: the output row, or -1
};

absl::Status Selection::Run(RowSink sink) {
  BARO_TRY_ASSIGN(std::vector<double> values, evaluator_->Scalars(*aggregate_.parameter));
  parameters_ = Summarise(std::move(values));
  if (aggregate_.op == AggregateOp::kLimitRatio) {
    BARO_TRY(SelectRatio());
  } else {
    // As in Prometheus, a k that is nowhere 1 makes an empty result before any error.
    if (!parameters_.nan && parameters_.most < 1) return evaluator_->Discard(*aggregate_.inner);
    BARO_TRY(Gather());
    BARO_TRY(CheckCount(parameters_));
    BARO_TRY(aggregate_.op == AggregateOp::kLimitk ? SelectFirst() : SelectBest());
  }
  for (size_t i = 0; i < output_.size(); ++i) BARO_TRY(sink(output_.row(i)));
  return absl::OkStatus();
}

absl::Status Selection::Gather() {
  const bool by_value =
      aggregate_.op == AggregateOp::kTopk || aggregate_.op == AggregateOp::kBottomk;
  BARO_TRY(evaluator_->Rows(*aggregate_.inner, [&](Row row) {
    if (by_value && !row.histograms.empty() && DropHistograms(&row)) {
      query_->annotations().HistogramsIgnored(AggregateOpText(aggregate_.op), aggregate_.place);
    }
    const size_t group = keys_.GroupOf(row.labels);
    if (group >= members_.size()) members_.resize(group + 1);
    members_[group].push_back(input_.size());
    return input_.Add(row);
  }));
  chosen_.assign(input_.size(), -1);
  return absl::OkStatus();
}

absl::Status Selection::Choose(size_t row, size_t step) {
  if (chosen_[row] < 0) {
    chosen_[row] = static_cast<int64_t>(output_.size());
    BARO_TRY(output_.AddEmpty(input_.labels(row), input_.drop_name(row)));
  }
  return output_.CopyCell(&input_, row, step, static_cast<size_t>(chosen_[row]));
}

absl::Status Selection::SelectBest() {
  BestHeap heap(aggregate_.op == AggregateOp::kTopk);
  for (const std::vector<size_t>& members : members_) {
    BARO_TRY(query_->CheckAlive());
    for (size_t step = 0; step < input_.steps(); ++step) {
      const size_t k = CountAt(step);
      if (k == 0) continue;
      heap.Clear();
      for (const size_t row : members) {
        const double value = input_.values(row)[step];
        if (!IsAbsent(value)) heap.Offer({value, row}, k);
      }
      for (const Candidate& candidate : heap.Sorted()) BARO_TRY(Choose(candidate.row, step));
    }
  }
  return absl::OkStatus();
}

absl::Status Selection::SelectFirst() {
  for (const std::vector<size_t>& members : members_) {
    for (size_t step = 0; step < input_.steps(); ++step) {
      size_t left = CountAt(step);
      for (size_t i = 0; i < members.size() && left > 0; ++i) {
        if (IsAbsent(input_.values(members[i])[step])) continue;
        BARO_TRY(Choose(members[i], step));
        --left;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Selection::SelectRatio() {
  if (!parameters_.nan && parameters_.least == 0 && parameters_.most == 0) {
    return evaluator_->Discard(*aggregate_.inner);
  }
  if (parameters_.nan) {
    BARO_TRY(evaluator_->Discard(*aggregate_.inner));
    return absl::FailedPreconditionError("Ratio value is NaN");
  }
  const NotePlace place = NoteOn(*aggregate_.parameter, aggregate_.place);
  if (parameters_.most > 1) query_->annotations().InvalidRatio(parameters_.most, 1, place);
  if (parameters_.least < -1) query_->annotations().InvalidRatio(parameters_.least, -1, place);
  BARO_TRY(Gather());
  for (size_t row = 0; row < input_.size(); ++row) {
    const double offset = RatioOffset(input_.labels(row).Merge());
    for (size_t step = 0; step < input_.steps(); ++step) {
      const double ratio = std::clamp(parameters_.values[step], -1.0, 1.0);
      // A negative ratio chooses what its complement does not.
      const bool in = ratio >= 0 ? offset < ratio : offset >= 1.0 + ratio;
      if (in && !IsAbsent(input_.values(row)[step])) BARO_TRY(Choose(row, step));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SelectingRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink) {
  return Selection(evaluator, aggregate).Run(sink);
}

}  // namespace baro::promql
