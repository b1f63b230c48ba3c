#include "verbs/expression_place.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace baro::cli {
namespace {

using Kind = ExpressionPlace::Kind;

bool InName(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
}

bool TakesLabels(std::string_view word) {
  constexpr std::array<std::string_view, 6> kWords = {"by",       "without",    "on",
                                                      "ignoring", "group_left", "group_right"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// Reads the expression once; what is open at its end is the place.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  ExpressionPlace Read() {
    while (at_ < text_.size()) Step();
    ExpressionPlace place;
    const size_t from = std::min(start_, text_.size());
    place.before = text_.substr(0, from);
    place.typed = text_.substr(from);
    place.kind = KindHere();
    place.in_braces = open() == '{';
    if (place.kind == Kind::kLabelValue) {
      place.label = label_;
      place.quote = quote_;
    }
    if (place.kind == Kind::kLabel || place.kind == Kind::kLabelValue) place.metric = metric_;
    return place;
  }

 private:
  Kind KindHere() const {
    if (in_text_) return open() == '{' && after_operator_ ? Kind::kLabelValue : Kind::kNothing;
    if (open() == '[') return Kind::kNothing;
    if (open() == '{') return after_operator_ || after_value_ ? Kind::kNothing : Kind::kLabel;
    if (open() == 'l') return Kind::kLabel;
    const bool number = start_ < text_.size() && std::isdigit(text_[start_]) != 0;
    return number ? Kind::kNothing : Kind::kName;
  }

  char open() const { return opened_.empty() ? '\0' : opened_.back(); }

  void Step() {
    const char c = text_[at_];
    if (c == '"' || c == '\'' || c == '`') return Text(c);
    if (InName(c)) return Word();
    ++at_;
    start_ = at_;
    if (c == '(') opened_.push_back(TakesLabels(word_) ? 'l' : '(');
    if (c == '[') opened_.push_back('[');
    if (c == '{') {
      metric_ = word_;
      opened_.push_back('{');
      after_operator_ = after_value_ = false;
    }
    if ((c == ')' || c == ']' || c == '}') && !opened_.empty()) opened_.pop_back();
    if (c == '=' || c == '~' || c == '!') after_operator_ = true;
    if (c == ',') after_operator_ = after_value_ = false;
    if (c != ' ') word_.clear();
  }

  void Word() {
    start_ = at_;
    while (at_ < text_.size() && InName(text_[at_])) ++at_;
    word_ = text_.substr(start_, at_ - start_);
    if (open() == '{' && !after_operator_) label_ = word_;
  }

  // A text that ends is a value, or a name in quotes; one that does not is being typed.
  void Text(char quote) {
    const size_t first = ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      at_ += text_[at_] == '\\' && quote != '`' ? 2 : 1;
    }
    in_text_ = at_ >= text_.size();
    if (in_text_) {
      quote_ = quote;
      at_ = text_.size();
      start_ = first;
      return;
    }
    ++at_;
    start_ = at_;
    after_value_ = after_operator_;
    after_operator_ = false;
    word_.clear();
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t start_ = 0;          // of what is being typed
  std::vector<char> opened_;  // ( [ { and l for a list of labels
  std::string word_;          // the last name
  std::string metric_;
  std::string label_;
  bool after_operator_ = false;
  bool after_value_ = false;
  bool in_text_ = false;
  char quote_ = '"';
};

}  // namespace

ExpressionPlace PlaceOf(std::string_view expression) { return Reader(expression).Read(); }

}  // namespace baro::cli
