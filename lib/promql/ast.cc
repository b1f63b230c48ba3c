#include "baro/promql/ast.h"

#include "baro/base/strings.h"

namespace baro::promql {

std::string_view ValueTypeName(ValueType type) {
  static constexpr std::string_view kNames[] = {"none", "scalar", "instant vector", "range vector",
                                                "string"};
  return kNames[static_cast<size_t>(type)];
}

std::string_view ValueTypeKey(ValueType type) {
  static constexpr std::string_view kKeys[] = {"none", "scalar", "vector", "matrix", "string"};
  return kKeys[static_cast<size_t>(type)];
}

std::string PlaceText(std::string_view query, size_t offset) {
  if (query.empty()) return "unknown position";
  if (offset > query.size()) return "invalid position";
  size_t line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < offset; ++i) {
    if (query[i] != '\n') continue;
    ++line;
    line_start = i + 1;
  }
  return base::StrCat(line, ":", offset - line_start + 1);
}

std::string_view BinaryOpText(BinaryOp op) {
  static constexpr std::string_view kTexts[] = {"+",     "-",   "*",  "/",      "%",  "^",
                                                "atan2", "==",  "!=", "<",      "<=", ">",
                                                ">=",    "and", "or", "unless", "</", ">/"};
  return kTexts[static_cast<size_t>(op)];
}

bool IsComparison(BinaryOp op) { return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual; }

bool IsSetOp(BinaryOp op) { return op >= BinaryOp::kAnd && op <= BinaryOp::kUnless; }

bool IsArithmetic(BinaryOp op) { return op <= BinaryOp::kAtan2; }

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower; }

std::string_view AggregateOpText(AggregateOp op) {
  static constexpr std::string_view kTexts[] = {
      "sum",    "avg",      "count", "min",     "max",          "group",  "stddev",
      "stdvar", "quantile", "topk",  "bottomk", "count_values", "limitk", "limit_ratio"};
  return kTexts[static_cast<size_t>(op)];
}

bool HasParameter(AggregateOp op) { return op >= AggregateOp::kQuantile; }

const Expr& Unwrap(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->kind == Expr::Kind::kParen) inner = As<ParenExpr>(*inner).inner.get();
  return *inner;
}

std::vector<Expr*> Children(Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
    case Expr::Kind::kString:
    case Expr::Kind::kVectorSelector:
      return {};
    case Expr::Kind::kParen:
      return {As<ParenExpr>(expr).inner.get()};
    case Expr::Kind::kUnary:
      return {As<UnaryExpr>(expr).inner.get()};
    case Expr::Kind::kBinary:
      return {As<BinaryExpr>(expr).lhs.get(), As<BinaryExpr>(expr).rhs.get()};
    case Expr::Kind::kCall: {
      std::vector<Expr*> children;
      for (const ExprPtr& arg : As<Call>(expr).args) children.push_back(arg.get());
      return children;
    }
    case Expr::Kind::kAggregate: {
      auto& aggregate = As<AggregateExpr>(expr);
      if (!aggregate.parameter) return {aggregate.inner.get()};
      return {aggregate.parameter.get(), aggregate.inner.get()};
    }
    case Expr::Kind::kMatrixSelector:
      return {As<MatrixSelector>(expr).selector.get()};
    case Expr::Kind::kSubquery:
      return {As<SubqueryExpr>(expr).inner.get()};
  }
  return {};
}

}  // namespace baro::promql
