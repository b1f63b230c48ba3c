// Tokens of PromQL and the lexer that cuts a query into them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baro/promql/ast.h"

namespace baro::promql {

enum class TokenKind : uint8_t {
  kEnd,
  kError,  // text is the message; place is what is left of the query
  kIdentifier,
  kMetricIdentifier,  // with a colon
  kString,
  kNumber,
  kDuration,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kEql,
  kEqlRegex,
  kNeqRegex,
  kAt,
  // Operators.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kEqlc,
  kNeq,
  kLss,
  kLte,
  kGtr,
  kGte,
  kAnd,
  kOr,
  kUnless,
  kTrimUpper,
  kTrimLower,
  kAtan2,
  // Aggregators.
  kAggregator,
  // Keywords.
  kOffset,
  kSmoothed,
  kAnchored,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kBool,
  // Preprocessors.
  kStart,
  kEndWord,
  kStep,
  kRange,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  AggregateOp aggregate = AggregateOp::kSum;  // of a kAggregator
  Place place;
  std::string text;  // as written; for kError the message
};

// All tokens of the query, comments left out; the last is kEnd or kError.
std::vector<Token> Tokenize(std::string_view query);

// "unexpected …": how Prometheus names a token in a message: identifier "foo", <op:+>, <by>, "(".
std::string Describe(const Token& token);

}  // namespace baro::promql
