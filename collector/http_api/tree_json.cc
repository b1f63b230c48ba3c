#include "http_api/tree_json.h"

#include <array>
#include <cmath>

#include "baro/promql/functions.h"
#include "http_api/json_object.h"

namespace baro::collector {
namespace {

using promql::As;
using promql::Expr;

std::string_view CardinalityText(promql::Cardinality cardinality) {
  static constexpr std::array<std::string_view, 4> kTexts = {"one-to-one", "many-to-one",
                                                             "one-to-many", "many-to-many"};
  return kTexts[static_cast<size_t>(cardinality)];
}

std::string_view MatchText(model::MatchType type) {
  static constexpr std::array<std::string_view, 4> kTexts = {"=", "!=", "=~", "!~"};
  return kTexts[static_cast<size_t>(type)];
}

// What the passes would make of a duration; one that depends on the query's step or range is not
// known here, and 0 as in Prometheus.
int64_t Milliseconds(int64_t known_ms, const std::unique_ptr<promql::DurationExpr>& duration) {
  if (duration == nullptr || duration->kind != promql::DurationExpr::Kind::kLiteral) {
    return known_ms;
  }
  return std::llround(duration->seconds * 1000);
}

void WriteShift(const promql::TimeShift& shift, JsonObject* object) {
  object->Add("offset", Milliseconds(shift.offset_ms, shift.offset_expr));
  if (shift.at_ms) {
    object->Add("timestamp", *shift.at_ms);
  } else {
    object->Key("timestamp")->Raw("null");
  }
  if (shift.at_anchor == promql::AtAnchor::kNone) {
    object->Key("startOrEnd")->Raw("null");
  } else {
    object->Add("startOrEnd", shift.at_anchor == promql::AtAnchor::kStart ? "start" : "end");
  }
}

void WriteSelector(const promql::VectorSelector& selector, JsonObject* object) {
  object->Add("name", selector.name);
  {
    JsonList list(object->Key("matchers"));
    for (const model::Matcher& matcher : selector.matchers) {
      JsonObject entry(list.Next());
      entry.Add("name", matcher.name());
      entry.Add("type", MatchText(matcher.type()));
      entry.Add("value", matcher.value());
    }
  }
  WriteShift(selector.shift, object);
}

void WriteAggregate(const promql::AggregateExpr& aggregate, JsonObject* object) {
  object->Add("op", promql::AggregateOpText(aggregate.op));
  WriteTree(*aggregate.inner, object->Key("expr"));
  if (aggregate.parameter) {
    WriteTree(*aggregate.parameter, object->Key("param"));
  } else {
    object->Key("param")->Raw("null");
  }
  object->Key("grouping")->Strings(aggregate.grouping);
  object->Add("without", aggregate.without);
}

void WriteBinary(const promql::BinaryExpr& binary, JsonObject* object) {
  object->Add("op", promql::BinaryOpText(binary.op));
  object->Add("bool", binary.return_bool);
  WriteTree(*binary.lhs, object->Key("lhs"));
  WriteTree(*binary.rhs, object->Key("rhs"));
  if (!binary.matching) {
    object->Key("matching")->Raw("null");
    return;
  }
  JsonObject matching(object->Key("matching"));
  matching.Add("card", CardinalityText(binary.matching->cardinality));
  matching.Add("on", binary.matching->on);
  matching.Key("labels")->Strings(binary.matching->labels);
  matching.Key("include")->Strings(binary.matching->include);
}

void WriteCall(const promql::Call& call, JsonObject* object) {
  {
    JsonObject function(object->Key("func"));
    function.Add("name", call.function->name);
    JsonWriter* writer = function.Key("argTypes");
    {
      JsonList types(writer);
      for (const promql::ValueType type : call.function->args) {
        types.Next()->String(promql::ValueTypeKey(type));
      }
    }
    function.Add("variadic", call.function->variadic);
    function.Add("returnType", promql::ValueTypeKey(call.function->result));
  }
  JsonList list(object->Key("args"));
  for (const promql::ExprPtr& argument : call.args) WriteTree(*argument, list.Next());
}

void WriteSubquery(const promql::SubqueryExpr& subquery, JsonObject* object) {
  WriteTree(*subquery.inner, object->Key("expr"));
  object->Add("range", Milliseconds(subquery.range_ms, subquery.range_expr));
  object->Add("step", Milliseconds(subquery.step_ms, subquery.step_expr));
  WriteShift(subquery.shift, object);
}

void WriteNumber(double value, JsonObject* object) {
  char text[kNumberBytesMax];
  object->Add("val", std::string_view(text, static_cast<size_t>(WriteFixed(value, text) - text)));
}

std::string_view KindText(Expr::Kind kind) {
  static constexpr std::array<std::string_view, 10> kTexts = {
      "numberLiteral", "stringLiteral", "parenExpr",      "unaryExpr",      "binaryExpr",
      "call",          "aggregation",   "vectorSelector", "matrixSelector", "subquery"};
  return kTexts[static_cast<size_t>(kind)];
}

}  // namespace

void WriteTree(const Expr& expr, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("type", KindText(expr.kind));
  switch (expr.kind) {
    case Expr::Kind::kNumber:
      return WriteNumber(As<promql::NumberLiteral>(expr).value, &object);
    case Expr::Kind::kString:
      return object.Add("val", As<promql::StringLiteral>(expr).value);
    case Expr::Kind::kParen:
      return WriteTree(*As<promql::ParenExpr>(expr).inner, object.Key("expr"));
    case Expr::Kind::kUnary:
      object.Add("op", As<promql::UnaryExpr>(expr).negate ? "-" : "+");
      return WriteTree(*As<promql::UnaryExpr>(expr).inner, object.Key("expr"));
    case Expr::Kind::kBinary:
      return WriteBinary(As<promql::BinaryExpr>(expr), &object);
    case Expr::Kind::kCall:
      return WriteCall(As<promql::Call>(expr), &object);
    case Expr::Kind::kAggregate:
      return WriteAggregate(As<promql::AggregateExpr>(expr), &object);
    case Expr::Kind::kVectorSelector:
      return WriteSelector(As<promql::VectorSelector>(expr), &object);
    case Expr::Kind::kMatrixSelector: {
      const auto& matrix = As<promql::MatrixSelector>(expr);
      object.Add("range", Milliseconds(matrix.range_ms, matrix.range_expr));
      return WriteSelector(*matrix.selector, &object);
    }
    case Expr::Kind::kSubquery:
      return WriteSubquery(As<promql::SubqueryExpr>(expr), &object);
  }
}

}  // namespace baro::collector
