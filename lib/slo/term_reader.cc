#include "term_reader.h"

#include <cmath>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"

namespace baro::slo {
namespace {

using promql::As;
using promql::Expr;

// How the walk stands towards the sums above a node.
struct Sign {
  double factor = 1;
  bool in_sum = false;
};

absl::Status NoSum(const Expr& expr) {
  return absl::UnimplementedError(
      base::StrCat("\"", promql::Print(expr), "\" is no sum of increases"));
}

bool IsPlain(const promql::VectorSelector& selector) {
  return selector.shift.offset_ms == 0 && selector.shift.offset_expr == nullptr &&
         !selector.shift.at_ms && selector.shift.at_anchor == promql::AtAnchor::kNone &&
         !selector.anchored && !selector.smoothed;
}

// vector(0), or something times 0: what `or` puts where there are no errors.
bool IsNothing(const Expr& expr) {
  const Expr& node = promql::Unwrap(expr);
  if (node.kind == Expr::Kind::kNumber) return As<promql::NumberLiteral>(node).value == 0;
  if (node.kind == Expr::Kind::kBinary) {
    const auto& binary = As<promql::BinaryExpr>(node);
    return binary.op == promql::BinaryOp::kMul &&
           (IsNothing(*binary.lhs) || IsNothing(*binary.rhs));
  }
  if (node.kind != Expr::Kind::kCall) return false;
  const auto& call = As<promql::Call>(node);
  return call.function->name == "vector" && call.args.size() == 1 && IsNothing(*call.args[0]);
}

class SumReader {
 public:
  explicit SumReader(bool bare_counts) : bare_counts_(bare_counts) {}

  absl::Status Walk(const Expr& expr, Sign sign);
  absl::StatusOr<Sum> Finish();

 private:
  absl::Status WalkBinary(const promql::BinaryExpr& binary, Sign sign);
  absl::Status WalkCall(const promql::Call& call, Sign sign);
  absl::Status WalkAggregate(const promql::AggregateExpr& aggregate, Sign sign);
  void Add(const promql::VectorSelector& selector, TermKind kind, double factor);

  const bool bare_counts_;
  Sum sum_;
  bool has_rates_ = false;
  bool has_others_ = false;
};

void SumReader::Add(const promql::VectorSelector& selector, TermKind kind, double factor) {
  sum_.addends.push_back({factor, kind, selector.matchers, promql::Print(selector)});
}

absl::Status SumReader::WalkCall(const promql::Call& call, Sign sign) {
  const std::string_view name = call.function->name;
  const bool is_rate = name == "rate";
  TermKind kind = TermKind::kIncrease;
  if (name == "count_over_time") {
    kind = TermKind::kSampleCount;
  } else if (name == "sum_over_time") {
    kind = TermKind::kSampleSum;
  } else if (!is_rate && name != "increase") {
    return NoSum(call);
  }
  const Expr& argument = promql::Unwrap(*call.args[0]);
  if (argument.kind != Expr::Kind::kMatrixSelector) return NoSum(call);
  const auto& matrix = As<promql::MatrixSelector>(argument);
  if (!IsPlain(*matrix.selector)) return NoSum(call);
  (is_rate ? has_rates_ : has_others_) = true;
  Add(*matrix.selector, kind, sign.factor);
  return absl::OkStatus();
}

absl::Status SumReader::WalkBinary(const promql::BinaryExpr& binary, Sign sign) {
  switch (binary.op) {
    case promql::BinaryOp::kAdd:
    case promql::BinaryOp::kSub: {
      // What has no partner on the other side would be dropped by PromQL; of sums over everything
      // each side has one element.
      BARO_TRY(Walk(*binary.lhs, sign));
      if (binary.op == promql::BinaryOp::kSub) sign.factor = -sign.factor;
      return Walk(*binary.rhs, sign);
    }
    case promql::BinaryOp::kMul: {
      for (const bool left : {true, false}) {
        const Expr& number = promql::Unwrap(left ? *binary.lhs : *binary.rhs);
        if (number.kind != Expr::Kind::kNumber) continue;
        const double factor = As<promql::NumberLiteral>(number).value;
        if (!std::isfinite(factor)) return NoSum(binary);
        sign.factor *= factor;
        return Walk(left ? *binary.rhs : *binary.lhs, sign);
      }
      return NoSum(binary);
    }
    case promql::BinaryOp::kOr:
      if (!IsNothing(*binary.rhs)) return NoSum(binary);
      return Walk(*binary.lhs, sign);
    default:
      return NoSum(binary);
  }
}

absl::Status SumReader::WalkAggregate(const promql::AggregateExpr& aggregate, Sign sign) {
  if (aggregate.op != promql::AggregateOp::kSum || aggregate.without) return NoSum(aggregate);
  if (!sign.in_sum) sum_.labels.insert(aggregate.grouping.begin(), aggregate.grouping.end());
  sign.in_sum = true;
  return Walk(*aggregate.inner, sign);
}

absl::Status SumReader::Walk(const Expr& expr, Sign sign) {
  const Expr& node = promql::Unwrap(expr);
  switch (node.kind) {
    case Expr::Kind::kBinary:
      return WalkBinary(As<promql::BinaryExpr>(node), sign);
    case Expr::Kind::kCall:
      // Without a sum around it each series would be a result of its own.
      if (!sign.in_sum) return NoSum(node);
      return WalkCall(As<promql::Call>(node), sign);
    case Expr::Kind::kAggregate:
      return WalkAggregate(As<promql::AggregateExpr>(node), sign);
    case Expr::Kind::kVectorSelector: {
      const auto& selector = As<promql::VectorSelector>(node);
      if (!bare_counts_ || !IsPlain(selector)) return NoSum(node);
      has_others_ = true;
      Add(selector, TermKind::kIncrease, sign.factor);
      return absl::OkStatus();
    }
    default:
      return NoSum(node);
  }
}

absl::StatusOr<Sum> SumReader::Finish() {
  if (has_rates_ && has_others_) {
    return absl::UnimplementedError("rates and increases in one sum");
  }
  sum_.is_rate = has_rates_;
  return std::move(sum_);
}

}  // namespace

std::string WithWindow(std::string_view text, std::string_view window) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("$window")) {
      out += window;
      text.remove_prefix(7);
      continue;
    }
    if (text.starts_with("{{")) {
      const size_t end = text.find("}}");
      if (end != std::string_view::npos) {
        std::string inner;
        for (const char c : text.substr(2, end - 2)) {
          if (c != ' ' && c != '-') inner += c;
        }
        if (inner == ".window") {
          out += window;
          text.remove_prefix(end + 2);
          continue;
        }
      }
    }
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

absl::StatusOr<Addend> ReadSelector(std::string_view text) {
  BARO_TRY_ASSIGN(const promql::ExprPtr expr, promql::ParseExpression(text));
  const Expr& node = promql::Unwrap(*expr);
  if (node.kind != Expr::Kind::kVectorSelector || !IsPlain(As<promql::VectorSelector>(node))) {
    return absl::InvalidArgumentError("expected a selector such as requests_total{job=\"x\"}");
  }
  const auto& selector = As<promql::VectorSelector>(node);
  return Addend{1, TermKind::kIncrease, selector.matchers, promql::Print(selector)};
}

absl::StatusOr<Sum> ReadSum(std::string_view text, bool bare_counts) {
  BARO_TRY_ASSIGN(const promql::ExprPtr expr, promql::ParseExpression(text));
  SumReader reader(bare_counts);
  BARO_TRY(reader.Walk(*expr, Sign()));
  return reader.Finish();
}

absl::Status CheckQuery(std::string_view text) {
  BARO_TRY_ASSIGN(const promql::ExprPtr expr, promql::ParseExpression(text));
  if (expr->type != promql::ValueType::kVector && expr->type != promql::ValueType::kScalar) {
    return absl::InvalidArgumentError(base::StrCat("expected an instant vector or a scalar, not ",
                                                   promql::ValueTypeName(expr->type)));
  }
  return absl::OkStatus();
}

void AddTerms(const Sum& sum, double to_total, double to_bad, std::vector<TermSpec>* terms) {
  for (const Addend& addend : sum.addends) {
    TermSpec term;
    term.kind = addend.kind;
    term.matchers = addend.matchers;
    term.text = addend.text;
    term.to_total = to_total * addend.factor;
    term.to_bad = to_bad * addend.factor;
    terms->push_back(std::move(term));
  }
}

}  // namespace baro::slo
