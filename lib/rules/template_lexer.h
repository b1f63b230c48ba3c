// The lexer of templates: text outside of {{ }}, tokens inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baro::rules {

struct TemplateToken {
  enum class Kind : uint8_t {
    kError,  // `text` is the message
    kEnd,
    kText,
    kLeftDelimiter,
    kRightDelimiter,
    kSpace,
    kLeftParen,
    kRightParen,
    kPipe,
    kAssign,
    kDeclare,
    kComma,  // and any other character that means nothing
    kBool,
    kNumber,
    kComplex,
    kCharacter,
    kString,
    kRawString,
    kField,
    kVariable,
    kIdentifier,
    // Keywords.
    kDot,
    kNil,
    kBlock,
    kBreak,
    kContinue,
    kDefine,
    kElse,
    kEndWord,
    kIf,
    kRange,
    kTemplate,
    kWith,
  };
  Kind kind = Kind::kEnd;
  size_t place = 0;  // byte offset
  std::string text;
  int line = 1;

  // As Go's messages show it.
  std::string Shown() const;
};

// Thread-compatible; `text` outlives it.
class TemplateLexer {
 public:
  explicit TemplateLexer(std::string_view text) : text_(text) {}

  // After an error or the end it stays there.
  TemplateToken Next();

 private:
  using Kind = TemplateToken::Kind;

  bool LexText(TemplateToken* token);
  bool LexComment(size_t after_marker, TemplateToken* token);
  TemplateToken LexAction();
  TemplateToken LexSpace();
  TemplateToken LexWord(Kind kind);
  TemplateToken LexIdentifier();
  TemplateToken LexQuoted(char quote, Kind kind, const char* unterminated);
  TemplateToken LexRaw();
  TemplateToken LexNumber();
  TemplateToken LexRight(bool trim);

  bool ScanNumber();
  bool Accept(std::string_view characters);
  void AcceptRun(std::string_view characters);
  void SkipAlphanumeric();
  bool AtTerminator() const;
  // At the right delimiter, perhaps with a trim marker before it.
  bool AtRight(bool* trim) const;
  std::string_view rest() const { return text_.substr(place_); }
  void MoveTo(size_t place);

  TemplateToken Make(Kind kind);
  TemplateToken Error(std::string message);
  TemplateToken BadCharacter();

  const std::string_view text_;
  size_t place_ = 0;
  size_t start_ = 0;
  int line_ = 1;
  int start_line_ = 1;
  int parens_ = 0;
  bool inside_ = false;
  bool failed_ = false;
  TemplateToken last_;
};

// U+007D '}', Go's %#U.
std::string ShownRune(std::string_view text);
bool IsTemplateLetter(std::string_view text, size_t* size);

}  // namespace baro::rules
