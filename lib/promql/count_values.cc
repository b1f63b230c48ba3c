// count_values: how often each value occurs, the value as a label.

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "evaluator.h"
#include "group_keys.h"
#include "histogram_math.h"
#include "histogram_row.h"
#include "number_text.h"

namespace baro::promql {
namespace {

class ValueCounts {
 public:
  ValueCounts(Evaluator* evaluator, const AggregateExpr& aggregate, std::string label)
      : query_(&evaluator->query()),
        aggregate_(aggregate),
        label_(std::move(label)),
        keys_(query_, Grouping()),
        final_keys_(query_, FinalChoice()),
        table_(query_, evaluator->grid().count) {}

  absl::Status Count(const Row& row) {
    const size_t group = keys_.GroupOf(row.labels);
    for (size_t step = 0; step < row.values.size(); ++step) {
      if (IsAbsent(row.values[step])) continue;
      const HistogramPtr* const histogram = HistogramAt(row, step);
      BARO_TRY_ASSIGN(const size_t out,
                      OutRow(group, histogram == nullptr ? FormatFixed(row.values[step])
                                                         : HistogramText(**histogram)));
      double& count = table_.values(out)[step];
      count = IsAbsent(count) ? 1 : count + 1;
    }
    return absl::OkStatus();
  }
  Table* table() { return &table_; }

 private:
  LabelChoice Grouping() const {
    LabelChoice choice{!aggregate_.without, aggregate_.grouping};
    if (aggregate_.without) choice.names.emplace_back(model::kMetricName);
    return choice;
  }
  // The value's label joins the grouping, but without() can take it away again.
  LabelChoice FinalChoice() const {
    LabelChoice choice = Grouping();
    if (choice.keep) choice.names.push_back(label_);
    return choice;
  }
  absl::StatusOr<size_t> OutRow(size_t group, const std::string& value) {
    const auto [it, inserted] = rows_.try_emplace({group, value}, 0);
    if (!inserted) return it->second;
    model::Labels labels = keys_.labels(group);
    labels.Set(label_, value);
    const size_t final_group = final_keys_.GroupOf({query_->Keep(std::move(labels)), &NoLabels()});
    if (final_group == table_.size()) {
      BARO_TRY(table_.AddEmpty(final_keys_.labels_ref(final_group), false));
    }
    it->second = final_group;
    return final_group;
  }

  Query* const query_;
  const AggregateExpr& aggregate_;
  const std::string label_;
  GroupKeys keys_;
  GroupKeys final_keys_;  // numbers the rows of table_
  Table table_;
  absl::flat_hash_map<std::pair<size_t, std::string>, size_t> rows_;
};

}  // namespace

absl::Status CountValuesRows(Evaluator* evaluator, const AggregateExpr& aggregate, RowSink sink) {
  const std::string& label = As<StringLiteral>(Unwrap(*aggregate.parameter)).value;
  if (!IsValidLabelName(label)) {
    return absl::FailedPreconditionError(base::StrCat("invalid label name ", Quote(label)));
  }
  ValueCounts counts(evaluator, aggregate, label);
  BARO_TRY(evaluator->Rows(*aggregate.inner, [&](const Row& row) { return counts.Count(row); }));
  Table* const table = counts.table();
  for (size_t i = 0; i < table->size(); ++i) BARO_TRY(sink(table->row(i)));
  return absl::OkStatus();
}

}  // namespace baro::promql
