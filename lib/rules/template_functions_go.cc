// The functions that every Go template has: logic, comparison, indexing, printing, escaping.
#include <array>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "go_format.h"
#include "template_functions.h"

namespace baro::rules {
namespace {

using Arguments = std::span<const Value>;
using ValueOr = absl::StatusOr<Value>;
using Kind = Value::Kind;

absl::Status Bad(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

// What may be compared with each other.
enum class Basic : uint8_t { kNone, kBool, kInt, kUint, kFloat, kString };

Basic BasicOf(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool:
      return Basic::kBool;
    case Kind::kByte:
      return Basic::kUint;
    case Kind::kInt:
    case Kind::kRune:
    case Kind::kMonth:
    case Kind::kWeekday:
      return Basic::kInt;
    case Kind::kFloat:
      return Basic::kFloat;
    case Kind::kString:
    case Kind::kHtml:
      return Basic::kString;
    default:
      return Basic::kNone;
  }
}

bool AreWhole(Basic a, Basic b) {
  const auto whole = [](Basic kind) { return kind == Basic::kInt || kind == Basic::kUint; };
  return whole(a) && whole(b);
}

absl::Status Incompatible(const Value& a, const Value& b) {
  return Bad(base::StrCat("incompatible types for comparison: ", a.InnerTypeName(), " and ",
                          b.InnerTypeName()));
}

absl::StatusOr<bool> Equal(const Value& a, const Value& b) {
  const Basic kind_a = BasicOf(a);
  const Basic kind_b = BasicOf(b);
  if (AreWhole(kind_a, kind_b)) return a.int_value() == b.int_value();
  if (kind_a != kind_b) {
    if (a.is_none() || b.is_none()) return false;
    return Incompatible(a, b);
  }
  switch (kind_a) {
    case Basic::kBool:
      return a.int_value() == b.int_value();
    case Basic::kFloat:
      return a.float_value() == b.float_value();
    case Basic::kString:
      return a.text() == b.text();
    default:
      break;
  }
  const auto is_nil = [](const Value& value) { return value.is_none() || value.is_nil_pointer(); };
  if (is_nil(a) || is_nil(b)) return is_nil(a) == is_nil(b);
  if (a.kind() == Kind::kSample && b.kind() == Kind::kSample) return a.sample() == b.sample();
  return Bad(base::StrCat("non-comparable type ", FormattedText(b), ": ", b.InnerTypeName()));
}

absl::StatusOr<bool> Less(const Value& a, const Value& b) {
  const Basic kind_a = BasicOf(a);
  const Basic kind_b = BasicOf(b);
  if (kind_a == Basic::kNone || kind_b == Basic::kNone) {
    return Bad("invalid type for comparison");
  }
  if (AreWhole(kind_a, kind_b)) return a.int_value() < b.int_value();
  if (kind_a != kind_b) return Incompatible(a, b);
  if (kind_a == Basic::kFloat) return a.float_value() < b.float_value();
  if (kind_a == Basic::kString) return a.text() < b.text();
  return Bad("invalid type for comparison");
}

ValueOr AsValue(absl::StatusOr<bool> truth) {
  if (!truth.ok()) return truth.status();
  return Value::Bool(*truth);
}

ValueOr CallEq(const TemplateInput&, Arguments arguments) {
  if (arguments.size() < 2) return Bad("missing argument for comparison");
  for (const Value& other : arguments.subspan(1)) {
    BARO_TRY_ASSIGN(const bool equal, Equal(arguments[0], other));
    if (equal) return Value::Bool(true);
  }
  return Value::Bool(false);
}
ValueOr CallNe(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const bool equal, Equal(arguments[0], arguments[1]));
  return Value::Bool(!equal);
}
ValueOr CallLt(const TemplateInput&, Arguments arguments) {
  return AsValue(Less(arguments[0], arguments[1]));
}
// As Go has it: not (a < b), so a NaN is greater than everything.
ValueOr CallGe(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const bool less, Less(arguments[0], arguments[1]));
  return Value::Bool(!less);
}
absl::StatusOr<bool> LessOrEqual(Arguments arguments) {
  BARO_TRY_ASSIGN(const bool less, Less(arguments[0], arguments[1]));
  if (less) return true;
  return Equal(arguments[0], arguments[1]);
}
ValueOr CallLe(const TemplateInput&, Arguments arguments) {
  return AsValue(LessOrEqual(arguments));
}
ValueOr CallGt(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const bool less, LessOrEqual(arguments));
  return Value::Bool(!less);
}
ValueOr CallNot(const TemplateInput&, Arguments arguments) {
  return Value::Bool(!arguments[0].Truth());
}

ValueOr CallFunction(const TemplateInput&, Arguments arguments) {
  // There is no function among the values that templates can have.
  if (arguments[0].is_none()) return Bad("call of nil");
  return Bad(base::StrCat("non-function ", FormattedText(arguments[0]), " of type ",
                          arguments[0].InnerTypeName()));
}

absl::StatusOr<size_t> IndexOf(const Value& index, size_t limit) {
  if (index.is_none()) return Bad("cannot index slice/array with nil");
  if (!index.is_integer()) {
    return Bad(base::StrCat("cannot index slice/array with type ", index.InnerTypeName()));
  }
  const int64_t value = index.int_value();
  if (value < 0 || static_cast<uint64_t>(value) > limit) {
    return Bad(base::StrCat("index out of range: ", value));
  }
  return static_cast<size_t>(value);
}

absl::StatusOr<std::string> MapKey(const Value& index) {
  if (index.is_none()) return Bad("value is nil; should be of type string");
  if (index.kind() == Kind::kString) return index.text();
  return Bad(base::StrCat("value has type ", index.InnerTypeName(), "; should be string"));
}

ValueOr Element(const Value& item, const Value& index) {
  switch (item.kind()) {
    case Kind::kString:
    case Kind::kHtml: {
      BARO_TRY_ASSIGN(const size_t i, IndexOf(index, item.text().size()));
      if (i >= item.text().size()) return Bad("reflect: string index out of range");
      return Value::Integer(Kind::kByte, static_cast<unsigned char>(item.text()[i]));
    }
    case Kind::kSamples: {
      BARO_TRY_ASSIGN(const size_t i, IndexOf(index, item.samples()->size()));
      if (i >= item.samples()->size()) return Bad("reflect: slice index out of range");
      return Value::Sample((*item.samples())[i]);
    }
    case Kind::kStrings: {
      BARO_TRY_ASSIGN(const std::string key, MapKey(index));
      const auto it = item.strings().find(key);
      return Value::String(it == item.strings().end() ? "" : it->second);
    }
    case Kind::kArguments: {
      BARO_TRY_ASSIGN(const std::string key, MapKey(index));
      const auto it = item.arguments().find(key);
      return it == item.arguments().end() ? Value() : it->second;
    }
    default:
      return Bad(base::StrCat("can't index item of type ", item.InnerTypeName()));
  }
}

ValueOr CallIndex(const TemplateInput&, Arguments arguments) {
  if (arguments[0].is_none()) return Bad("index of untyped nil");
  Value item = arguments[0];
  for (const Value& index : arguments.subspan(1)) {
    if (item.is_none() || item.is_nil_pointer()) return Bad("index of nil pointer");
    BARO_TRY_ASSIGN(Value next, Element(item, index));
    item = std::move(next);
  }
  return item;
}

ValueOr CallSlice(const TemplateInput&, Arguments arguments) {
  const Value& item = arguments[0];
  const Arguments indexes = arguments.subspan(1);
  if (item.is_none()) return Bad("slice of untyped nil");
  if (item.is_nil_pointer()) return Bad("slice of nil pointer");
  if (indexes.size() > 3) return Bad(base::StrCat("too many slice indexes: ", indexes.size()));
  if (!item.is_text() && item.kind() != Kind::kSamples) {
    return Bad(base::StrCat("can't slice item of type ", item.InnerTypeName()));
  }
  if (item.is_text() && indexes.size() == 3) return Bad("cannot 3-index slice a string");
  const size_t size = item.is_text() ? item.text().size() : item.samples()->size();
  std::array<size_t, 3> bounds = {0, size, size};
  for (size_t i = 0; i < indexes.size(); ++i) {
    BARO_TRY_ASSIGN(bounds[i], IndexOf(indexes[i], size));
  }
  for (size_t i = 0; i < (indexes.size() == 3 ? 2u : 1u); ++i) {
    if (bounds[i] <= bounds[i + 1]) continue;
    return Bad(base::StrCat("invalid slice index: ", bounds[i], " > ", bounds[i + 1]));
  }
  if (item.is_text()) {
    return Value::Text(item.kind(), item.text().substr(bounds[0], bounds[1] - bounds[0]));
  }
  const auto begin = item.samples()->begin();
  return Value::List(
      std::make_shared<Value::Samples>(begin + static_cast<std::ptrdiff_t>(bounds[0]),
                                       begin + static_cast<std::ptrdiff_t>(bounds[1])));
}

ValueOr CallLen(const TemplateInput&, Arguments arguments) {
  const Value& item = arguments[0];
  if (item.is_nil_pointer()) return Bad("len of nil pointer");
  size_t size = 0;
  switch (item.kind()) {
    case Kind::kString:
    case Kind::kHtml:
      size = item.text().size();
      break;
    case Kind::kStrings:
      size = item.strings().size();
      break;
    case Kind::kArguments:
      size = item.arguments().size();
      break;
    case Kind::kSamples:
      size = item.samples()->size();
      break;
    default:
      if (item.is_none()) return Bad("len of untyped nil");
      return Bad(base::StrCat("len of type ", item.InnerTypeName()));
  }
  return Value::Int(static_cast<int64_t>(size));
}

ValueOr CallPrint(const TemplateInput&, Arguments arguments) {
  return Value::String(GoSprint(arguments));
}
ValueOr CallPrintln(const TemplateInput&, Arguments arguments) {
  return Value::String(GoSprintln(arguments));
}
ValueOr CallPrintf(const TemplateInput&, Arguments arguments) {
  return Value::String(GoSprintf(arguments[0].text(), arguments.subspan(1)));
}

// The text of all arguments, as an action prints one.
std::string TextOf(Arguments arguments) {
  return arguments.size() == 1 ? PrintedText(arguments[0]) : GoSprint(arguments);
}

ValueOr CallHtml(const TemplateInput&, Arguments arguments) {
  std::string out;
  for (const char c : TextOf(arguments)) {
    switch (c) {
      case '\0':
        out += "\xef\xbf\xbd";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return Value::String(std::move(out));
}

ValueOr CallJs(const TemplateInput&, Arguments arguments) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  const std::string text = TextOf(arguments);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    const uint32_t rune = TakeRune(&rest);
    const char c = rune < 0x80 ? static_cast<char>(rune) : '\0';
    if (c == '\\' || c == '\'' || c == '"') {
      out += '\\';
      out += c;
    } else if (rune < 0x20 || c == '<' || c == '>' || c == '&' || c == '=') {
      out += "\\u00";
      out += kHex[rune >> 4];
      out += kHex[rune & 15];
    } else {
      out += before.substr(0, before.size() - rest.size());
    }
  }
  return Value::String(std::move(out));
}

ValueOr CallUrlQuery(const TemplateInput&, Arguments arguments) {
  return Value::String(GoQueryEscape(TextOf(arguments)));
}

}  // namespace

std::span<const TemplateFunction> GoTemplateFunctions() {
  constexpr ArgumentType kAny = ArgumentType::kAny;
  static const std::array<TemplateFunction, 19> kFunctions = {{
      {"and", {kAny, kAny}, true, nullptr},
      {"call", {kAny, kAny}, true, CallFunction},
      {"eq", {kAny, kAny}, true, CallEq},
      {"ge", {kAny, kAny}, false, CallGe},
      {"gt", {kAny, kAny}, false, CallGt},
      {"html", {kAny}, true, CallHtml},
      {"index", {kAny, kAny}, true, CallIndex},
      {"js", {kAny}, true, CallJs},
      {"le", {kAny, kAny}, false, CallLe},
      {"len", {kAny}, false, CallLen},
      {"lt", {kAny, kAny}, false, CallLt},
      {"ne", {kAny, kAny}, false, CallNe},
      {"not", {kAny}, false, CallNot},
      {"or", {kAny, kAny}, true, nullptr},
      {"print", {kAny}, true, CallPrint},
      {"printf", {ArgumentType::kString, kAny}, true, CallPrintf},
      {"println", {kAny}, true, CallPrintln},
      {"slice", {kAny, kAny}, true, CallSlice},
      {"urlquery", {kAny}, true, CallUrlQuery},
  }};
  return kFunctions;
}

}  // namespace baro::rules
