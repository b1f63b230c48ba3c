// Types and arities, checked after parsing, with Prometheus' messages in its order.

#include <utility>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"
#include "number_text.h"
#include "parser.h"

namespace baro::promql {
namespace {

class TypeCheck {
 public:
  explicit TypeCheck(std::string_view query) : query_(query) {}

  ValueType Check(Expr& expr);
  const absl::Status& status() const { return status_; }

 private:
  void Note(Place place, std::string_view message) {
    if (status_.ok()) status_ = ParseError(query_, place, message);
  }
  void Expect(Expr& expr, ValueType wanted, std::string_view context);
  ValueType CheckBinary(BinaryExpr& binary);
  void CheckMatching(BinaryExpr& binary, ValueType left, ValueType right, Place op);
  void CheckCall(Call& call);
  void CheckArity(const Call& call);
  void CheckInfo(Call& call);
  void CheckSelector(const VectorSelector& selector);
  Place OperatorPlace(const BinaryExpr& binary) const;

  const std::string_view query_;
  absl::Status status_;
};

bool IsNumeric(ValueType type) { return type == ValueType::kScalar || type == ValueType::kVector; }

void TypeCheck::Expect(Expr& expr, ValueType wanted, std::string_view context) {
  const ValueType type = Check(expr);
  if (type == wanted) return;
  Note(expr.place, base::StrCat("expected type ", ValueTypeName(wanted), " in ", context, ", got ",
                                ValueTypeName(type)));
}

ValueType TypeCheck::Check(Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
    case Expr::Kind::kString:
      break;
    case Expr::Kind::kParen:
      expr.type = Check(*As<ParenExpr>(expr).inner);
      break;
    case Expr::Kind::kUnary: {
      const ValueType type = Check(*As<UnaryExpr>(expr).inner);
      if (!IsNumeric(type)) {
        Note(expr.place, base::StrCat("unary expression only allowed on expressions of type scalar "
                                      "or instant vector, got \"",
                                      ValueTypeName(type), "\""));
      }
      expr.type = type;
      break;
    }
    case Expr::Kind::kBinary:
      expr.type = CheckBinary(As<BinaryExpr>(expr));
      break;
    case Expr::Kind::kCall:
      CheckCall(As<Call>(expr));
      break;
    case Expr::Kind::kAggregate: {
      auto& aggregate = As<AggregateExpr>(expr);
      Expect(*aggregate.inner, ValueType::kVector, "aggregation expression");
      if (aggregate.parameter) {
        Expect(*aggregate.parameter,
               aggregate.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar,
               "aggregation parameter");
      }
      break;
    }
    case Expr::Kind::kVectorSelector:
      CheckSelector(As<VectorSelector>(expr));
      break;
    case Expr::Kind::kMatrixSelector:
      Check(*As<MatrixSelector>(expr).selector);
      break;
    case Expr::Kind::kSubquery: {
      const ValueType type = Check(*As<SubqueryExpr>(expr).inner);
      if (type != ValueType::kVector) {
        Note(expr.place, base::StrCat("subquery is only allowed on instant vector, got ",
                                      ValueTypeKey(type), " instead"));
      }
      break;
    }
  }
  return expr.type;
}

Place TypeCheck::OperatorPlace(const BinaryExpr& binary) const {
  Place place{binary.lhs->place.end, binary.rhs->place.begin};
  while (place.begin < place.end &&
         absl::ascii_isspace(static_cast<unsigned char>(query_[place.begin]))) {
    ++place.begin;
  }
  return place;
}

ValueType TypeCheck::CheckBinary(BinaryExpr& binary) {
  const ValueType left = Check(*binary.lhs);
  const ValueType right = Check(*binary.rhs);
  const Place op = OperatorPlace(binary);
  if (binary.return_bool && !IsComparison(binary.op)) {
    Note(op, "bool modifier can only be used on comparison operators");
  }
  if (IsComparison(binary.op) && !binary.return_bool && left == ValueType::kScalar &&
      right == ValueType::kScalar) {
    Note(op, "comparisons between scalars must use BOOL modifier");
  }
  CheckMatching(binary, left, right, op);
  const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
  return scalars ? ValueType::kScalar : ValueType::kVector;
}

void TypeCheck::CheckMatching(BinaryExpr& binary, ValueType left, ValueType right, Place op) {
  VectorMatching& matching = *binary.matching;
  if (IsSetOp(binary.op) && matching.cardinality == Cardinality::kOneToOne) {
    matching.cardinality = Cardinality::kManyToMany;
  }
  for (const std::string& label : matching.labels) {
    for (const std::string& included : matching.include) {
      if (matching.on && label == included) {
        Note(op, base::StrCat("label ", Quote(label),
                              " must not occur in ON and GROUP clause at once"));
      }
    }
  }
  static constexpr std::string_view kOnlyNumeric =
      "binary expression must contain only scalar and instant vector types";
  if (!IsNumeric(left)) Note(binary.lhs->place, kOnlyNumeric);
  if (!IsNumeric(right)) Note(binary.rhs->place, kOnlyNumeric);
  const std::string name = base::StrCat("\"", BinaryOpText(binary.op), "\"");
  const bool fills = matching.fill_left || matching.fill_right;
  if (left != ValueType::kVector || right != ValueType::kVector) {
    if (!matching.labels.empty()) {
      Note(binary.place, "vector matching only allowed between instant vectors");
    }
    if (fills) {
      Note(binary.place, "filling in missing series only allowed between instant vectors");
    }
    binary.matching.reset();
  } else if (IsSetOp(binary.op)) {
    if (matching.cardinality != Cardinality::kManyToMany) {
      Note(binary.place, base::StrCat("no grouping allowed for ", name, " operation"));
    }
    if (fills) Note(binary.place, "filling in missing series not allowed for set operators");
  }
  if ((left == ValueType::kScalar || right == ValueType::kScalar) && IsSetOp(binary.op)) {
    Note(binary.place,
         base::StrCat("set operator ", name, " not allowed in binary scalar expression"));
  }
}

void TypeCheck::CheckArity(const Call& call) {
  const Function& function = *call.function;
  const size_t count = function.args.size();
  const auto note = [&](std::string_view how, size_t wanted) {
    Note(call.place, base::StrCat("expected ", how, wanted, " argument(s) in call to ",
                                  Quote(function.name), ", got ", call.args.size()));
  };
  if (function.variadic == 0) {
    if (call.args.size() != count) note("", count);
    return;
  }
  const size_t least = count - 1;
  if (call.args.size() < least) {
    note("at least ", least);
  } else if (function.variadic > 0 &&
             call.args.size() > least + static_cast<size_t>(function.variadic)) {
    note("at most ", least + static_cast<size_t>(function.variadic));
  }
}

void TypeCheck::CheckInfo(Call& call) {
  Expr& labels = *call.args[1];
  if (labels.kind != Expr::Kind::kVectorSelector) {
    Note(labels.place, "expected label selectors only");
    return;
  }
  auto& selector = As<VectorSelector>(labels);
  if (!selector.name.empty()) {
    Note(labels.place, "expected label selectors only, got vector selector instead");
    return;
  }
  selector.may_match_everything = true;
}

void TypeCheck::CheckCall(Call& call) {
  CheckArity(call);
  const Function& function = *call.function;
  if (function.id == FunctionId::kInfo && call.args.size() > 1) CheckInfo(call);
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (i >= function.args.size() && function.variadic == 0) break;
    const ValueType wanted = function.args[std::min(i, function.args.size() - 1)];
    const ValueType type = Check(*call.args[i]);
    if (type == wanted) continue;
    Note(call.args[i]->place,
         base::StrCat("expected type ", ValueTypeName(wanted), " in call to function \"",
                      function.name, "\", got ", ValueTypeName(type)));
  }
}

void TypeCheck::CheckSelector(const VectorSelector& selector) {
  if (!selector.name.empty()) {
    for (size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
      if (selector.matchers[i].name() == model::kMetricName) {
        Note(selector.place,
             base::StrCat("metric name must not be set twice: ", Quote(selector.name), " or ",
                          Quote(selector.matchers[i].value())));
      }
    }
    return;
  }
  if (selector.may_match_everything) return;
  for (const model::Matcher& matcher : selector.matchers) {
    if (!matcher.MatchesEmpty()) return;
  }
  Note(selector.place, "vector selector must contain at least one non-empty matcher");
}

}  // namespace

absl::Status CheckTypes(std::string_view query, Expr& expr) {
  TypeCheck check(query);
  check.Check(expr);
  return check.status();
}

}  // namespace baro::promql
