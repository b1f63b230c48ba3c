// fmt.Sprintf over the values of templates.
#include <algorithm>
#include <cmath>

#include "baro/base/strings.h"
#include "go_format.h"
#include "template_limits.h"

namespace baro::rules {
namespace {

struct Spec {
  bool plus = false;
  bool minus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  std::optional<int> width;
  std::optional<int> precision;
  char verb = 0;
};

size_t RuneCount(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(std::string text, const Spec& spec) {
  if (!spec.width) return text;
  const size_t size = RuneCount(text);
  const auto width = static_cast<size_t>(*spec.width);
  if (size >= width) return text;
  const size_t missing = width - size;
  if (spec.minus) return text + std::string(missing, ' ');
  if (!spec.zero) return std::string(missing, ' ') + text;
  const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  return text.insert(sign, missing, '0');
}

std::string InBase(uint64_t value, unsigned base, bool upper) {
  std::string out;
  do {
    const char digit = "0123456789abcdef"[value % base];
    out += upper && digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
    value /= base;
  } while (value != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string BadVerb(const Value& value, char verb) {
  const std::string name = std::string(1, verb);
  if (value.is_none()) return base::StrCat("%!", name, "(<nil>)");
  return base::StrCat("%!", name, "(", value.InnerTypeName(), "=", FormattedText(value), ")");
}

std::string Signed(std::string digits, bool negative, const Spec& spec) {
  if (negative) return "-" + digits;
  if (spec.plus) return "+" + digits;
  return spec.space ? " " + digits : digits;
}

std::string IntegerText(const Value& value, const Spec& spec) {
  const int64_t number = value.int_value();
  const uint64_t size =
      number < 0 ? uint64_t{0} - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  std::string digits;
  switch (spec.verb) {
    case 'd':
    case 'v':
      digits = InBase(size, 10, false);
      break;
    case 'b':
      digits = (spec.sharp ? "0b" : "") + InBase(size, 2, false);
      break;
    case 'o':
      digits = (spec.sharp ? "0" : "") + InBase(size, 8, false);
      break;
    case 'O':
      digits = "0o" + InBase(size, 8, false);
      break;
    case 'x':
    case 'X': {
      const bool upper = spec.verb == 'X';
      digits = (spec.sharp ? (upper ? "0X" : "0x") : "") + InBase(size, 16, upper);
      break;
    }
    case 'c': {
      std::string text;
      AppendUtf8(static_cast<uint32_t>(number), &text);
      return Padded(text, spec);
    }
    case 'q': {
      std::string text;
      AppendUtf8(static_cast<uint32_t>(number), &text);
      const std::string quoted = GoQuote(text);
      return Padded(base::StrCat("'", quoted.substr(1, quoted.size() - 2), "'"), spec);
    }
    case 'U': {
      const std::string hex = InBase(size, 16, true);
      return Padded("U+" + std::string(hex.size() < 4 ? 4 - hex.size() : 0, '0') + hex, spec);
    }
    default:
      return BadVerb(value, spec.verb);
  }
  Spec padding = spec;
  if (spec.precision) {
    const auto least = static_cast<size_t>(*spec.precision);
    if (digits.size() < least) digits.insert(0, least - digits.size(), '0');
    padding.zero = false;
  }
  return Padded(Signed(std::move(digits), number < 0, spec), padding);
}

std::string FloatText(const Value& value, const Spec& spec) {
  const double number = value.float_value();
  std::string text;
  switch (spec.verb) {
    case 'v':
      text = GoFloat(number, 'g', spec.precision.value_or(-1));
      break;
    case 'g':
    case 'G':
      text = GoFloat(number, spec.verb, spec.precision.value_or(-1));
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
      text = GoFloat(number, spec.verb, spec.precision.value_or(6));
      break;
    default:
      return BadVerb(value, spec.verb);
  }
  Spec padding = spec;
  padding.plus = spec.plus && spec.verb != 'v';  // %+v is about the fields of structs
  if (!std::isfinite(number)) padding.zero = false;
  if (text[0] == '+') text.erase(0, 1);
  if (std::isinf(number) && !padding.space) padding.plus = true;
  if (text[0] != '-') text = Signed(std::move(text), false, padding);
  return Padded(std::move(text), padding);
}

std::string HexText(std::string_view text, const Spec& spec) {
  std::string out;
  for (const char c : text) {
    const std::string hex = InBase(static_cast<unsigned char>(c), 16, spec.verb == 'X');
    if (!out.empty() && spec.space) out += ' ';
    base::StrAppend(&out, hex.size() < 2 ? "0" : "", hex);
  }
  return out;
}

std::string StringText(const Value& value, const Spec& spec) {
  std::string text = FormattedText(value);
  if (spec.precision) {
    size_t end = 0;
    for (int i = 0; i < *spec.precision && end < text.size(); ++i) {
      do ++end;
      while (end < text.size() && (text[end] & 0xc0) == 0x80);
    }
    text.resize(end);
  }
  switch (spec.verb) {
    case 'v':
    case 's':
      if (spec.sharp && spec.verb == 'v') return Padded(GoQuote(text), spec);
      return Padded(std::move(text), spec);
    case 'q':
      return Padded(GoQuote(text), spec);
    case 'x':
    case 'X':
      return Padded(HexText(text, spec), spec);
    default:
      return BadVerb(value, spec.verb);
  }
}

std::string OneText(const Value& value, const Spec& spec) {
  if (spec.verb == 'T') {
    Value inner = value;
    inner.Unbox();
    return Padded(inner.TypeName(), spec);
  }
  switch (value.kind()) {
    case Value::Kind::kNone:
      return spec.verb == 'v' ? Padded("<nil>", spec) : BadVerb(value, spec.verb);
    case Value::Kind::kBool:
      if (spec.verb != 't' && spec.verb != 'v') return BadVerb(value, spec.verb);
      return Padded(FormattedText(value), spec);
    case Value::Kind::kInt:
    case Value::Kind::kByte:
    case Value::Kind::kRune:
      return IntegerText(value, spec);
    case Value::Kind::kFloat:
      return FloatText(value, spec);
    case Value::Kind::kDuration:
    case Value::Kind::kTime:
    case Value::Kind::kMonth:
    case Value::Kind::kWeekday:
      if (spec.verb == 'd') return IntegerText(value, spec);
      return StringText(value, spec);
    default:
      return StringText(value, spec);
  }
}

// One walk over a format.
class Printer {
 public:
  Printer(std::string_view format, std::span<const Value> values)
      : rest_(format), values_(values) {}

  std::string Run() {
    while (!rest_.empty() && out_.size() <= kTemplateOutputBytesMax) {
      const size_t percent = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, percent);
      rest_.remove_prefix(percent);
      if (!rest_.empty()) One();
    }
    if (!reordered_ && next_ < values_.size()) Extra();
    return std::move(out_);
  }

 private:
  void One() {
    rest_.remove_prefix(1);
    Spec spec;
    Flags(&spec);
    good_index_ = true;
    Index();
    Width(&spec);
    Precision(&spec);
    Index();
    if (rest_.empty()) {
      out_ += "%!(NOVERB)";
      return;
    }
    const std::string_view before = rest_;
    const uint32_t verb = TakeRune(&rest_);
    spec.verb = verb < 0x80 ? static_cast<char>(verb) : '?';
    const std::string name(before.substr(0, before.size() - rest_.size()));
    if (verb == '%') {
      out_ += '%';
    } else if (!good_index_) {
      base::StrAppend(&out_, "%!", name, "(BADINDEX)");
    } else if (next_ >= values_.size()) {
      base::StrAppend(&out_, "%!", name, "(MISSING)");
    } else {
      out_ += OneText(values_[next_++], spec);
    }
  }

  void Flags(Spec* spec) {
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      switch (rest_[0]) {
        case '+':
          spec->plus = true;
          break;
        case '-':
          spec->minus = true;
          spec->zero = false;
          break;
        case '#':
          spec->sharp = true;
          break;
        case ' ':
          spec->space = true;
          break;
        case '0':
          spec->zero = !spec->minus;
          break;
        default:
          return;
      }
    }
  }

  std::optional<int> Number() {
    int value = 0;
    bool any = false;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      value = std::min(value * 10 + (rest_[0] - '0'), static_cast<int>(kTemplatePrintfWidthMax));
      rest_.remove_prefix(1);
      any = true;
    }
    return any ? std::optional<int>(value) : std::nullopt;
  }

  // [n]: the next argument is the n-th.
  void Index() {
    if (rest_.empty() || rest_[0] != '[') return;
    reordered_ = true;
    const size_t end = rest_.find(']');
    if (end == std::string_view::npos) {
      good_index_ = false;
      rest_.remove_prefix(1);
      return;
    }
    rest_.remove_prefix(1);
    const std::string_view before = rest_;
    const std::optional<int> number = Number();
    good_index_ = number && *number >= 1 && static_cast<size_t>(*number) <= values_.size() &&
                  before.size() - rest_.size() == end - 1;
    if (good_index_) next_ = static_cast<size_t>(*number) - 1;
    rest_ = before.substr(end);
  }

  std::optional<int> Star(std::string_view complaint) {
    rest_.remove_prefix(1);
    if (next_ < values_.size() && values_[next_].kind() == Value::Kind::kInt) {
      const int64_t value = values_[next_++].int_value();
      if (std::abs(value) <= static_cast<int64_t>(kTemplatePrintfWidthMax)) {
        return static_cast<int>(value);
      }
    } else if (next_ < values_.size()) {
      ++next_;
    }
    out_ += complaint;
    return std::nullopt;
  }

  void Width(Spec* spec) {
    if (rest_.empty() || rest_[0] != '*') {
      spec->width = Number();
      return;
    }
    spec->width = Star("%!(BADWIDTH)");
    if (spec->width.value_or(0) < 0) {
      spec->width = -*spec->width;
      spec->minus = true;
      spec->zero = false;
    }
  }

  void Precision(Spec* spec) {
    if (rest_.empty() || rest_[0] != '.') return;
    rest_.remove_prefix(1);
    Index();
    if (!rest_.empty() && rest_[0] == '*') {
      spec->precision = Star("%!(BADPREC)");
      if (spec->precision.value_or(0) < 0) spec->precision.reset();
    } else {
      spec->precision = Number().value_or(0);
    }
  }

  void Extra() {
    out_ += "%!(EXTRA ";
    for (const char* comma = ""; next_ < values_.size(); ++next_) {
      const Value& value = values_[next_];
      out_ += comma;
      if (value.is_none()) {
        out_ += "<nil>";
      } else {
        base::StrAppend(&out_, value.InnerTypeName(), "=", FormattedText(value));
      }
      comma = ", ";
    }
    out_ += ")";
  }

  std::string_view rest_;
  std::span<const Value> values_;
  size_t next_ = 0;
  bool reordered_ = false;
  bool good_index_ = true;
  std::string out_;
};

}  // namespace

std::string GoSprintf(std::string_view format, std::span<const Value> values) {
  return Printer(format, values).Run();
}

}  // namespace baro::rules
