#include "template_lexer.h"

#include <locale.h>
#include <algorithm>
#include <cctype>
#include <cwctype>
#include <utility>

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

using Kind = TemplateToken::Kind;

constexpr std::string_view kLeft = "{{";
constexpr std::string_view kRight = "}}";
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kDigits = "0123456789_";

constexpr std::pair<std::string_view, Kind> kKeywords[] = {
    {"block", Kind::kBlock},   {"break", Kind::kBreak},       {"continue", Kind::kContinue},
    {"define", Kind::kDefine}, {"else", Kind::kElse},         {"end", Kind::kEndWord},
    {"if", Kind::kIf},         {"nil", Kind::kNil},           {"range", Kind::kRange},
    {"with", Kind::kWith},     {"template", Kind::kTemplate},
};

bool IsSpace(char c) { return kSpaces.find(c) != std::string_view::npos; }

bool TrimsLeft(std::string_view text) {
  return text.size() >= 2 && text[0] == '-' && IsSpace(text[1]);
}
bool TrimsRight(std::string_view text) {
  return text.size() >= 2 && IsSpace(text[0]) && text[1] == '-';
}

bool IsLetterOrDigit(uint32_t rune) {
  static const locale_t kUtf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (rune < 0x80) return std::isalnum(static_cast<int>(rune)) != 0;
  return kUtf8 != nullptr && iswalnum_l(static_cast<wint_t>(rune), kUtf8) != 0;
}

}  // namespace

bool IsTemplateLetter(std::string_view text, size_t* size) {
  if (text.empty()) return false;
  std::string_view rest = text;
  const uint32_t rune = TakeRune(&rest);
  *size = text.size() - rest.size();
  return rune == '_' || IsLetterOrDigit(rune);
}

std::string ShownRune(std::string_view text) {
  if (text.empty()) return "U+FFFFFFFFFFFFFFFF";  // as Go shows the end
  std::string_view rest = text;
  const uint32_t rune = TakeRune(&rest);
  const Value value = Value::Int(rune);
  std::string shown = GoSprintf("%U", std::span(&value, 1));
  if (rune >= 0x20 && rune != 0x7f) {
    base::StrAppend(&shown, " '", text.substr(0, text.size() - rest.size()), "'");
  }
  return shown;
}

std::string TemplateToken::Shown() const {
  if (kind == Kind::kEnd) return "EOF";
  if (kind == Kind::kError) return text;
  if (kind >= Kind::kDot) return base::StrCat("<", text, ">");
  if (text.size() > 10) {
    size_t end = 0;
    std::string_view rest = text;
    for (int i = 0; i < 10 && !rest.empty(); ++i) {
      const size_t before = rest.size();
      TakeRune(&rest);
      end += before - rest.size();
    }
    return GoQuote(std::string_view(text).substr(0, end)) + "...";
  }
  return GoQuote(text);
}

TemplateToken TemplateLexer::Make(Kind kind) {
  TemplateToken token{kind, start_, std::string(text_.substr(start_, place_ - start_)),
                      start_line_};
  line_ += static_cast<int>(std::count(token.text.begin(), token.text.end(), '\n'));
  start_ = place_;
  start_line_ = line_;
  return token;
}

// Passes over text that no token holds.
void TemplateLexer::MoveTo(size_t place) {
  line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(start_),
                                       text_.begin() + static_cast<std::ptrdiff_t>(place), '\n'));
  place_ = start_ = place;
  start_line_ = line_;
}

TemplateToken TemplateLexer::Error(std::string message) {
  failed_ = true;
  last_ = {Kind::kError, start_, std::move(message), start_line_};
  return last_;
}

TemplateToken TemplateLexer::BadCharacter() { return Error("bad character " + ShownRune(rest())); }

TemplateToken TemplateLexer::Next() {
  if (failed_) return last_;
  if (inside_) return LexAction();
  TemplateToken token;
  while (!LexText(&token)) {
  }
  return token;
}

// False when there was a comment and the text goes on.
bool TemplateLexer::LexText(TemplateToken* token) {
  const size_t left = text_.find(kLeft, place_);
  if (left == std::string_view::npos) {
    place_ = text_.size();
    *token = Make(place_ > start_ ? Kind::kText : Kind::kEnd);
    return true;
  }
  const bool trim = TrimsLeft(text_.substr(left + kLeft.size()));
  if (left > place_) {
    size_t end = left;
    while (trim && end > start_ && IsSpace(text_[end - 1])) --end;
    place_ = end;
    *token = Make(Kind::kText);
    MoveTo(left);
    if (!token->text.empty()) return true;
  }
  place_ += kLeft.size();
  const size_t after = place_ + (trim ? 2 : 0);
  if (text_.substr(std::min(after, text_.size())).starts_with("/*")) {
    return LexComment(after, token);
  }
  *token = Make(Kind::kLeftDelimiter);
  MoveTo(after);
  inside_ = true;
  parens_ = 0;
  return true;
}

bool TemplateLexer::LexComment(size_t after_marker, TemplateToken* token) {
  MoveTo(after_marker);
  const size_t end = text_.find("*/", place_ + 2);
  if (end == std::string_view::npos) {
    *token = Error("unclosed comment");
    return true;
  }
  place_ = end + 2;
  bool trim = false;
  if (!AtRight(&trim)) {
    *token = Error("comment ends before closing delimiter");
    return true;
  }
  size_t next = place_ + (trim ? 2 : 0) + kRight.size();
  while (trim && next < text_.size() && IsSpace(text_[next])) ++next;
  MoveTo(next);
  return false;
}

bool TemplateLexer::AtRight(bool* trim) const {
  *trim = TrimsRight(rest()) && rest().substr(2).starts_with(kRight);
  return *trim || rest().starts_with(kRight);
}

TemplateToken TemplateLexer::LexRight(bool trim) {
  if (trim) MoveTo(place_ + 2);
  place_ += kRight.size();
  TemplateToken token = Make(Kind::kRightDelimiter);
  size_t next = place_;
  while (trim && next < text_.size() && IsSpace(text_[next])) ++next;
  MoveTo(next);
  inside_ = false;
  return token;
}

TemplateToken TemplateLexer::LexAction() {
  bool trim = false;
  if (AtRight(&trim)) {
    return parens_ == 0 ? LexRight(trim) : Error("unclosed left paren");
  }
  if (place_ >= text_.size()) return Error("unclosed action");
  const char c = text_[place_];
  if (IsSpace(c)) return LexSpace();
  size_t letter = 0;
  if (c == '+' || c == '-' || (c >= '0' && c <= '9')) return LexNumber();
  if (IsTemplateLetter(rest(), &letter)) return LexIdentifier();
  ++place_;
  switch (c) {
    case '=':
      return Make(Kind::kAssign);
    case ':':
      if (!rest().starts_with('=')) return Error("expected :=");
      ++place_;
      return Make(Kind::kDeclare);
    case '|':
      return Make(Kind::kPipe);
    case '"':
      return LexQuoted('"', Kind::kString, "unterminated quoted string");
    case '\'':
      return LexQuoted('\'', Kind::kCharacter, "unterminated character constant");
    case '`':
      return LexRaw();
    case '$':
      return LexWord(Kind::kVariable);
    case '.':
      if (place_ < text_.size() && text_[place_] >= '0' && text_[place_] <= '9') {
        --place_;
        return LexNumber();
      }
      return LexWord(Kind::kField);
    case '(':
      ++parens_;
      return Make(Kind::kLeftParen);
    case ')':
      if (--parens_ < 0) return Error("unexpected right paren");
      return Make(Kind::kRightParen);
    default:
      break;
  }
  if (c > 0x20 && c < 0x7f) return Make(Kind::kComma);
  --place_;
  return Error("unrecognized character in action: " + ShownRune(rest()));
}

TemplateToken TemplateLexer::LexSpace() {
  while (place_ < text_.size() && IsSpace(text_[place_])) ++place_;
  // The last space may belong to " -}}".
  if (TrimsRight(text_.substr(place_ - 1)) && text_.substr(place_ + 1).starts_with(kRight)) {
    --place_;
    if (place_ == start_) return LexRight(true);
  }
  return Make(Kind::kSpace);
}

void TemplateLexer::SkipAlphanumeric() {
  size_t size = 0;
  while (IsTemplateLetter(rest(), &size)) place_ += size;
}

// What may follow a word: anything that ends it, so that "$x+2" is an error.
bool TemplateLexer::AtTerminator() const {
  if (place_ >= text_.size()) return true;
  const char c = text_[place_];
  return IsSpace(c) || std::string_view(".,|:)(").find(c) != std::string_view::npos ||
         rest().starts_with(kRight);
}

TemplateToken TemplateLexer::LexWord(Kind kind) {
  if (AtTerminator()) return Make(kind == Kind::kField ? Kind::kDot : kind);
  SkipAlphanumeric();
  return AtTerminator() ? Make(kind) : BadCharacter();
}

TemplateToken TemplateLexer::LexIdentifier() {
  SkipAlphanumeric();
  if (!AtTerminator()) return BadCharacter();
  const std::string_view word = text_.substr(start_, place_ - start_);
  for (const auto& [keyword, kind] : kKeywords) {
    if (word == keyword) return Make(kind);
  }
  return Make(word == "true" || word == "false" ? Kind::kBool : Kind::kIdentifier);
}

TemplateToken TemplateLexer::LexQuoted(char quote, Kind kind, const char* unterminated) {
  while (place_ < text_.size() && text_[place_] != '\n') {
    const char c = text_[place_++];
    if (c == quote) return Make(kind);
    if (c != '\\') continue;
    if (place_ >= text_.size() || text_[place_] == '\n') break;
    ++place_;
  }
  return Error(unterminated);
}

TemplateToken TemplateLexer::LexRaw() {
  const size_t end = text_.find('`', place_);
  if (end == std::string_view::npos) return Error("unterminated raw quoted string");
  place_ = end + 1;
  return Make(Kind::kRawString);
}

bool TemplateLexer::Accept(std::string_view characters) {
  if (place_ >= text_.size() || characters.find(text_[place_]) == std::string_view::npos) {
    return false;
  }
  ++place_;
  return true;
}

void TemplateLexer::AcceptRun(std::string_view characters) {
  while (Accept(characters)) {
  }
}

// Takes what looks like a number; whether it is one the parser finds out.
bool TemplateLexer::ScanNumber() {
  Accept("+-");
  std::string_view digits = kDigits;
  if (Accept("0")) {
    if (Accept("xX")) {
      digits = "0123456789abcdefABCDEF_";
    } else if (Accept("oO")) {
      digits = "01234567_";
    } else if (Accept("bB")) {
      digits = "01_";
    }
  }
  AcceptRun(digits);
  if (Accept(".")) AcceptRun(digits);
  const bool exponent = (digits == kDigits && Accept("eE")) || (digits.size() > 16 && Accept("pP"));
  if (exponent) {
    Accept("+-");
    AcceptRun(kDigits);
  }
  Accept("i");
  size_t size = 0;
  if (!IsTemplateLetter(rest(), &size)) return true;
  place_ += size;
  return false;
}

TemplateToken TemplateLexer::LexNumber() {
  const auto bad = [this] {
    return Error("bad number syntax: " + GoQuote(text_.substr(start_, place_ - start_)));
  };
  if (!ScanNumber()) return bad();
  if (place_ < text_.size() && (text_[place_] == '+' || text_[place_] == '-')) {
    if (!ScanNumber() || text_[place_ - 1] != 'i') return bad();
    return Make(Kind::kComplex);
  }
  return Make(Kind::kNumber);
}

}  // namespace baro::rules
