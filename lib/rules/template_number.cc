#include "template_number.h"

#include <charconv>
#include <cmath>

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

absl::Status BadNumber(std::string_view text, const char* what) {
  return absl::InvalidArgumentError(base::StrCat(what, ": ", GoQuote(text)));
}

// Underscores may stand between digits, and behind the base's prefix.
bool WithoutUnderscores(std::string_view text, std::string* digits) {
  char before = '.';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '_') {
      const bool after_digit = std::isalnum(static_cast<unsigned char>(before)) != 0;
      const bool digit_next =
          i + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[i + 1])) != 0;
      if (!after_digit || !digit_next) return false;
    } else {
      *digits += c;
    }
    before = c;
  }
  return true;
}

// Go's ParseInt with base 0.
bool ReadInteger(std::string_view text, bool* negative, uint64_t* magnitude) {
  *negative = text.starts_with('-');
  if (*negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char c = static_cast<char>(text[1] | 0x20);
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    text.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  if (text.empty()) return false;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), *magnitude, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

absl::Status ReadCharacter(const TemplateToken& token, TemplateNode* node) {
  const auto text = GoUnquote(token.text);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  const absl::Status malformed =
      absl::InvalidArgumentError(base::StrCat("malformed character constant: ", token.text));
  if (rest.empty()) return malformed;
  node->integer = TakeRune(&rest);
  if (!rest.empty()) return malformed;
  node->real = static_cast<double>(*node->integer);
  node->rune = true;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadTemplateNumber(const TemplateToken& token, TemplateNode* node) {
  node->text = token.text;
  if (token.kind == TemplateToken::Kind::kCharacter) return ReadCharacter(token, node);
  if (token.text.ends_with('i')) return BadNumber(token.text, "complex numbers are not supported");
  std::string digits;
  if (!WithoutUnderscores(token.text, &digits))
    return BadNumber(token.text, "illegal number syntax");
  bool negative = false;
  uint64_t magnitude = 0;
  if (ReadInteger(digits, &negative, &magnitude)) {
    const bool fits = magnitude <= (negative ? uint64_t{1} << 63 : (uint64_t{1} << 63) - 1);
    const double size = static_cast<double>(magnitude);
    node->real = negative ? -size : size;
    node->beyond_int = !fits;
    if (fits) node->integer = static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
    return absl::OkStatus();
  }
  const std::optional<double> real = GoParseFloat(digits);
  if (!real || !std::isfinite(*real)) return BadNumber(token.text, "illegal number syntax");
  if (digits.find_first_of(".eEpP") == std::string::npos) {
    return BadNumber(token.text, "integer overflow");
  }
  node->real = *real;
  if (*real == std::trunc(*real) && std::fabs(*real) < 9.2e18) {
    node->integer = static_cast<int64_t>(*real);
  }
  return absl::OkStatus();
}

}  // namespace baro::rules
