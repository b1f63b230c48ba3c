#include "describe.h"

#include "baro/base/strings.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"

namespace baro::promql {
namespace {

constexpr size_t kTextBytesMax = 500;

std::string Cut(std::string text) {
  if (text.size() <= kTextBytesMax) return text;
  // Not in the middle of a character.
  size_t end = kTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

void AppendLabels(std::string_view word, const std::vector<std::string>& labels,
                  std::string* text) {
  base::StrAppend(text, " ", word, " (");
  for (size_t i = 0; i < labels.size(); ++i) base::StrAppend(text, i > 0 ? ", " : "", labels[i]);
  base::StrAppend(text, ")");
}

std::string AggregateText(const AggregateExpr& aggregate) {
  std::string text(AggregateOpText(aggregate.op));
  if (aggregate.without) {
    AppendLabels("without", aggregate.grouping, &text);
  } else if (!aggregate.grouping.empty()) {
    AppendLabels("by", aggregate.grouping, &text);
  }
  return text;
}

std::string BinaryText(const BinaryExpr& binary) {
  std::string text(BinaryOpText(binary.op));
  if (binary.return_bool) base::StrAppend(&text, " bool");
  if (!binary.matching) return text;
  const VectorMatching& matching = *binary.matching;
  if (matching.on || !matching.labels.empty()) {
    AppendLabels(matching.on ? "on" : "ignoring", matching.labels, &text);
  }
  if (matching.cardinality == Cardinality::kManyToOne) {
    AppendLabels("group_left", matching.include, &text);
  } else if (matching.cardinality == Cardinality::kOneToMany) {
    AppendLabels("group_right", matching.include, &text);
  }
  return text;
}

}  // namespace

std::string_view NodeName(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return "Number";
    case Expr::Kind::kString:
      return "String";
    case Expr::Kind::kParen:
      return "Parentheses";
    case Expr::Kind::kUnary:
      return "Unary";
    case Expr::Kind::kBinary:
      return "Binary";
    case Expr::Kind::kCall:
      return "Call";
    case Expr::Kind::kAggregate:
      return "Aggregation";
    case Expr::Kind::kVectorSelector:
      return "Selector";
    case Expr::Kind::kMatrixSelector:
      return "RangeSelector";
    case Expr::Kind::kSubquery:
      return "Subquery";
  }
  return "Unknown";
}

std::string NodeText(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kUnary:
      return As<UnaryExpr>(expr).negate ? "-" : "+";
    case Expr::Kind::kBinary:
      return BinaryText(As<BinaryExpr>(expr));
    case Expr::Kind::kCall:
      return std::string(As<Call>(expr).function->name);
    case Expr::Kind::kAggregate:
      return AggregateText(As<AggregateExpr>(expr));
    default:
      return ShortText(expr);
  }
}

std::string ShortText(const Expr& expr) { return Cut(Print(expr)); }

}  // namespace baro::promql
