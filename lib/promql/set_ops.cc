// and, or, unless. Only presence counts, so one side streams through and of the other a bit per
// matching group and step is held.

#include <utility>

#include "baro/base/status.h"
#include "evaluator.h"
#include "group_keys.h"

namespace baro::promql {
namespace {

// At which steps a group of matching labels has any series.
class Presence {
 public:
  Presence(Query* query, size_t steps) : query_(query), steps_(steps) {}
  // A byte is an eighth of a sample.
  ~Presence() { query_->Release(seen_.size() / 8); }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  absl::Status Mark(size_t group, std::span<const double> values) {
    if ((group + 1) * steps_ > seen_.size()) {
      const size_t before = seen_.size() / 8;
      seen_.resize((group + 1) * steps_, 0);
      BARO_TRY(query_->Hold(seen_.size() / 8 - before));
    }
    uint8_t* const seen = &seen_[group * steps_];
    for (size_t step = 0; step < steps_; ++step) {
      if (!IsAbsent(values[step])) seen[step] = 1;
    }
    return absl::OkStatus();
  }
  // Makes absent what is not at a step where the group was (or was not) seen.
  bool Mask(size_t group, bool wanted, std::span<double> values) const {
    const bool known = (group + 1) * steps_ <= seen_.size();
    bool any = false;
    for (size_t step = 0; step < steps_; ++step) {
      const bool seen = known && seen_[group * steps_ + step] != 0;
      if (seen != wanted) values[step] = kNoValue;
      any |= !IsAbsent(values[step]);
    }
    return any;
  }

 private:
  Query* const query_;
  const size_t steps_;
  std::vector<uint8_t> seen_;
};

absl::Status OrRows(Evaluator* evaluator, const BinaryExpr& binary, GroupKeys* keys, RowSink sink) {
  Query* const query = &evaluator->query();
  Presence left(query, evaluator->grid().count);
  Table table(query, evaluator->grid().count);
  const auto keep_left = [&](const Row& row) {
    BARO_TRY(left.Mark(keys->GroupOf(row.labels), row.values));
    return table.Add(row);
  };
  BARO_TRY(evaluator->Rows(*binary.lhs, keep_left));
  BARO_TRY(evaluator->Rows(*binary.rhs, [&](const Row& row) {
    return left.Mask(keys->GroupOf(row.labels), false, row.values) ? table.Add(row)
                                                                   : absl::OkStatus();
  }));
  BARO_TRY(table.MergeEqual());
  for (size_t i = 0; i < table.size(); ++i) BARO_TRY(sink(table.row(i)));
  return absl::OkStatus();
}

}  // namespace

absl::Status SetRows(Evaluator* evaluator, const BinaryExpr& binary, RowSink sink) {
  LabelChoice choice{binary.matching->on, binary.matching->labels};
  if (!choice.keep) choice.names.emplace_back(model::kMetricName);
  GroupKeys keys(&evaluator->query(), std::move(choice));
  if (binary.op == BinaryOp::kOr) return OrRows(evaluator, binary, &keys, sink);
  Presence right(&evaluator->query(), evaluator->grid().count);
  const absl::Status marked = evaluator->Rows(*binary.rhs, [&](const Row& row) {
    return right.Mark(keys.GroupOf(row.labels), row.values);
  });
  // Of two errors that of the left side counts.
  if (absl::IsFailedPrecondition(marked)) BARO_TRY(evaluator->Discard(*binary.lhs));
  BARO_TRY(marked);
  const bool wanted = binary.op == BinaryOp::kAnd;
  return evaluator->Rows(*binary.lhs, [&](const Row& row) {
    return right.Mask(keys.GroupOf(row.labels), wanted, row.values) ? sink(row) : absl::OkStatus();
  });
}

}  // namespace baro::promql
