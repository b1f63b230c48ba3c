// The lexer. Its rules and messages are those of Prometheus: a query that fails there fails here
// with the same words at the same place.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "baro/base/strings.h"
#include "number_text.h"
#include "token.h"

namespace baro::promql {
namespace {

using K = TokenKind;

struct Keyword {
  std::string_view word;
  TokenKind kind;
  AggregateOp aggregate = AggregateOp::kSum;
};

constexpr Keyword kKeywords[] = {
    {"and", K::kAnd},
    {"or", K::kOr},
    {"unless", K::kUnless},
    {"atan2", K::kAtan2},
    {"sum", K::kAggregator, AggregateOp::kSum},
    {"avg", K::kAggregator, AggregateOp::kAvg},
    {"count", K::kAggregator, AggregateOp::kCount},
    {"min", K::kAggregator, AggregateOp::kMin},
    {"max", K::kAggregator, AggregateOp::kMax},
    {"group", K::kAggregator, AggregateOp::kGroup},
    {"stddev", K::kAggregator, AggregateOp::kStddev},
    {"stdvar", K::kAggregator, AggregateOp::kStdvar},
    {"topk", K::kAggregator, AggregateOp::kTopk},
    {"bottomk", K::kAggregator, AggregateOp::kBottomk},
    {"count_values", K::kAggregator, AggregateOp::kCountValues},
    {"quantile", K::kAggregator, AggregateOp::kQuantile},
    {"limitk", K::kAggregator, AggregateOp::kLimitk},
    {"limit_ratio", K::kAggregator, AggregateOp::kLimitRatio},
    {"offset", K::kOffset},
    {"smoothed", K::kSmoothed},
    {"anchored", K::kAnchored},
    {"by", K::kBy},
    {"without", K::kWithout},
    {"on", K::kOn},
    {"ignoring", K::kIgnoring},
    {"group_left", K::kGroupLeft},
    {"group_right", K::kGroupRight},
    {"fill", K::kFill},
    {"fill_left", K::kFillLeft},
    {"fill_right", K::kFillRight},
    {"bool", K::kBool},
    {"start", K::kStart},
    {"end", K::kEndWord},
    {"step", K::kStep},
    {"range", K::kRange},
    {"inf", K::kNumber},
    {"nan", K::kNumber},
};

bool IsSpace(uint32_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(uint32_t c) { return c >= '0' && c <= '9'; }
bool IsAlpha(uint32_t c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsWordChar(uint32_t c) { return IsAlpha(c) || IsDigit(c); }

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}
  std::vector<Token> Run();

 private:
  bool AtEnd() const { return at_ >= query_.size(); }
  // The next byte, 0 at the end; all that PromQL gives meaning to is ASCII.
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0';
  }
  uint32_t PeekRune() const { return DecodeRune(query_.substr(at_)).code; }
  bool Accept(std::string_view set) {
    if (AtEnd() || set.find(query_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool Is(std::string_view set) const {
    return !AtEnd() && set.find(query_[at_]) != std::string_view::npos;
  }

  void Emit(TokenKind kind, size_t size) {
    at_ += size;
    EmitSoFar(kind);
  }
  void EmitSoFar(TokenKind kind) {
    Token token;
    token.kind = kind;
    token.place = {start_, at_};
    token.text = std::string(query_.substr(start_, at_ - start_));
    tokens_.push_back(std::move(token));
    start_ = at_;
  }
  void Fail(std::string message) {
    Token token;
    token.kind = K::kError;
    token.place = {start_, query_.size()};
    token.text = std::move(message);
    tokens_.push_back(std::move(token));
    done_ = true;
  }
  void Finish();

  void Statement();
  void InsideBraces();
  void Operator(char c);
  void Bracket(char c);
  void ColonInBrackets();
  void WordInBrackets();
  void Comment();
  void Word();
  void NumberOrDuration();
  bool ScanNumber();
  bool ScanDuration();
  void String(char quote);
  bool Escape(char quote);
  bool FollowedByLeftParen() const;

  const std::string_view query_;
  size_t at_ = 0;
  size_t start_ = 0;
  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  // Up to the first number in brackets only what can begin a duration is allowed.
  bool before_number_ = false;
  bool got_duration_ = false;
  bool got_colon_ = false;
  bool done_ = false;
  std::vector<Token> tokens_;
};

std::vector<Token> Lexer::Run() {
  while (!done_) {
    start_ = at_;
    if (brace_open_) {
      InsideBraces();
    } else {
      Statement();
    }
  }
  return std::move(tokens_);
}

void Lexer::Finish() {
  if (bracket_open_ && before_number_) {
    Fail("unexpected end of input in duration expression");
  } else if (paren_depth_ != 0) {
    Fail("unclosed left parenthesis");
  } else if (bracket_open_) {
    Fail("unclosed left bracket");
  } else {
    EmitSoFar(K::kEnd);
    done_ = true;
  }
}

void Lexer::Comment() {
  while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
}

void Lexer::Statement() {
  if (AtEnd()) return Finish();
  const char c = Peek();
  if (c == '#' && !(bracket_open_ && before_number_)) return Comment();
  if (IsSpace(static_cast<unsigned char>(c))) {
    ++at_;
    return;
  }
  const auto code = static_cast<unsigned char>(c);
  if (IsDigit(code) || (c == '.' && IsDigit(static_cast<unsigned char>(Peek(1))))) {
    before_number_ = false;
    return NumberOrDuration();
  }
  if (bracket_open_ && c == ':') return ColonInBrackets();
  if (bracket_open_ && IsAlpha(code)) return WordInBrackets();
  if (IsAlpha(code) || c == ':') return Word();
  if (bracket_open_ && before_number_ &&
      std::string_view("]()+-*/%^,").find(c) == std::string_view::npos) {
    return Fail(
        base::StrCat("unexpected character in duration expression: ", QuoteRune(PeekRune())));
  }
  if (c == '"' || c == '\'' || c == '`') return String(c);
  if (std::string_view("()[]{").find(c) != std::string_view::npos) return Bracket(c);
  Operator(c);
}

void Lexer::Operator(char c) {
  static constexpr std::pair<char, TokenKind> kSingles[] = {
      {',', K::kComma}, {'*', K::kMul}, {'/', K::kDiv}, {'%', K::kMod},
      {'+', K::kAdd},   {'-', K::kSub}, {'^', K::kPow}, {'@', K::kAt}};
  for (const auto& [character, kind] : kSingles) {
    if (c == character) return Emit(kind, 1);
  }
  const bool equals = Peek(1) == '=';
  switch (c) {
    case '=':
      if (equals) return Emit(K::kEqlc, 2);
      if (Peek(1) == '~') return Fail("unexpected character after '=': '~'");
      return Emit(K::kEql, 1);
    case '!':
      if (equals) return Emit(K::kNeq, 2);
      ++at_;
      return Fail(base::StrCat("unexpected character after '!': ",
                               AtEnd() ? std::string("'\xef\xbf\xbd'") : QuoteRune(PeekRune())));
    case '<':
      if (Peek(1) == '/') return Emit(K::kTrimUpper, 2);
      return equals ? Emit(K::kLte, 2) : Emit(K::kLss, 1);
    case '>':
      if (Peek(1) == '/') return Emit(K::kTrimLower, 2);
      return equals ? Emit(K::kGte, 2) : Emit(K::kGtr, 1);
    default:
      return Fail(base::StrCat("unexpected character: ", QuoteRune(PeekRune())));
  }
}

void Lexer::Bracket(char c) {
  switch (c) {
    case '(':
      ++paren_depth_;
      return Emit(K::kLeftParen, 1);
    case ')':
      if (--paren_depth_ < 0) {
        ++at_;
        start_ = at_;
        return Fail("unexpected right parenthesis ')'");
      }
      return Emit(K::kRightParen, 1);
    case '{':
      brace_open_ = true;
      return Emit(K::kLeftBrace, 1);
    case '[':
      if (bracket_open_) return Fail("unexpected left bracket '['");
      got_colon_ = false;
      bracket_open_ = true;
      got_duration_ = false;
      before_number_ = true;
      return Emit(K::kLeftBracket, 1);
    default:
      if (!bracket_open_) return Fail("unexpected right bracket ']'");
      bracket_open_ = false;
      return Emit(K::kRightBracket, 1);
  }
}

void Lexer::ColonInBrackets() {
  if (before_number_ && !got_duration_) {
    start_ = ++at_;
    return Fail("unexpected colon before duration in duration expression");
  }
  if (got_colon_ && before_number_) {
    start_ = ++at_;
    return Fail("unexpected repeated colon in duration expression");
  }
  if (got_colon_) return Fail("unexpected colon ':'");
  got_colon_ = true;
  Emit(K::kColon, 1);
}

// Inside [] only the words of duration expressions are allowed.
void Lexer::WordInBrackets() {
  size_t size = 0;
  while (IsAlpha(static_cast<unsigned char>(Peek(size)))) ++size;
  const std::string word = absl::AsciiStrToLower(base::ToAbsl(query_.substr(at_, size)));
  // Prometheus up to 3.15 forgets that these are durations when a colon follows.
  got_duration_ = true;
  if (word == "step") return Emit(K::kStep, size);
  if (word == "range") return Emit(K::kRange, size);
  if (word == "min" || word == "max" || word == "min_of" || word == "max_of") {
    Emit(K::kAggregator, size);
    tokens_.back().aggregate = word[1] == 'i' ? AggregateOp::kMin : AggregateOp::kMax;
    return;
  }
  const std::string shown = QuoteRune(PeekRune());
  Fail(before_number_ ? base::StrCat("unexpected character in duration expression: ", shown)
                      : base::StrCat("unexpected character: ", shown, ", expected ':'"));
}

void Lexer::InsideBraces() {
  if (AtEnd()) return Fail("unexpected end of input inside braces");
  const char c = Peek();
  const auto code = static_cast<unsigned char>(c);
  if (c == '#') return Comment();
  if (IsSpace(code)) {
    ++at_;
    return;
  }
  if (IsAlpha(code)) {
    while (IsWordChar(static_cast<unsigned char>(Peek()))) ++at_;
    return EmitSoFar(K::kIdentifier);
  }
  if (c == '"' || c == '\'' || c == '`') return String(c);
  switch (c) {
    case ',':
      return Emit(K::kComma, 1);
    case '=':
      return Peek(1) == '~' ? Emit(K::kEqlRegex, 2) : Emit(K::kEql, 1);
    case '!':
      if (Peek(1) == '~') return Emit(K::kNeqRegex, 2);
      if (Peek(1) == '=') return Emit(K::kNeq, 2);
      ++at_;
      return Fail(base::StrCat("unexpected character after '!' inside braces: ",
                               AtEnd() ? std::string("'\xef\xbf\xbd'") : QuoteRune(PeekRune())));
    case '{':
      return Fail("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      return Emit(K::kRightBrace, 1);
    default:
      return Fail(base::StrCat("unexpected character inside braces: ", QuoteRune(PeekRune())));
  }
}

bool Lexer::FollowedByLeftParen() const {
  size_t ahead = at_;
  while (ahead < query_.size() && IsSpace(static_cast<unsigned char>(query_[ahead]))) ++ahead;
  return ahead < query_.size() && query_[ahead] == '(';
}

void Lexer::Word() {
  while (IsWordChar(static_cast<unsigned char>(Peek())) || Peek() == ':') ++at_;
  const std::string_view written = query_.substr(start_, at_ - start_);
  const std::string word = absl::AsciiStrToLower(base::ToAbsl(written));
  for (const Keyword& keyword : kKeywords) {
    if (keyword.word != word) continue;
    const bool fill =
        keyword.kind == K::kFill || keyword.kind == K::kFillLeft || keyword.kind == K::kFillRight;
    // The fill words came late to the language: they stay metric names unless used as modifiers.
    if (fill && !FollowedByLeftParen()) return EmitSoFar(K::kIdentifier);
    EmitSoFar(keyword.kind);
    tokens_.back().aggregate = keyword.aggregate;
    return;
  }
  EmitSoFar(written.find(':') == std::string_view::npos ? K::kIdentifier : K::kMetricIdentifier);
}

void Lexer::NumberOrDuration() {
  if (ScanNumber()) return EmitSoFar(K::kNumber);
  if (ScanDuration()) return EmitSoFar(K::kDuration);
  Fail(base::StrCat("bad number or duration syntax: ", Quote(query_.substr(start_, at_ - start_))));
}

bool Lexer::ScanNumber() {
  std::string_view digits = "0123456789";
  bool hex = false;
  if (Accept("0") && Accept("xX")) {
    Accept("_");
    digits = "0123456789abcdefABCDEF";
    hex = true;
  }
  Accept(".");
  Accept(digits);
  // As in Prometheus, a leading dot does not count as the one dot allowed.
  bool dot = false;
  bool exponent = false;
  const std::string set = base::StrCat(digits, "._eE");
  while (Is(set)) {
    if (Is(".")) {
      ++at_;
      if (dot || Accept("_.") || hex) return false;
      dot = true;
    } else if (!hex && Is("eE")) {
      ++at_;
      if (exponent) return false;
      exponent = true;
      Accept("+-");
      if (Accept("._eE") || AtEnd()) return false;
    } else if (Is("_")) {
      ++at_;
      if (Accept("._eE") || AtEnd()) return false;
    } else {
      while (Accept(digits)) {
      }
    }
  }
  return at_ != start_ && !IsWordChar(static_cast<unsigned char>(Peek()));
}

bool Lexer::ScanDuration() {
  if (!Accept("smhdwy")) return false;
  Accept("s");
  while (Accept("0123456789")) {
    while (Accept("0123456789")) {
    }
    if (!Accept("smhdw")) return false;
    Accept("s");
  }
  if (!IsWordChar(static_cast<unsigned char>(Peek()))) return true;
  ++at_;  // the message shows what does not belong
  return false;
}

void Lexer::String(char quote) {
  ++at_;
  while (true) {
    if (AtEnd() || (quote != '`' && Peek() == '\n')) {
      return Fail(quote == '`' ? "unterminated raw string" : "unterminated quoted string");
    }
    const Rune rune = DecodeRune(query_.substr(at_));
    if (rune.code == kBrokenRune) return Fail("invalid UTF-8 rune");
    at_ += rune.size;
    if (rune.code == static_cast<unsigned char>(quote)) return EmitSoFar(K::kString);
    if (rune.code == '\\' && quote != '`' && !Escape(quote)) return;
  }
}

// After a backslash. False: has failed.
bool Lexer::Escape(char quote) {
  if (AtEnd()) return Fail("escape sequence not terminated"), false;
  const Rune rune = DecodeRune(query_.substr(at_));
  at_ += rune.size;
  const auto c = rune.code < 0x80 ? static_cast<char>(rune.code) : '\0';
  if (c == quote ||
      (c != '\0' && std::string_view("abfnrtv\\").find(c) != std::string_view::npos)) {
    return true;
  }
  size_t count = 0;
  uint32_t base = 16;
  uint32_t largest = 0x10ffff;
  if (c >= '0' && c <= '7') {
    count = 3;
    base = 8;
    largest = 255;
    --at_;
  } else if (c == 'x') {
    count = 2;
    largest = 255;
  } else if (c == 'u' || c == 'U') {
    count = c == 'u' ? 4 : 8;
  } else {
    return Fail(base::StrCat("unknown escape sequence ", DescribeRune(rune.code))), false;
  }
  uint64_t code = 0;
  for (; count > 0; --count) {
    if (AtEnd()) return Fail("escape sequence not terminated"), false;
    const auto digit = static_cast<unsigned char>(Peek());
    const bool fits = base == 8 ? digit >= '0' && digit <= '7' : absl::ascii_isxdigit(digit);
    if (!fits) {
      return Fail(base::StrCat("illegal character ", DescribeRune(PeekRune()),
                               " in escape sequence")),
             false;
    }
    const uint32_t value = IsDigit(digit) ? digit - '0' : (digit | 0x20U) - 'a' + 10U;
    code = code * base + value;
    ++at_;
  }
  if (code > largest || (code >= 0xd800 && code < 0xe000)) {
    return Fail("escape sequence is an invalid Unicode code point"), false;
  }
  return true;
}

bool IsNamedKind(TokenKind kind) {
  switch (kind) {
    case K::kEnd:
    case K::kError:
    case K::kIdentifier:
    case K::kMetricIdentifier:
    case K::kString:
    case K::kNumber:
    case K::kDuration:
      return false;
    default:
      return true;
  }
}

std::string Shown(const Token& token) {
  if (token.kind >= K::kOffset && token.kind <= K::kBool) {
    return base::StrCat("<", token.text, ">");
  }
  const bool matching =
      token.kind == K::kEqlRegex || token.kind == K::kNeqRegex || token.kind == K::kAt;
  if ((token.kind >= K::kAdd && token.kind <= K::kAtan2) || matching) {
    return base::StrCat("<op:", token.text, ">");
  }
  if (token.kind == K::kAggregator) return base::StrCat("<aggr:", token.text, ">");
  const bool name = token.kind == K::kIdentifier || token.kind == K::kMetricIdentifier;
  if (!name && token.text.size() > 10) return base::StrCat(Quote(token.text.substr(0, 10)), "...");
  return Quote(token.text);
}

}  // namespace

std::vector<Token> Tokenize(std::string_view query) { return Lexer(query).Run(); }

std::string Describe(const Token& token) {
  if (IsNamedKind(token.kind)) return Shown(token);
  switch (token.kind) {
    case K::kEnd:
      return "end of input";
    case K::kIdentifier:
      return base::StrCat("identifier ", Shown(token));
    case K::kMetricIdentifier:
      return base::StrCat("metric identifier ", Shown(token));
    case K::kString:
      return base::StrCat("string ", Shown(token));
    case K::kNumber:
      return base::StrCat("number ", Shown(token));
    case K::kDuration:
      return base::StrCat("duration ", Shown(token));
    default:
      return base::StrCat("error ", token.text);
  }
}

}  // namespace baro::promql
