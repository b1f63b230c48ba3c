// The parser: recursive descent over the tokens, with the precedences, places and messages of
// Prometheus' grammar.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/promql/ast.h"
#include "depth_limit.h"
#include "token.h"

namespace baro::promql {

// One query is parsed once. A method that returns null has met a syntax error; parsing stops.
// Errors of meaning ("unknown function …") are noted and parsing goes on: the first error counts.
class Parser {
 public:
  explicit Parser(std::string_view query) : query_(query), tokens_(Tokenize(query)) {}

  absl::StatusOr<ExprPtr> ParseQuery();
  absl::StatusOr<std::vector<model::Matcher>> ParseBareSelector();

 private:
  // Binding strength, weakest first; unary minus binds as multiplication does.
  enum Strength { kNone, kOr, kAnd, kCompare, kAdd, kMul, kPow };

  const Token& Now() const { return tokens_[next_]; }
  const Token& Ahead() const { return tokens_[std::min(next_ + 1, tokens_.size() - 1)]; }
  bool Is(TokenKind kind) const { return Now().kind == kind; }
  const Token& Take();
  bool TakeIf(TokenKind kind);

  void NoteError(Place place, std::string message);
  // A syntax error at the next token; always null, to be returned.
  std::nullptr_t Unexpected(std::string_view context, std::string_view expected);
  // The same for a place without a message of its own: inside an aggregation Prometheus names that.
  std::nullptr_t Unexpected() { return Unexpected(in_aggregation_ > 0 ? "aggregation" : "", ""); }
  absl::Status Error() const;
  bool SetDepth(Expr* expr);
  // Always false. Counts as a syntax error: nothing more is read.
  bool TooDeep(std::string_view what, Place place, int limit);

  ExprPtr ParseBinary(Strength weakest);
  ExprPtr FinishBinary(ExprPtr lhs, const Token& op);
  bool ParseBinaryModifiers(BinaryExpr* binary);
  bool ParseFill(VectorMatching* matching);
  ExprPtr ParseUnary();
  ExprPtr ParsePostfix();
  ExprPtr ParsePrimary();
  ExprPtr ParseParen();
  ExprPtr ParseWord();
  ExprPtr ParseNumberLiteral();
  ExprPtr ParseStringLiteral();

  ExprPtr ParseAggregate();
  bool ParseAggregateModifier(AggregateExpr* aggregate);
  void FinishAggregate(std::vector<ExprPtr> args, AggregateExpr* aggregate);
  ExprPtr ParseCall();
  bool ParseArguments(std::vector<ExprPtr>* args);
  bool ParseGrouping(std::vector<std::string>* labels);
  bool ParseGroupingLabel(std::vector<std::string>* labels);

  std::unique_ptr<VectorSelector> ParseSelector();
  bool ParseMatchers(VectorSelector* selector);
  bool ParseMatcher(VectorSelector* selector);
  ExprPtr ParseBrackets(ExprPtr inner);
  ExprPtr MakeMatrix(ExprPtr inner, std::unique_ptr<DurationExpr> range, Place brackets);
  ExprPtr ParseOffset(ExprPtr inner);
  ExprPtr ParseAt(ExprPtr inner);
  void ApplyAt(Expr* expr, double seconds);
  void ApplyAnchor(Expr* expr, AtAnchor anchor);
  ExprPtr ParseRangeModifier(ExprPtr inner);
  TimeShift* ShiftOf(Expr* expr, std::string_view modifier);

  std::unique_ptr<DurationExpr> ParseDuration(Strength weakest);
  std::unique_ptr<DurationExpr> ParseDurationOperators(Strength weakest);
  std::unique_ptr<DurationExpr> ContinueDuration(std::unique_ptr<DurationExpr> lhs,
                                                 Strength weakest);
  std::nullptr_t UnexpectedInDuration();
  std::unique_ptr<DurationExpr> ParseDurationUnary();
  std::unique_ptr<DurationExpr> ParseDurationPrimary();
  std::unique_ptr<DurationExpr> ParseDurationWord();
  std::unique_ptr<DurationExpr> ParseOffsetDuration();
  bool SetDepth(DurationExpr* duration);
  bool CheckPositive(const DurationExpr& duration);

  bool TakeNumber(double* value, bool* written_as_duration);
  std::string TakeString();

  const std::string_view query_;
  const std::vector<Token> tokens_;
  size_t next_ = 0;
  size_t last_closing_ = 0;  // end of the last token that can close an expression
  int in_aggregation_ = 0;
  const int depth_max_ = DepthLimit();
  int nesting_ = 0;           // expressions being read, one inside the other
  int duration_nesting_ = 0;  // the same of durations
  // Where the duration being parsed stands.
  enum class DurationPlace { kRange, kStep, kOffset } duration_place_ = DurationPlace::kRange;
  bool failed_ = false;  // a syntax error: nothing after it is trusted
  std::string first_error_;
};

// Types, arities and the rules of vector matching. Sets the types of parentheses, unary and binary
// nodes. Errors: as ParseExpression().
absl::Status CheckTypes(std::string_view query, Expr& expr);

// "1:5: parse error: …"
absl::Status ParseError(std::string_view query, Place place, std::string_view message);

}  // namespace baro::promql
