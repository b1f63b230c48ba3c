// The canonical form of a query, and the same spread over lines.

#include <algorithm>
#include <cmath>

#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"
#include "number_text.h"

namespace baro::promql {
namespace {

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::string LabelList(const std::vector<std::string>& labels) {
  std::vector<std::string> shown;
  for (const std::string& label : labels) {
    shown.push_back(model::IsClassicLabelName(label) ? label : Quote(label));
  }
  return Join(shown, ", ");
}

std::string DurationText(double seconds) {
  const auto ms = static_cast<int64_t>(seconds * 1e9) / 1'000'000;
  return ms < 0 ? base::StrCat("-", FormatDuration(-ms)) : FormatDuration(ms);
}

std::string PrintDuration(const DurationExpr& duration, bool literal_as_duration);

std::string PrintDurationBare(const DurationExpr& duration, bool literal_as_duration) {
  using D = DurationExpr::Kind;
  const auto infix = [&duration](std::string_view op) {
    return base::StrCat(PrintDuration(*duration.lhs, false), " ", op, " ",
                        PrintDuration(*duration.rhs, false));
  };
  const auto call = [&duration](std::string_view name) {
    return base::StrCat(name, "(", PrintDuration(*duration.lhs, false), ", ",
                        PrintDuration(*duration.rhs, false), ")");
  };
  switch (duration.kind) {
    case D::kLiteral:
      return literal_as_duration || duration.written_as_duration ? DurationText(duration.seconds)
                                                                 : FormatFixed(duration.seconds);
    case D::kStep:
      return "step()";
    case D::kRange:
      return "range()";
    case D::kMin:
      return call("min_of");
    case D::kMax:
      return call("max_of");
    case D::kAdd:
      return infix("+");
    case D::kSub:
      return infix("-");
    case D::kMul:
      return infix("*");
    case D::kDiv:
      return infix("/");
    case D::kMod:
      return infix("%");
    case D::kPow:
      return infix("^");
    case D::kNegate:
      return base::StrCat("-", PrintDuration(*duration.rhs, false));
  }
  return {};
}

std::string PrintDuration(const DurationExpr& duration, bool literal_as_duration) {
  std::string text = PrintDurationBare(duration, literal_as_duration);
  return duration.parenthesised ? base::StrCat("(", text, ")") : text;
}

std::string PrintAt(const TimeShift& shift) {
  if (shift.at_ms) {
    // %.3f of the seconds, from the exact milliseconds.
    const int64_t ms = *shift.at_ms;
    const uint64_t magnitude = ms < 0 ? 0 - static_cast<uint64_t>(ms) : static_cast<uint64_t>(ms);
    std::string fraction = std::to_string(magnitude % 1000);
    fraction.insert(0, 3 - fraction.size(), '0');
    return base::StrCat(" @ ", ms < 0 ? "-" : "", magnitude / 1000, ".", fraction);
  }
  if (shift.at_anchor == AtAnchor::kStart) return " @ start()";
  if (shift.at_anchor == AtAnchor::kEnd) return " @ end()";
  return {};
}

std::string PrintOffset(const TimeShift& shift) {
  if (shift.offset_expr) {
    return base::StrCat(" offset ", PrintDuration(*shift.offset_expr, false));
  }
  if (shift.offset_ms == 0) return {};
  return base::StrCat(" offset ", shift.offset_ms < 0 ? "-" : "",
                      FormatDuration(std::abs(shift.offset_ms)));
}

std::string_view PrintModifier(const VectorSelector& selector) {
  if (selector.anchored) return " anchored";
  return selector.smoothed ? " smoothed" : "";
}

std::string PrintBareSelector(const VectorSelector& selector) {
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : selector.matchers) {
    if (matcher.name() == model::kMetricName && matcher.type() == model::MatchType::kEqual &&
        matcher.value() == selector.name && !matcher.value().empty()) {
      continue;
    }
    static constexpr std::string_view kOps[] = {"=", "!=", "=~", "!~"};
    const std::string name =
        model::IsClassicLabelName(matcher.name()) ? matcher.name() : Quote(matcher.name());
    matchers.push_back(
        base::StrCat(name, kOps[static_cast<size_t>(matcher.type())], Quote(matcher.value())));
  }
  std::sort(matchers.begin(), matchers.end());
  if (matchers.empty()) return selector.name.empty() ? "{}" : selector.name;
  return base::StrCat(selector.name, "{", Join(matchers, ","), "}");
}

std::string PrintSelector(const VectorSelector& selector) {
  return base::StrCat(PrintBareSelector(selector), PrintAt(selector.shift), PrintModifier(selector),
                      PrintOffset(selector.shift));
}

std::string PrintMatrix(const MatrixSelector& matrix) {
  const VectorSelector& selector = *matrix.selector;
  return base::StrCat(PrintBareSelector(selector), "[", PrintDuration(*matrix.range_expr, true),
                      "]", PrintModifier(selector), PrintAt(selector.shift),
                      PrintOffset(selector.shift));
}

std::string SubquerySuffix(const SubqueryExpr& subquery) {
  return base::StrCat("[", PrintDuration(*subquery.range_expr, true), ":",
                      subquery.step_expr ? PrintDuration(*subquery.step_expr, true) : "", "]",
                      PrintAt(subquery.shift), PrintOffset(subquery.shift));
}

std::string PrintMatching(const BinaryExpr& binary) {
  if (!binary.matching) return {};
  const VectorMatching& matching = *binary.matching;
  const bool grouped = matching.cardinality == Cardinality::kManyToOne ||
                       matching.cardinality == Cardinality::kOneToMany;
  std::string text;
  if (!matching.labels.empty() || matching.on || grouped) {
    base::StrAppend(&text, matching.on ? " on (" : " ignoring (", LabelList(matching.labels), ")");
  }
  if (grouped) {
    const bool left = matching.cardinality == Cardinality::kManyToOne;
    base::StrAppend(&text, left ? " group_left (" : " group_right (", LabelList(matching.include),
                    ")");
  }
  if (matching.fill_left && matching.fill_right && *matching.fill_left == *matching.fill_right) {
    base::StrAppend(&text, " fill (", FormatShort(*matching.fill_left), ")");
    return text;
  }
  if (matching.fill_left) {
    base::StrAppend(&text, " fill_left (", FormatShort(*matching.fill_left), ")");
  }
  if (matching.fill_right) {
    base::StrAppend(&text, " fill_right (", FormatShort(*matching.fill_right), ")");
  }
  return text;
}

std::string BinaryHead(const BinaryExpr& binary) {
  return base::StrCat(BinaryOpText(binary.op), binary.return_bool ? " bool" : "",
                      PrintMatching(binary));
}

std::string AggregateHead(const AggregateExpr& aggregate) {
  std::string text(AggregateOpText(aggregate.op));
  if (aggregate.without) {
    base::StrAppend(&text, " without (", LabelList(aggregate.grouping), ") ");
  } else if (!aggregate.grouping.empty()) {
    base::StrAppend(&text, " by (", LabelList(aggregate.grouping), ") ");
  }
  return text;
}

std::string PrintNumber(const NumberLiteral& literal) {
  return literal.written_as_duration ? DurationText(literal.value) : FormatFixed(literal.value);
}

std::string PrintArgs(const std::vector<ExprPtr>& args) {
  std::vector<std::string> shown;
  for (const ExprPtr& arg : args) shown.push_back(Print(*arg));
  return Join(shown, ", ");
}

constexpr size_t kColumnsMax = 100;

// Deeper levels stand in one column: else a megabyte of parentheses would print as a gigabyte.
constexpr int kIndentLevelsMax = 60;

std::string Indent(int level) {
  return std::string(static_cast<size_t>(std::min(level, kIndentLevelsMax)) * 2, ' ');
}

std::string Pretty(const Expr& expr, int level);

std::string PrettyArgs(const std::vector<const Expr*>& args, int level) {
  std::string text = "(\n";
  for (size_t i = 0; i < args.size(); ++i) {
    base::StrAppend(&text, Pretty(*args[i], level + 1), i + 1 < args.size() ? "," : "", "\n");
  }
  return base::StrCat(text, Indent(level), ")");
}

std::string PrettyBinary(const BinaryExpr& binary, int level) {
  return base::StrCat(Pretty(*binary.lhs, level + 1), "\n", Indent(level), BinaryHead(binary), "\n",
                      Pretty(*binary.rhs, level + 1));
}

std::string PrettySubquery(const SubqueryExpr& subquery, int level) {
  return base::StrCat(Pretty(*subquery.inner, level), SubquerySuffix(subquery));
}

std::string Pretty(const Expr& expr, int level) {
  const std::string line = Print(expr);
  if (line.size() <= kColumnsMax) return base::StrCat(Indent(level), line);
  switch (expr.kind) {
    case Expr::Kind::kAggregate: {
      const auto& aggregate = As<AggregateExpr>(expr);
      std::vector<const Expr*> args;
      if (aggregate.parameter) args.push_back(aggregate.parameter.get());
      args.push_back(aggregate.inner.get());
      return base::StrCat(Indent(level), AggregateHead(aggregate), PrettyArgs(args, level));
    }
    case Expr::Kind::kBinary:
      return PrettyBinary(As<BinaryExpr>(expr), level);
    case Expr::Kind::kCall: {
      const auto& call = As<Call>(expr);
      std::vector<const Expr*> args;
      for (const ExprPtr& arg : call.args) args.push_back(arg.get());
      return base::StrCat(Indent(level), call.function->name, PrettyArgs(args, level));
    }
    case Expr::Kind::kParen:
      return base::StrCat(Indent(level), "(\n", Pretty(*As<ParenExpr>(expr).inner, level + 1), "\n",
                          Indent(level), ")");
    case Expr::Kind::kSubquery:
      return PrettySubquery(As<SubqueryExpr>(expr), level);
    case Expr::Kind::kUnary: {
      const auto& unary = As<UnaryExpr>(expr);
      // The sign stands before its operand, on the same line.
      std::string inner = Pretty(*unary.inner, level);
      return inner.insert(Indent(level).size(), unary.negate ? "-" : "+");
    }
    default:
      return base::StrCat(Indent(level), line);
  }
}

}  // namespace

std::string Print(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return PrintNumber(As<NumberLiteral>(expr));
    case Expr::Kind::kString:
      return Quote(As<StringLiteral>(expr).value);
    case Expr::Kind::kParen:
      return base::StrCat("(", Print(*As<ParenExpr>(expr).inner), ")");
    case Expr::Kind::kUnary: {
      const auto& unary = As<UnaryExpr>(expr);
      return base::StrCat(unary.negate ? "-" : "+", Print(*unary.inner));
    }
    case Expr::Kind::kBinary: {
      const auto& binary = As<BinaryExpr>(expr);
      return base::StrCat(Print(*binary.lhs), " ", BinaryHead(binary), " ", Print(*binary.rhs));
    }
    case Expr::Kind::kCall: {
      const auto& call = As<Call>(expr);
      return base::StrCat(call.function->name, "(", PrintArgs(call.args), ")");
    }
    case Expr::Kind::kAggregate: {
      const auto& aggregate = As<AggregateExpr>(expr);
      const std::string parameter =
          aggregate.parameter ? base::StrCat(Print(*aggregate.parameter), ", ") : "";
      return base::StrCat(AggregateHead(aggregate), "(", parameter, Print(*aggregate.inner), ")");
    }
    case Expr::Kind::kVectorSelector:
      return PrintSelector(As<VectorSelector>(expr));
    case Expr::Kind::kMatrixSelector:
      return PrintMatrix(As<MatrixSelector>(expr));
    case Expr::Kind::kSubquery: {
      const auto& subquery = As<SubqueryExpr>(expr);
      return base::StrCat(Print(*subquery.inner), SubquerySuffix(subquery));
    }
  }
  return {};
}

std::string PrintPretty(const Expr& expr) { return Pretty(expr, 0); }

}  // namespace baro::promql
