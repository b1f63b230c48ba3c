// Selectors: metric names, matchers, groupings, ranges, offset and @.

#include <re2/re2.h>

#include <cmath>
#include <utility>

#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "number_text.h"
#include "parser.h"

namespace baro::promql {
namespace {

using K = TokenKind;

// What a grouping may name without quotes: names and the keywords that are names too.
bool CanNameLabel(TokenKind kind) {
  switch (kind) {
    case K::kIdentifier:
    case K::kMetricIdentifier:
    case K::kAggregator:
    case K::kAnd:
    case K::kOr:
    case K::kUnless:
    case K::kAtan2:
      return true;
    default:
      return kind >= K::kOffset && kind <= K::kRange;
  }
}

model::MatchType MatchTypeOf(TokenKind kind) {
  switch (kind) {
    case K::kEql:
      return model::MatchType::kEqual;
    case K::kNeq:
      return model::MatchType::kNotEqual;
    case K::kEqlRegex:
      return model::MatchType::kRegex;
    default:
      return model::MatchType::kNotRegex;
  }
}

bool IsMatchOp(TokenKind kind) {
  return kind == K::kEql || kind == K::kNeq || kind == K::kEqlRegex || kind == K::kNeqRegex;
}

// Go's words for what RE2 says of a broken expression.
std::string RegexError(const std::string& expression) {
  const std::string converted = model::ToRe2Syntax(expression);
  const RE2 regex(converted, RE2::Quiet);
  std::string_view what = "invalid or unsupported Perl syntax";
  switch (regex.error_code()) {
    case RE2::ErrorBadEscape:
      what = "invalid escape sequence";
      break;
    case RE2::ErrorBadCharClass:
      what = "invalid character class";
      break;
    case RE2::ErrorBadCharRange:
      what = "invalid character class range";
      break;
    case RE2::ErrorMissingBracket:
      what = "missing closing ]";
      break;
    case RE2::ErrorMissingParen:
      what = "missing closing )";
      break;
    case RE2::ErrorUnexpectedParen:
      what = "unexpected )";
      break;
    case RE2::ErrorTrailingBackslash:
      return "error parsing regexp: trailing backslash at end of expression: ``";
    case RE2::ErrorRepeatArgument:
      what = "missing argument to repetition operator";
      break;
    case RE2::ErrorRepeatSize:
      what = "invalid repeat count";
      break;
    case RE2::ErrorRepeatOp:
      what = "invalid nested repetition operator";
      break;
    case RE2::ErrorBadUTF8:
      what = "invalid UTF-8";
      break;
    case RE2::ErrorBadNamedCapture:
      what = "invalid named capture";
      break;
    default:
      break;
  }
  // The part that is broken, as it was written.
  std::string part = regex.error_arg() == converted ? expression : regex.error_arg();
  if (part.starts_with("(?P<") && expression.find(part) == std::string::npos) part.erase(2, 1);
  return base::StrCat("error parsing regexp: ", what, ": `", part, "`");
}

}  // namespace

bool Parser::ParseGrouping(std::vector<std::string>* labels) {
  if (!TakeIf(K::kLeftParen)) return Unexpected("grouping opts", "\"(\"") != nullptr;
  while (!Is(K::kRightParen)) {
    if (!ParseGroupingLabel(labels)) return false;
    if (TakeIf(K::kComma)) continue;
    if (!Is(K::kRightParen)) return Unexpected("grouping opts", "\",\" or \")\"") != nullptr;
  }
  Take();
  return true;
}

bool Parser::ParseGroupingLabel(std::vector<std::string>* labels) {
  if (!Is(K::kString) && !CanNameLabel(Now().kind)) {
    return Unexpected("grouping opts", "label") != nullptr;
  }
  const Place place = Now().place;
  std::string label = Is(K::kString) ? TakeString() : Take().text;
  if (!IsValidLabelName(label)) {
    NoteError(place, base::StrCat("invalid label name for grouping: ", Quote(label)));
  }
  labels->push_back(std::move(label));
  return true;
}

std::unique_ptr<VectorSelector> Parser::ParseSelector() {
  auto selector = std::make_unique<VectorSelector>();
  selector->place = Now().place;
  if (!Is(K::kLeftBrace)) selector->name = Take().text;
  if (Is(K::kLeftBrace) && !ParseMatchers(selector.get())) return nullptr;
  if (!selector->name.empty()) {
    selector->matchers.push_back(*model::Matcher::Create(
        model::MatchType::kEqual, std::string(model::kMetricName), selector->name));
  }
  return selector;
}

bool Parser::ParseMatchers(VectorSelector* selector) {
  Take();
  while (!Is(K::kRightBrace)) {
    if (!ParseMatcher(selector)) return false;
    if (TakeIf(K::kComma)) continue;
    if (!Is(K::kRightBrace)) return Unexpected("label matching", "\",\" or \"}\"") != nullptr;
  }
  selector->place.end = Take().place.end;
  return true;
}

bool Parser::ParseMatcher(VectorSelector* selector) {
  if (!Is(K::kIdentifier) && !Is(K::kString)) {
    return Unexpected("label matching", "identifier or \"}\"") != nullptr;
  }
  const bool quoted = Is(K::kString);
  const Place name_place = Now().place;
  std::string name = quoted ? TakeString() : Take().text;
  if (!IsMatchOp(Now().kind)) {
    if (!quoted) return Unexpected("label matching", "label matching operator") != nullptr;
    // {"my.metric"}: a metric name that needs quotes.
    selector->matchers.push_back(*model::Matcher::Create(
        model::MatchType::kEqual, std::string(model::kMetricName), std::move(name)));
    return true;
  }
  const model::MatchType type = MatchTypeOf(Take().kind);
  if (!Is(K::kString)) return Unexpected("label matching", "string") != nullptr;
  const std::string value = TakeString();
  absl::StatusOr<model::Matcher> matcher = model::Matcher::Create(type, std::move(name), value);
  if (matcher.ok()) {
    selector->matchers.push_back(*std::move(matcher));
  } else {
    NoteError(name_place, RegexError(value));
  }
  return true;
}

// The shift of a node that offset and @ may follow; else notes the error and returns null.
TimeShift* Parser::ShiftOf(Expr* expr, std::string_view modifier) {
  switch (expr->kind) {
    case Expr::Kind::kVectorSelector:
      return &As<VectorSelector>(*expr).shift;
    case Expr::Kind::kMatrixSelector:
      return &As<MatrixSelector>(*expr).selector->shift;
    case Expr::Kind::kSubquery:
      return &As<SubqueryExpr>(*expr).shift;
    default:
      NoteError(expr->place, base::StrCat(modifier,
                                          " modifier must be preceded by an instant vector "
                                          "selector or range vector selector or a subquery"));
      return nullptr;
  }
}

ExprPtr Parser::ParseOffset(ExprPtr inner) {
  Take();
  std::unique_ptr<DurationExpr> duration = ParseOffsetDuration();
  if (!duration) return nullptr;
  TimeShift* const shift = ShiftOf(inner.get(), "offset");
  if (shift == nullptr) return inner;
  if (shift->offset_ms != 0 || shift->offset_expr) {
    NoteError(inner->place, "offset may not be set multiple times");
  } else if (duration->kind == DurationExpr::Kind::kLiteral && std::isnan(duration->seconds)) {
    NoteError(duration->place, "duration out of range");
  } else if (duration->kind == DurationExpr::Kind::kLiteral) {
    shift->offset_ms = static_cast<int64_t>(std::round(duration->seconds * 1e9) / 1e6);
  } else {
    shift->offset_expr = std::move(duration);
  }
  inner->place.end = last_closing_;
  return inner;
}

ExprPtr Parser::ParseAt(ExprPtr inner) {
  Take();
  if (Is(K::kStart) || Is(K::kEndWord)) {
    const AtAnchor anchor = Take().kind == K::kStart ? AtAnchor::kStart : AtAnchor::kEnd;
    if (!TakeIf(K::kLeftParen)) return Unexpected("@", "timestamp");
    if (!TakeIf(K::kRightParen)) return Unexpected("@", "timestamp");
    ApplyAnchor(inner.get(), anchor);
    return inner;
  }
  const bool negative = Is(K::kSub);
  if (Is(K::kSub) || Is(K::kAdd)) Take();
  double seconds = 0;
  bool duration = false;
  if (!TakeNumber(&seconds, &duration)) return Unexpected("@", "timestamp");
  ApplyAt(inner.get(), negative ? -seconds : seconds);
  return inner;
}

void Parser::ApplyAt(Expr* expr, double seconds) {
  constexpr double kLimit = 9'223'372'036'854'775'807.0;
  if (!std::isfinite(seconds) || seconds >= kLimit || seconds <= -kLimit) {
    NoteError(expr->place,
              base::StrCat("timestamp out of bounds for @ modifier: ", FormatSix(seconds)));
    return;
  }
  TimeShift* const shift = ShiftOf(expr, "@");
  if (shift == nullptr) return;
  if (shift->at_ms || shift->at_anchor != AtAnchor::kNone) {
    NoteError(expr->place, "@ <timestamp> may not be set multiple times");
    return;
  }
  const double ms = std::round(seconds * 1000);
  if (ms >= kLimit || ms <= -kLimit) {
    NoteError(expr->place,
              base::StrCat("timestamp out of bounds for @ modifier: ", FormatSix(seconds)));
    return;
  }
  shift->at_ms = static_cast<int64_t>(ms);
  expr->place.end = last_closing_;
}

void Parser::ApplyAnchor(Expr* expr, AtAnchor anchor) {
  TimeShift* const shift = ShiftOf(expr, "@");
  if (shift == nullptr) return;
  if (shift->at_ms || shift->at_anchor != AtAnchor::kNone) {
    NoteError(expr->place, "@ <timestamp> may not be set multiple times");
    return;
  }
  shift->at_anchor = anchor;
  expr->place.end = last_closing_;
}

ExprPtr Parser::ParseRangeModifier(ExprPtr inner) {
  const bool anchored = Take().kind == K::kAnchored;
  const std::string_view word = anchored ? "anchored" : "smoothed";
  VectorSelector* selector = nullptr;
  if (inner->kind == Expr::Kind::kVectorSelector) {
    selector = &As<VectorSelector>(*inner);
  } else if (inner->kind == Expr::Kind::kMatrixSelector) {
    selector = As<MatrixSelector>(*inner).selector.get();
  } else {
    NoteError(inner->place, base::StrCat(word, inner->kind == Expr::Kind::kSubquery
                                                   ? " modifier is not supported for subqueries"
                                                   : " modifier not implemented"));
    return inner;
  }
  (anchored ? selector->anchored : selector->smoothed) = true;
  if (selector->anchored && selector->smoothed) {
    NoteError(inner->place, "anchored and smoothed modifiers cannot be used together");
  }
  return inner;
}

ExprPtr Parser::ParseBrackets(ExprPtr inner) {
  const size_t begin = Take().place.begin;
  duration_place_ = DurationPlace::kRange;
  std::unique_ptr<DurationExpr> range = ParseDuration(kNone);
  if (!range || !CheckPositive(*range)) return nullptr;
  if (Is(K::kRightBracket)) {
    const Place brackets{begin, Take().place.end};
    return MakeMatrix(std::move(inner), std::move(range), brackets);
  }
  if (!TakeIf(K::kColon)) return Unexpected("subquery or range", "\":\" or \"]\"");
  auto subquery = std::make_unique<SubqueryExpr>();
  if (!Is(K::kRightBracket)) {
    duration_place_ = DurationPlace::kStep;
    subquery->step_expr = ParseDuration(kNone);
    if (!subquery->step_expr || !CheckPositive(*subquery->step_expr)) return nullptr;
    if (!Is(K::kRightBracket)) return Unexpected("subquery selector", "\"]\"");
  }
  subquery->place = {inner->place.begin, Take().place.end};
  subquery->inner = std::move(inner);
  subquery->range_expr = std::move(range);
  return SetDepth(subquery.get()) ? ExprPtr(std::move(subquery)) : nullptr;
}

ExprPtr Parser::MakeMatrix(ExprPtr inner, std::unique_ptr<DurationExpr> range, Place brackets) {
  auto matrix = std::make_unique<MatrixSelector>();
  matrix->place = {inner->place.begin, last_closing_};
  matrix->range_expr = std::move(range);
  if (inner->kind != Expr::Kind::kVectorSelector) {
    NoteError(brackets, "ranges only allowed for vector selectors");
    matrix->selector = std::make_unique<VectorSelector>();
    matrix->selector->place = inner->place;
    return matrix;
  }
  matrix->selector.reset(static_cast<VectorSelector*>(inner.release()));
  const TimeShift& shift = matrix->selector->shift;
  if (shift.offset_ms != 0 || shift.offset_expr) {
    NoteError(brackets, "no offset modifiers allowed before range");
  } else if (shift.at_ms || shift.at_anchor != AtAnchor::kNone) {
    NoteError(brackets, "no @ modifiers allowed before range");
  }
  return SetDepth(matrix.get()) ? ExprPtr(std::move(matrix)) : nullptr;
}

absl::StatusOr<std::vector<model::Matcher>> ParseSelector(std::string_view text) {
  return Parser(text).ParseBareSelector();
}

}  // namespace baro::promql
