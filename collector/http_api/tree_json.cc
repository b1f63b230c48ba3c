#include "http_api/tree_json.h"

#include <array>
#include <cmath>
#include <memory>
#include <optional>

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

std::string_view DurationOpText(promql::DurationExpr::Kind kind) {
  static constexpr std::array<std::string_view, 12> kTexts = {
      "", "step", "range", "min_of", "max_of", "+", "-", "*", "/", "%", "^", "-"};
  return kTexts[static_cast<size_t>(kind)];
}

void WriteNumber(double value, JsonObject* object) {
  char text[kNumberBytesMax];
  object->Add("val", std::string_view(text, static_cast<size_t>(WriteFixed(value, text) - text)));
}

void WriteDuration(const promql::DurationExpr* duration, JsonWriter* writer) {
  if (duration == nullptr) return writer->Raw("null");
  JsonObject object(writer);
  if (duration->kind == promql::DurationExpr::Kind::kLiteral) {
    object.Add("type", "numberLiteral");
    WriteNumber(duration->seconds, &object);
    object.Add("duration", duration->written_as_duration);
    return;
  }
  object.Add("type", "durationExpr");
  object.Add("op", DurationOpText(duration->kind));
  // A sign has only a right side.
  const bool is_sign = duration->kind == promql::DurationExpr::Kind::kNegate;
  const promql::DurationExpr* const left = duration->lhs.get();
  const promql::DurationExpr* const right = duration->rhs.get();
  WriteDuration(is_sign ? nullptr : left, object.Key("lhs"));
  WriteDuration(is_sign && right == nullptr ? left : right, object.Key("rhs"));
  object.Add("wrapped", duration->parenthesised);
}

// Null for a plain duration, which stands as a number beside it.
void WriteComputed(const std::unique_ptr<promql::DurationExpr>& duration, std::string_view key,
                   JsonObject* object) {
  const bool plain = duration == nullptr || duration->kind == promql::DurationExpr::Kind::kLiteral;
  WriteDuration(plain ? nullptr : duration.get(), object->Key(key));
}

void WriteShift(const promql::TimeShift& shift, JsonObject* object) {
  object->Add("offset", Milliseconds(shift.offset_ms, shift.offset_expr));
  WriteComputed(shift.offset_expr, "offsetExpr", object);
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
  object->Add("anchored", selector.anchored);
  object->Add("smoothed", selector.smoothed);
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

void WriteFill(const std::optional<double>& value, JsonWriter* writer) {
  if (value) {
    writer->Number(*value);
  } else {
    writer->Raw("null");
  }
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
  JsonObject fill(matching.Key("fillValues"));
  WriteFill(binary.matching->fill_left, fill.Key("lhs"));
  WriteFill(binary.matching->fill_right, fill.Key("rhs"));
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
  WriteComputed(subquery.range_expr, "rangeExpr", object);
  object->Add("step", Milliseconds(subquery.step_ms, subquery.step_expr));
  WriteComputed(subquery.step_expr, "stepExpr", object);
  WriteShift(subquery.shift, object);
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
      WriteComputed(matrix.range_expr, "rangeExpr", &object);
      return WriteSelector(*matrix.selector, &object);
    }
    case Expr::Kind::kSubquery:
      return WriteSubquery(As<promql::SubqueryExpr>(expr), &object);
  }
}

}  // namespace baro::collector
