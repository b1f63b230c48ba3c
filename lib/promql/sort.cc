// sort, sort_desc, sort_by_label, sort_by_label_desc. They matter to instant queries alone: the
// series of a range query are always ordered by their labels.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "baro/base/status.h"
#include "evaluator.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The longest run of digits, or of anything else, cut off the front.
std::string_view TakeChunk(std::string_view* text) {
  size_t size = 1;
  while (size < text->size() && IsDigit((*text)[size]) == IsDigit((*text)[0])) ++size;
  const std::string_view chunk = text->substr(0, size);
  text->remove_prefix(size);
  return chunk;
}

bool ToNumber(std::string_view chunk, int64_t* number) {
  const auto end = std::from_chars(chunk.data(), chunk.data() + chunk.size(), *number);
  return end.ec == std::errc() && end.ptr == chunk.data() + chunk.size();
}

// Natural order: "node2" before "node10". The ends of equal prefixes decide as Prometheus' library
// (facette/natsort) has it.
bool NaturalLess(std::string_view a, std::string_view b) {
  while (!a.empty()) {
    if (b.empty()) return false;
    const std::string_view chunk_a = TakeChunk(&a);
    const std::string_view chunk_b = TakeChunk(&b);
    int64_t number_a = 0;
    int64_t number_b = 0;
    const bool numbers = ToNumber(chunk_a, &number_a) && ToNumber(chunk_b, &number_b);
    if (numbers ? number_a != number_b : chunk_a != chunk_b) {
      return numbers ? number_a < number_b : chunk_a < chunk_b;
    }
    if (a.empty()) return true;
    if (b.empty()) return false;
  }
  return false;
}

using Order = std::vector<size_t>;

void SortByValue(Table* table, bool descending, Order* order) {
  // NaN comes last in both directions.
  std::sort(order->begin(), order->end(), [&](size_t i, size_t j) {
    const double a = table->values(i)[0];
    const double b = table->values(j)[0];
    if (std::isnan(a) != std::isnan(b)) return std::isnan(b);
    if (!std::isnan(a) && a != b) return descending ? a > b : a < b;
    return i < j;
  });
}

void SortByLabels(const Call& call, Table* table, bool descending, Order* order) {
  std::vector<model::Labels> labels;
  for (size_t i = 0; i < table->size(); ++i) labels.push_back(table->labels(i).Merge());
  std::sort(order->begin(), order->end(), [&](size_t i, size_t j) {
    for (size_t arg = 1; arg < call.args.size(); ++arg) {
      const std::string& name = As<StringLiteral>(Unwrap(*call.args[arg])).value;
      const std::string_view a = labels[i].Get(name);
      const std::string_view b = labels[j].Get(name);
      if (a != b) return descending ? NaturalLess(b, a) : NaturalLess(a, b);
    }
    if (labels[i] == labels[j]) return i < j;
    return descending ? labels[j] < labels[i] : labels[i] < labels[j];
  });
}

}  // namespace

absl::Status SortRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const bool by_value =
      call.function->id == FunctionId::kSort || call.function->id == FunctionId::kSortDesc;
  // A histogram has no place in an order of values.
  const auto take = [by_value](Row* row) { return !by_value || TakeFloats(row); };
  if (!evaluator->grid().IsInstant()) {
    evaluator->query().annotations().SortInRangeQuery(call.place);
    return evaluator->Rows(*call.args[0],
                           [&](Row row) { return take(&row) ? sink(row) : absl::OkStatus(); });
  }
  Table table(&evaluator->query(), 1);
  BARO_TRY(evaluator->Rows(
      *call.args[0], [&](Row row) { return take(&row) ? table.Add(row) : absl::OkStatus(); }));
  Order order(table.size());
  std::iota(order.begin(), order.end(), size_t{0});
  switch (call.function->id) {
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
      SortByValue(&table, call.function->id == FunctionId::kSortDesc, &order);
      break;
    default:
      SortByLabels(call, &table, call.function->id == FunctionId::kSortByLabelDesc, &order);
      break;
  }
  for (const size_t index : order) BARO_TRY(sink(table.row(index)));
  return absl::OkStatus();
}

}  // namespace baro::promql
