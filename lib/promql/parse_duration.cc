// Durations in brackets and after offset: literals and, as an experiment of Prometheus that is
// always on here, arithmetic over them.

#include <utility>

#include "baro/base/strings.h"
#include "baro/promql/parse.h"
#include "parser.h"

namespace baro::promql {
namespace {

using K = TokenKind;
using D = DurationExpr::Kind;
using DurationPtr = std::unique_ptr<DurationExpr>;

DurationPtr Node(D kind, Place place, DurationPtr lhs, DurationPtr rhs) {
  auto node = std::make_unique<DurationExpr>();
  node->kind = kind;
  node->place = place;
  node->lhs = std::move(lhs);
  node->rhs = std::move(rhs);
  return node;
}

// Go's Duration holds this many seconds.
bool OutOfRange(double seconds) {
  constexpr double kSecondsMax = 9'223'372'036.854775807;
  return !(seconds <= kSecondsMax && seconds >= -kSecondsMax);
}

DurationPtr Negate(DurationPtr inner, Place sign) {
  if (inner->kind == D::kLiteral && !inner->parenthesised) {
    inner->seconds = -inner->seconds;
    inner->place.begin = sign.begin;
    return inner;
  }
  const Place place{sign.begin, inner->place.end};
  return Node(D::kNegate, place, nullptr, std::move(inner));
}

}  // namespace

bool Parser::CheckPositive(const DurationExpr& duration) {
  if (duration.kind == D::kLiteral && !(duration.seconds > 0)) {
    NoteError(duration.place, "duration must be greater than 0");
  }
  return true;
}

DurationPtr Parser::ParseDuration(Strength weakest) {
  DurationPtr lhs = ParseDurationUnary();
  while (lhs) {
    D kind = D::kAdd;
    Strength strength = kAdd;
    switch (Now().kind) {
      case K::kAdd:
        break;
      case K::kSub:
        kind = D::kSub;
        break;
      case K::kMul:
        kind = D::kMul;
        strength = kMul;
        break;
      case K::kDiv:
        kind = D::kDiv;
        strength = kMul;
        break;
      case K::kMod:
        kind = D::kMod;
        strength = kMul;
        break;
      case K::kPow:
        kind = D::kPow;
        strength = kPow;
        break;
      default:
        return lhs;
    }
    if (strength <= weakest) return lhs;
    const Place op = Take().place;
    DurationPtr rhs = ParseDuration(strength == kPow ? kMul : strength);
    if (!rhs) return nullptr;
    if ((kind == D::kDiv || kind == D::kMod) && rhs->kind == D::kLiteral && rhs->seconds == 0) {
      NoteError(op, kind == D::kDiv ? "division by zero" : "modulo by zero");
    }
    const Place place{lhs->place.begin, rhs->place.end};
    lhs = Node(kind, place, std::move(lhs), std::move(rhs));
  }
  return lhs;
}

DurationPtr Parser::ParseDurationUnary() {
  if (!Is(K::kAdd) && !Is(K::kSub)) return ParseDurationPrimary();
  if (++nesting_ > kDepthMax) return Unexpected();
  const bool negative = Is(K::kSub);
  const Place sign = Take().place;
  DurationPtr inner = ParseDuration(kMul);
  --nesting_;
  if (!inner) return nullptr;
  return negative ? Negate(std::move(inner), sign) : std::move(inner);
}

DurationPtr Parser::ParseDurationPrimary() {
  switch (Now().kind) {
    case K::kNumber:
    case K::kDuration: {
      auto literal = std::make_unique<DurationExpr>();
      literal->place = Now().place;
      TakeNumber(&literal->seconds, &literal->written_as_duration);
      if (OutOfRange(literal->seconds)) {
        NoteError(literal->place, "duration out of range");
        literal->seconds = 1;
      }
      return literal;
    }
    case K::kStep:
    case K::kRange:
    case K::kAggregator:
      return ParseDurationWord();
    case K::kLeftParen: {
      if (++nesting_ > kDepthMax) return Unexpected();
      Take();
      DurationPtr inner = ParseDuration(kNone);
      --nesting_;
      if (!inner) return nullptr;
      if (!TakeIf(K::kRightParen)) return Unexpected("subquery or range", "\":\" or \"]\"");
      inner->parenthesised = true;
      return inner;
    }
    default:
      return Unexpected("subquery or range selector", "number, duration, step(), or range()");
  }
}

// step(), range(), min(a, b), max(a, b).
DurationPtr Parser::ParseDurationWord() {
  const Token word = Take();
  if (!TakeIf(K::kLeftParen)) return Unexpected();
  DurationPtr lhs;
  DurationPtr rhs;
  D kind = word.kind == K::kStep ? D::kStep : D::kRange;
  if (word.kind == K::kAggregator) {
    if (word.aggregate != AggregateOp::kMin && word.aggregate != AggregateOp::kMax) {
      return Unexpected();
    }
    kind = word.aggregate == AggregateOp::kMin ? D::kMin : D::kMax;
    if (++nesting_ > kDepthMax) return Unexpected();
    lhs = ParseDuration(kNone);
    if (!lhs) return nullptr;
    if (!TakeIf(K::kComma)) return Unexpected();
    rhs = ParseDuration(kNone);
    --nesting_;
    if (!rhs) return nullptr;
  }
  if (!Is(K::kRightParen)) return Unexpected();
  const Place place{word.place.begin, Take().place.end};
  return Node(kind, place, std::move(lhs), std::move(rhs));
}

// After offset: `foo offset -2^2` is (foo offset -2)^2, so no operator outside parentheses.
DurationPtr Parser::ParseOffsetDuration() {
  const bool signed_value = Is(K::kAdd) || Is(K::kSub);
  const bool negative = Is(K::kSub);
  const Place sign = Now().place;
  if (signed_value) Take();
  const bool min_max = Is(K::kAggregator) && Ahead().kind == K::kLeftParen;
  if (!Is(K::kNumber) && !Is(K::kDuration) && !Is(K::kStep) && !Is(K::kRange) &&
      !Is(K::kLeftParen) && !min_max) {
    return Unexpected("offset", "number, duration, step(), or range()");
  }
  DurationPtr duration = ParseDurationPrimary();
  if (!duration || !negative) return duration;
  return Negate(std::move(duration), sign);
}

}  // namespace baro::promql
