#include "parser.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"
#include "number_text.h"

namespace baro::promql {
namespace {

using K = TokenKind;

std::optional<BinaryOp> BinaryOpOf(TokenKind kind) {
  static constexpr std::pair<TokenKind, BinaryOp> kOps[] = {{K::kAdd, BinaryOp::kAdd},
                                                            {K::kSub, BinaryOp::kSub},
                                                            {K::kMul, BinaryOp::kMul},
                                                            {K::kDiv, BinaryOp::kDiv},
                                                            {K::kMod, BinaryOp::kMod},
                                                            {K::kPow, BinaryOp::kPow},
                                                            {K::kAtan2, BinaryOp::kAtan2},
                                                            {K::kEqlc, BinaryOp::kEqual},
                                                            {K::kNeq, BinaryOp::kNotEqual},
                                                            {K::kLss, BinaryOp::kLess},
                                                            {K::kLte, BinaryOp::kLessEqual},
                                                            {K::kGtr, BinaryOp::kGreater},
                                                            {K::kGte, BinaryOp::kGreaterEqual},
                                                            {K::kAnd, BinaryOp::kAnd},
                                                            {K::kOr, BinaryOp::kOr},
                                                            {K::kUnless, BinaryOp::kUnless},
                                                            {K::kTrimUpper, BinaryOp::kTrimUpper},
                                                            {K::kTrimLower, BinaryOp::kTrimLower}};
  for (const auto& [token, op] : kOps) {
    if (token == kind) return op;
  }
  return std::nullopt;
}

bool CanNameMetric(TokenKind kind) {
  switch (kind) {
    case K::kIdentifier:
    case K::kMetricIdentifier:
    case K::kAggregator:
    case K::kBy:
    case K::kWithout:
    case K::kAnd:
    case K::kOr:
    case K::kUnless:
    case K::kOffset:
    case K::kStart:
    case K::kEndWord:
    case K::kStep:
    case K::kRange:
    case K::kAnchored:
    case K::kSmoothed:
    case K::kFill:
    case K::kFillLeft:
    case K::kFillRight:
      return true;
    default:
      return false;
  }
}

// Whether an expression can begin with it. What the lexer has to say goes first.
bool CanBegin(K kind) {
  switch (kind) {
    case K::kNumber:
    case K::kDuration:
    case K::kString:
    case K::kLeftParen:
    case K::kLeftBrace:
    case K::kAdd:
    case K::kSub:
    case K::kError:
      return true;
    default:
      return CanNameMetric(kind);
  }
}

}  // namespace

absl::Status ParseError(std::string_view query, Place place, std::string_view message) {
  return absl::InvalidArgumentError(
      base::StrCat(PlaceText(query, place.begin), ": parse error: ", message));
}

const Token& Parser::Take() {
  const Token& token = Now();
  switch (token.kind) {
    case K::kRightBrace:
    case K::kRightParen:
    case K::kRightBracket:
    case K::kDuration:
    case K::kNumber:
      last_closing_ = token.place.end;
      break;
    default:
      break;
  }
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool Parser::TakeIf(TokenKind kind) {
  if (!Is(kind)) return false;
  Take();
  return true;
}

void Parser::NoteError(Place place, std::string message) {
  if (!first_error_.empty()) return;
  first_error_ = base::StrCat(PlaceText(query_, place.begin), ": parse error: ", message);
}

std::nullptr_t Parser::Unexpected(std::string_view context, std::string_view expected) {
  if (!std::exchange(failed_, true)) {
    if (Is(K::kError)) {
      NoteError(Now().place, Now().text);
    } else {
      std::string message = base::StrCat("unexpected ", Describe(Now()));
      if (!context.empty()) base::StrAppend(&message, " in ", context);
      if (!expected.empty()) base::StrAppend(&message, ", expected ", expected);
      NoteError(Now().place, std::move(message));
    }
  }
  return nullptr;
}

absl::Status Parser::Error() const { return absl::InvalidArgumentError(first_error_); }

// Takes the depth from the children. False when it is too great, which counts as a syntax error.
bool Parser::SetDepth(Expr* expr) {
  for (const Expr* child : Children(*expr)) expr->depth = std::max(expr->depth, child->depth + 1);
  return expr->depth <= depth_max_ || TooDeep("expression", expr->place, depth_max_);
}

bool Parser::TooDeep(std::string_view what, Place place, int limit) {
  NoteError(place, base::StrCat(what, " is nested deeper than ", limit));
  failed_ = true;
  return false;
}

absl::StatusOr<ExprPtr> Parser::ParseQuery() {
  if (query_.size() > kQueryBytesMax) {
    return ParseError(query_, {}, base::StrCat("query is longer than ", kQueryBytesMax, " bytes"));
  }
  if (Is(K::kEnd)) return ParseError(query_, {}, "no expression found in input");
  ExprPtr expr = ParseBinary(kNone);
  if (expr && !Is(K::kEnd)) Unexpected();
  if (!first_error_.empty()) return Error();
  BARO_TRY(CheckTypes(query_, *expr));
  return expr;
}

absl::StatusOr<std::vector<model::Matcher>> Parser::ParseBareSelector() {
  if (query_.size() > kQueryBytesMax) {
    return ParseError(query_, {}, base::StrCat("query is longer than ", kQueryBytesMax, " bytes"));
  }
  std::unique_ptr<VectorSelector> selector;
  if (CanNameMetric(Now().kind) || Is(K::kLeftBrace)) {
    selector = ParseSelector();
  } else {
    Unexpected();
  }
  if (selector && !Is(K::kEnd)) Unexpected();
  if (!first_error_.empty()) return Error();
  return std::move(selector->matchers);
}

ExprPtr Parser::ParseBinary(Strength weakest) {
  static constexpr Strength kStrengths[] = {
      kAdd,     kAdd,     kMul,     kMul,     kMul, kPow, kMul, kCompare, kCompare,
      kCompare, kCompare, kCompare, kCompare, kAnd, kOr,  kAnd, kCompare, kCompare};
  static_assert(std::size(kStrengths) == static_cast<size_t>(BinaryOp::kTrimLower) + 1);
  // Whatever nests passes through here; counted on the way in, for a tree is only made on the way
  // out.
  if (++nesting_ > depth_max_) {
    TooDeep("expression", Now().place, depth_max_);
    return nullptr;
  }
  ExprPtr lhs = ParseUnary();
  while (lhs) {
    const std::optional<BinaryOp> op = BinaryOpOf(Now().kind);
    if (!op) break;
    const Strength strength = kStrengths[static_cast<size_t>(*op)];
    if (strength <= weakest) break;
    auto binary = std::make_unique<BinaryExpr>();
    binary->op = *op;
    Take();
    if (!ParseBinaryModifiers(binary.get())) return nullptr;
    // ^ is the only operator that binds to the right: 2^3^2 is 2^9.
    binary->rhs = ParseBinary(strength == kPow ? static_cast<Strength>(kPow - 1) : strength);
    if (!binary->rhs) return nullptr;
    binary->place = {lhs->place.begin, binary->rhs->place.end};
    binary->lhs = std::move(lhs);
    if (!SetDepth(binary.get())) return nullptr;
    lhs = std::move(binary);
  }
  --nesting_;
  return lhs;
}

bool Parser::ParseBinaryModifiers(BinaryExpr* binary) {
  VectorMatching& matching = binary->matching.emplace();
  binary->return_bool = TakeIf(K::kBool);
  if (Is(K::kOn) || Is(K::kIgnoring)) {
    matching.on = Take().kind == K::kOn;
    if (!ParseGrouping(&matching.labels)) return false;
    if (Is(K::kGroupLeft) || Is(K::kGroupRight)) {
      const bool left = Take().kind == K::kGroupLeft;
      matching.cardinality = left ? Cardinality::kManyToOne : Cardinality::kOneToMany;
      if (Is(K::kLeftParen) && !ParseGrouping(&matching.include)) return false;
    }
  }
  return ParseFill(&matching);
}

// fill(0), or fill_left(0) and fill_right(0) in any order.
bool Parser::ParseFill(VectorMatching* matching) {
  while (Is(K::kFill) || Is(K::kFillLeft) || Is(K::kFillRight)) {
    const TokenKind kind = Take().kind;
    if (!TakeIf(K::kLeftParen)) return Unexpected() != nullptr;
    const bool negative = Is(K::kSub);
    if (Is(K::kSub) || Is(K::kAdd)) Take();
    double value = 0;
    bool duration = false;
    if (!TakeNumber(&value, &duration)) return Unexpected() != nullptr;
    if (!TakeIf(K::kRightParen)) return Unexpected() != nullptr;
    if (negative) value = -value;
    if (kind != K::kFillRight) matching->fill_left = value;
    if (kind != K::kFillLeft) matching->fill_right = value;
  }
  return true;
}

ExprPtr Parser::ParseUnary() {
  if (!Is(K::kAdd) && !Is(K::kSub)) return ParsePostfix();
  const Token& sign = Take();
  ExprPtr inner = ParseBinary(kMul);
  if (!inner) return nullptr;
  if (inner->kind == Expr::Kind::kNumber) {
    auto& literal = As<NumberLiteral>(*inner);
    if (sign.kind == K::kSub) literal.value = -literal.value;
    literal.place.begin = sign.place.begin;
    return inner;
  }
  auto unary = std::make_unique<UnaryExpr>();
  unary->negate = sign.kind == K::kSub;
  unary->place = {sign.place.begin, inner->place.end};
  unary->inner = std::move(inner);
  return SetDepth(unary.get()) ? ExprPtr(std::move(unary)) : nullptr;
}

ExprPtr Parser::ParsePostfix() {
  ExprPtr expr = ParsePrimary();
  while (expr) {
    switch (Now().kind) {
      case K::kLeftBracket:
        expr = ParseBrackets(std::move(expr));
        break;
      case K::kOffset:
        expr = ParseOffset(std::move(expr));
        break;
      case K::kAt:
        expr = ParseAt(std::move(expr));
        break;
      case K::kAnchored:
      case K::kSmoothed:
        expr = ParseRangeModifier(std::move(expr));
        break;
      default:
        return expr;
    }
  }
  return expr;
}

ExprPtr Parser::ParsePrimary() {
  switch (Now().kind) {
    case K::kNumber:
    case K::kDuration:
      return ParseNumberLiteral();
    case K::kString:
      return ParseStringLiteral();
    case K::kLeftParen:
      return ParseParen();
    case K::kLeftBrace:
      return ParseSelector();
    default:
      return CanNameMetric(Now().kind) ? ParseWord() : Unexpected();
  }
}

ExprPtr Parser::ParseWord() {
  const bool paren_follows = Ahead().kind == K::kLeftParen;
  if (Is(K::kAggregator) &&
      (paren_follows || Ahead().kind == K::kBy || Ahead().kind == K::kWithout)) {
    return ParseAggregate();
  }
  const bool may_call =
      Is(K::kIdentifier) || Is(K::kStart) || Is(K::kEndWord) || Is(K::kStep) || Is(K::kRange);
  if (paren_follows && may_call) return ParseCall();
  return ParseSelector();
}

ExprPtr Parser::ParseParen() {
  const size_t begin = Take().place.begin;
  auto paren = std::make_unique<ParenExpr>();
  paren->inner = ParseBinary(kNone);
  if (!paren->inner) return nullptr;
  if (!Is(K::kRightParen)) return Unexpected();
  paren->place = {begin, Take().place.end};
  return SetDepth(paren.get()) ? ExprPtr(std::move(paren)) : nullptr;
}

bool Parser::TakeNumber(double* value, bool* written_as_duration) {
  if (!Is(K::kNumber) && !Is(K::kDuration)) return false;
  const Token& token = Take();
  *written_as_duration = token.kind == K::kDuration;
  if (*written_as_duration) {
    const absl::StatusOr<int64_t> duration_ms = ParseDurationMs(token.text);
    if (!duration_ms.ok()) {
      NoteError(token.place, std::string(duration_ms.status().message()));
      return true;
    }
    // As Go's Duration.Seconds(): whole seconds and the rest are added up as floats.
    *value = static_cast<double>(*duration_ms / 1000) +
             static_cast<double>(*duration_ms % 1000 * 1'000'000) / 1e9;
    return true;
  }
  const absl::StatusOr<double> number = ParseNumber(token.text);
  if (number.ok()) {
    *value = *number;
  } else {
    NoteError(token.place,
              base::StrCat("error parsing number: ", base::FromAbsl(number.status().message())));
  }
  return true;
}

std::string Parser::TakeString() {
  const Token& token = Take();
  absl::StatusOr<std::string> value = Unquote(token.text);
  if (value.ok()) return *std::move(value);
  NoteError(token.place, base::StrCat("error unquoting string ", Quote(token.text), ": ",
                                      base::FromAbsl(value.status().message())));
  return {};
}

ExprPtr Parser::ParseNumberLiteral() {
  auto literal = std::make_unique<NumberLiteral>();
  literal->place = Now().place;
  TakeNumber(&literal->value, &literal->written_as_duration);
  return literal;
}

ExprPtr Parser::ParseStringLiteral() {
  auto literal = std::make_unique<StringLiteral>();
  literal->place = Now().place;
  literal->value = TakeString();
  return literal;
}

ExprPtr Parser::ParseAggregate() {
  auto aggregate = std::make_unique<AggregateExpr>();
  aggregate->place.begin = Now().place.begin;
  aggregate->op = Take().aggregate;
  ++in_aggregation_;
  if (!Is(K::kLeftParen) && !ParseAggregateModifier(aggregate.get())) return nullptr;
  const bool modified = !Is(K::kLeftParen) ? false : tokens_[next_ - 1].kind == K::kRightParen;
  std::vector<ExprPtr> args;
  if (!ParseArguments(&args)) return nullptr;
  if (!modified && (Is(K::kBy) || Is(K::kWithout)) && !ParseAggregateModifier(aggregate.get())) {
    return nullptr;
  }
  --in_aggregation_;
  aggregate->place.end = last_closing_;
  FinishAggregate(std::move(args), aggregate.get());
  if (!aggregate->inner) return aggregate;  // an error has been noted
  return SetDepth(aggregate.get()) ? ExprPtr(std::move(aggregate)) : nullptr;
}

bool Parser::ParseAggregateModifier(AggregateExpr* aggregate) {
  if (!Is(K::kBy) && !Is(K::kWithout)) return Unexpected("aggregation", "") != nullptr;
  aggregate->without = Take().kind == K::kWithout;
  return ParseGrouping(&aggregate->grouping);
}

void Parser::FinishAggregate(std::vector<ExprPtr> args, AggregateExpr* aggregate) {
  const size_t wanted = HasParameter(aggregate->op) ? 2 : 1;
  if (args.size() == wanted) {
    if (wanted == 2) aggregate->parameter = std::move(args[0]);
    aggregate->inner = std::move(args[wanted - 1]);
  } else if (Is(K::kError)) {
    Unexpected();  // Prometheus reads one token ahead before it counts
  } else if (args.empty()) {
    NoteError(aggregate->place, "no arguments for aggregate expression provided");
  } else {
    NoteError(aggregate->place,
              base::StrCat("wrong number of arguments for aggregate expression provided, expected ",
                           wanted, ", got ", args.size()));
  }
  // What was wrong has been noted; the tree stays whole for the rest of the parsing.
  if (!aggregate->inner) aggregate->inner = std::make_unique<NumberLiteral>();
}

ExprPtr Parser::ParseCall() {
  const Token name = Take();
  auto call = std::make_unique<Call>();
  call->function = FindFunction(name.text);
  if (!ParseArguments(&call->args)) return nullptr;
  call->place = {name.place.begin, last_closing_};
  if (call->function == nullptr) {
    NoteError(name.place, base::StrCat("unknown function with name ", Quote(name.text)));
  } else {
    call->type = call->function->result;
  }
  return SetDepth(call.get()) ? ExprPtr(std::move(call)) : nullptr;
}

bool Parser::ParseArguments(std::vector<ExprPtr>* args) {
  if (!TakeIf(K::kLeftParen)) return Unexpected() != nullptr;
  if (TakeIf(K::kRightParen)) return true;
  while (true) {
    ExprPtr arg = ParseBinary(kNone);
    if (!arg) return false;
    args->push_back(std::move(arg));
    if (!Is(K::kComma)) break;
    const Place comma = Take().place;
    if (!CanBegin(Now().kind)) {
      NoteError(comma, "trailing commas not allowed in function call args");
      break;
    }
  }
  return TakeIf(K::kRightParen) || Unexpected() != nullptr;
}

}  // namespace baro::promql
