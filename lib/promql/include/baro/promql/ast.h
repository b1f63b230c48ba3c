// The syntax tree of PromQL: what the parser makes, the passes annotate, the printer writes and the
// evaluator walks. Owned top-down by unique_ptr; thread-compatible; immutable once prepared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baro/model/matcher.h"

namespace baro::promql {

enum class ValueType : uint8_t { kNone, kScalar, kVector, kMatrix, kString };

// "instant vector", "range vector", …: the words of Prometheus' messages.
std::string_view ValueTypeName(ValueType type);
// "vector", "matrix", "scalar", "string", "none": the words of its JSON.
std::string_view ValueTypeKey(ValueType type);

// Where a node stands in the query: byte offsets, end exclusive.
struct Place {
  size_t begin = 0;
  size_t end = 0;
};

// "2:7", counted from 1 as editors do. "unknown position" for an empty query, as Prometheus says.
std::string PlaceText(std::string_view query, size_t offset);

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kUnless,
  kTrimUpper,  // histogram </ bound: what lies below
  kTrimLower,  // histogram >/ bound: what lies above
};

std::string_view BinaryOpText(BinaryOp op);
bool IsComparison(BinaryOp op);
bool IsSetOp(BinaryOp op);
bool IsTrim(BinaryOp op);
// The result is another metric.
bool IsArithmetic(BinaryOp op);

enum class AggregateOp : uint8_t {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kQuantile,
  kTopk,
  kBottomk,
  kCountValues,
  kLimitk,
  kLimitRatio,
};

std::string_view AggregateOpText(AggregateOp op);
bool HasParameter(AggregateOp op);

// A duration that is computed: [5m + step()], offset max(step(), 1m).
struct DurationExpr {
  enum class Kind : uint8_t {
    kLiteral,
    kStep,
    kRange,
    kMin,
    kMax,
    kAdd,
    kSub,
    kMul,
    kDiv,
    kMod,
    kPow,
    kNegate,
  };
  Kind kind = Kind::kLiteral;
  Place place;
  int depth = 1;                     // as Expr::depth
  double seconds = 0;                // of a literal
  bool written_as_duration = false;  // 5m, not 300
  bool parenthesised = false;
  std::unique_ptr<DurationExpr> lhs;  // null for kLiteral, kStep, kRange, kNegate
  std::unique_ptr<DurationExpr> rhs;
};

struct Expr {
  enum class Kind : uint8_t {
    kNumber,
    kString,
    kParen,
    kUnary,
    kBinary,
    kCall,
    kAggregate,
    kVectorSelector,
    kMatrixSelector,
    kSubquery,
  };

  Expr(Kind node_kind, ValueType value_type) : kind(node_kind), type(value_type) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  const Kind kind;
  ValueType type;
  Place place;
  // Longest path to a leaf; the parser bounds it, so every walk may recurse.
  int depth = 1;
  // Set by the passes: the value is the same at every step, so one step is evaluated.
  bool step_invariant = false;
};

using ExprPtr = std::unique_ptr<Expr>;

// The node as a T; the caller has looked at `kind`.
template <typename T>
const T& As(const Expr& expr) {
  return static_cast<const T&>(expr);
}
template <typename T>
T& As(Expr& expr) {
  return static_cast<T&>(expr);
}

struct NumberLiteral final : Expr {
  NumberLiteral() : Expr(Kind::kNumber, ValueType::kScalar) {}
  double value = 0;
  bool written_as_duration = false;
};

struct StringLiteral final : Expr {
  StringLiteral() : Expr(Kind::kString, ValueType::kString) {}
  std::string value;
};

struct ParenExpr final : Expr {
  ParenExpr() : Expr(Kind::kParen, ValueType::kNone) {}
  ExprPtr inner;
};

struct UnaryExpr final : Expr {
  UnaryExpr() : Expr(Kind::kUnary, ValueType::kNone) {}
  bool negate = false;
  ExprPtr inner;
};

enum class Cardinality : uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

// How the series of two vectors find each other.
struct VectorMatching {
  Cardinality cardinality = Cardinality::kOneToOne;
  bool on = false;
  std::vector<std::string> labels;   // of on() or ignoring()
  std::vector<std::string> include;  // of group_left() or group_right()
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

struct BinaryExpr final : Expr {
  BinaryExpr() : Expr(Kind::kBinary, ValueType::kNone) {}
  BinaryOp op = BinaryOp::kAdd;
  bool return_bool = false;
  ExprPtr lhs;
  ExprPtr rhs;
  std::optional<VectorMatching> matching;  // between two vectors only, after the type check
};

struct Function;  // functions.h

struct Call final : Expr {
  Call() : Expr(Kind::kCall, ValueType::kNone) {}
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
};

struct AggregateExpr final : Expr {
  AggregateExpr() : Expr(Kind::kAggregate, ValueType::kVector) {}
  AggregateOp op = AggregateOp::kSum;
  bool without = false;
  std::vector<std::string> grouping;
  ExprPtr parameter;  // null when the operator has none
  ExprPtr inner;
};

enum class AtAnchor : uint8_t { kNone, kStart, kEnd };

// offset and @ of a selector or subquery.
struct TimeShift {
  int64_t offset_ms = 0;
  std::unique_ptr<DurationExpr> offset_expr;  // the passes turn it into offset_ms
  std::optional<int64_t> at_ms;
  AtAnchor at_anchor = AtAnchor::kNone;  // the passes turn it into at_ms
};

struct VectorSelector final : Expr {
  VectorSelector() : Expr(Kind::kVectorSelector, ValueType::kVector) {}
  std::string name;  // written before the braces; then also the last matcher
  std::vector<model::Matcher> matchers;
  TimeShift shift;
  bool anchored = false;
  bool smoothed = false;
  // Set by the passes: of histograms no more than count and sum is asked.
  bool histogram_sums_only = false;
  // info()'s label selector may match everything.
  bool may_match_everything = false;
};

struct MatrixSelector final : Expr {
  MatrixSelector() : Expr(Kind::kMatrixSelector, ValueType::kMatrix) {}
  std::unique_ptr<VectorSelector> selector;
  int64_t range_ms = 0;
  std::unique_ptr<DurationExpr> range_expr;
};

struct SubqueryExpr final : Expr {
  SubqueryExpr() : Expr(Kind::kSubquery, ValueType::kMatrix) {}
  ExprPtr inner;
  int64_t range_ms = 0;
  std::unique_ptr<DurationExpr> range_expr;
  int64_t step_ms = 0;  // 0: the default of the engine
  std::unique_ptr<DurationExpr> step_expr;
  TimeShift shift;
};

// The expression inside any parentheses.
const Expr& Unwrap(const Expr& expr);

// Children in the order they are written; for walks that treat all kinds alike.
std::vector<Expr*> Children(Expr& expr);

}  // namespace baro::promql
