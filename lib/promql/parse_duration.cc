// Durations in brackets and after offset: literals and, as an experiment of Prometheus that is
// always on here, arithmetic over them.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
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
  return seconds > kSecondsMax || seconds < -kSecondsMax;
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

std::optional<D> MinMaxOf(const Token& word) {
  if (word.kind == K::kAggregator) {
    if (word.aggregate == AggregateOp::kMin) return D::kMin;
    if (word.aggregate == AggregateOp::kMax) return D::kMax;
    return std::nullopt;
  }
  if (absl::EqualsIgnoreCase(word.text, "min_of")) return D::kMin;
  if (absl::EqualsIgnoreCase(word.text, "max_of")) return D::kMax;
  return std::nullopt;
}

}  // namespace

bool Parser::CheckPositive(const DurationExpr& duration) {
  if (duration.kind == D::kLiteral && !(duration.seconds > 0)) {
    NoteError(duration.place, "duration must be greater than 0");
  }
  return true;
}

// As SetDepth() of an expression.
bool Parser::SetDepth(DurationExpr* duration) {
  for (const DurationExpr* child : {duration->lhs.get(), duration->rhs.get()}) {
    if (child != nullptr) duration->depth = std::max(duration->depth, child->depth + 1);
  }
  return duration->depth <= kDurationDepthMax ||
         TooDeep("duration", duration->place, kDurationDepthMax);
}

DurationPtr Parser::ParseDuration(Strength weakest) {
  if (++duration_nesting_ > kDurationDepthMax) {
    TooDeep("duration", Now().place, kDurationDepthMax);
    return nullptr;
  }
  DurationPtr duration = ParseDurationOperators(weakest);
  --duration_nesting_;
  return duration;
}

// Prometheus' grammar gives up the whole duration and says where it stood.
std::nullptr_t Parser::UnexpectedInDuration() {
  static constexpr std::string_view kStarts = "number, duration, step(), or range()";
  switch (duration_place_) {
    case DurationPlace::kOffset:
      return Unexpected("offset", kStarts);
    case DurationPlace::kStep:
      return Unexpected("subquery selector", "number, duration, step(), range(), or \"]\"");
    case DurationPlace::kRange:
      break;
  }
  return Unexpected("subquery or range selector", kStarts);
}

DurationPtr Parser::ParseDurationOperators(Strength weakest) {
  return ContinueDuration(ParseDurationUnary(), weakest);
}

DurationPtr Parser::ContinueDuration(DurationPtr lhs, Strength weakest) {
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
      if (Is(K::kError)) return UnexpectedInDuration();  // read ahead of the division
      NoteError(op, kind == D::kDiv ? "division by zero" : "modulo by zero");
    }
    const Place place{lhs->place.begin, rhs->place.end};
    lhs = Node(kind, place, std::move(lhs), std::move(rhs));
    if (!SetDepth(lhs.get())) return nullptr;
  }
  return lhs;
}

DurationPtr Parser::ParseDurationUnary() {
  if (!Is(K::kAdd) && !Is(K::kSub)) return ParseDurationPrimary();
  const bool negative = Is(K::kSub);
  const Place sign = Take().place;
  DurationPtr inner = ParseDuration(kMul);
  if (!inner || !negative) return inner;
  inner = Negate(std::move(inner), sign);
  return SetDepth(inner.get()) ? std::move(inner) : nullptr;
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
    case K::kIdentifier:
      if (MinMaxOf(Now())) return ParseDurationWord();
      return UnexpectedInDuration();
    case K::kLeftParen: {
      Take();
      DurationPtr inner = ParseDuration(kNone);
      if (!inner) return nullptr;
      if (!TakeIf(K::kRightParen)) return UnexpectedInDuration();
      inner->parenthesised = true;
      return inner;
    }
    default:
      return UnexpectedInDuration();
  }
}

// step(), range(), min_of(a, b), max_of(a, b); min and max are their names before Prometheus 3.14.
DurationPtr Parser::ParseDurationWord() {
  const Token word = Take();
  if (!TakeIf(K::kLeftParen)) return UnexpectedInDuration();
  DurationPtr lhs;
  DurationPtr rhs;
  D kind = word.kind == K::kStep ? D::kStep : D::kRange;
  if (word.kind == K::kAggregator || word.kind == K::kIdentifier) {
    const std::optional<D> function = MinMaxOf(word);
    if (!function) return UnexpectedInDuration();
    kind = *function;
    lhs = ParseDuration(kNone);
    if (!lhs) return nullptr;
    if (!TakeIf(K::kComma)) return UnexpectedInDuration();
    rhs = ParseDuration(kNone);
    if (!rhs) return nullptr;
  }
  if (!Is(K::kRightParen)) return UnexpectedInDuration();
  Place place{word.place.begin, Take().place.end};
  if (lhs) place = {lhs->place.begin, rhs->place.end};
  DurationPtr node = Node(kind, place, std::move(lhs), std::move(rhs));
  return SetDepth(node.get()) ? std::move(node) : nullptr;
}

// After offset: `foo offset -2^2` is (foo offset -2)^2, so no operator outside parentheses; but
// after parentheses, or several signs, operators belong to the duration.
DurationPtr Parser::ParseOffsetDuration() {
  duration_place_ = DurationPlace::kOffset;
  const bool has_sign = Is(K::kAdd) || Is(K::kSub);
  const bool negative = Is(K::kSub);
  const Token& first = has_sign ? Ahead() : Now();
  if (has_sign && (first.kind == K::kAdd || first.kind == K::kSub)) return ParseDuration(kNone);
  if (!has_sign && first.kind == K::kLeftParen) return ParseDuration(kNone);
  const Place sign = Now().place;
  if (has_sign) Take();
  DurationPtr duration = ParseDurationPrimary();
  if (!duration || !negative) return duration;
  duration = Negate(std::move(duration), sign);
  return SetDepth(duration.get()) ? std::move(duration) : nullptr;
}

}  // namespace baro::promql
