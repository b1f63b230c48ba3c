// Attribute values as text, and exemplars.

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/otlp.h"
#include "baro/wire/remote_write.h"
#include "proto_reader.h"

namespace baro::wire {
namespace {

constexpr int kDepthMax = 64;
constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;
constexpr char kHexDigits[] = "0123456789abcdef";

enum class ValueField : uint32_t {
  kNone = 0,
  kString = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kArray = 5,
  kMap = 6,
  kBytes = 7,
};

struct AnyValue {
  ValueField field = ValueField::kNone;
  uint64_t number = 0;
  std::string_view bytes;
};

// Of a oneof the last one counts.
bool ReadAnyValue(std::string_view message, AnyValue* value) {
  for (ProtoReader reader(message); !reader.AtEnd();) {
    if (!reader.Tag()) return false;
    const uint32_t field = reader.field();
    AnyValue read;
    read.field = static_cast<ValueField>(field);
    bool taken = true;
    bool good = true;
    if (reader.Is(2, WireType::kVarint) || reader.Is(3, WireType::kVarint)) {
      good = reader.Varint(&read.number);
    } else if (reader.Is(4, WireType::kFixed64)) {
      good = reader.Fixed64(&read.number);
    } else if (reader.Is(field, WireType::kBytes) && (field == 1 || (field >= 5 && field <= 7))) {
      good = reader.Bytes(&read.bytes);
    } else {
      taken = false;
      good = reader.Skip();
    }
    if (!good) return false;
    if (taken) *value = read;
  }
  return true;
}

bool ReadKeyValue(std::string_view message, OtlpAttribute* attribute) {
  for (ProtoReader reader(message); !reader.AtEnd();) {
    if (!reader.Tag()) return false;
    if (reader.Is(1, WireType::kBytes)) {
      if (!reader.Bytes(&attribute->key)) return false;
    } else if (reader.Is(2, WireType::kBytes)) {
      if (!reader.Bytes(&attribute->value)) return false;
    } else if (!reader.Skip()) {
      return false;
    }
  }
  return true;
}

// As JavaScript prints numbers: exponents below 1e-6 and from 1e21.
void AppendNumber(double value, std::string* text) {
  const double size = std::fabs(value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) {
    text->append(PlainNumber(value));
    return;
  }
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const std::string_view printed(buffer.data(), static_cast<size_t>(end.ptr - buffer.data()));
  const size_t n = printed.size();
  // e-09 is e-9 there; e+21 stays.
  if (printed.substr(n - 4, 3) == "e-0") {
    base::StrAppend(text, printed.substr(0, n - 2), printed.substr(n - 1));
  } else {
    text->append(printed);
  }
}

// As Go's encoding/json writes strings, with HTML's characters as they are.
void AppendJsonString(std::string_view value, std::string* text) {
  text->push_back('"');
  for (size_t i = 0; i < value.size();) {
    const auto byte = static_cast<uint8_t>(value[i]);
    size_t size = 1;
    if (byte >= 0x80) {
      for (size = 2; size <= 4 && i + size <= value.size(); ++size) {
        if (IsValidUtf8(value.substr(i, size))) break;
      }
      const std::string_view rune = value.substr(i, size);
      const bool valid = size <= 4 && i + size <= value.size() && IsValidUtf8(rune);
      if (!valid) {
        text->append("\\ufffd");
        size = 1;
      } else if (rune == "\u2028" || rune == "\u2029") {
        text->append(rune == "\u2028" ? "\\u2028" : "\\u2029");
      } else {
        text->append(rune);
      }
    } else if (byte == '"' || byte == '\\') {
      text->push_back('\\');
      text->push_back(value[i]);
    } else if (byte == '\b' || byte == '\f' || byte == '\n' || byte == '\r' || byte == '\t') {
      text->push_back('\\');
      text->push_back(byte == '\b'   ? 'b'
                      : byte == '\f' ? 'f'
                      : byte == '\n' ? 'n'
                      : byte == '\r' ? 'r'
                                     : 't');
    } else if (byte < 0x20) {
      text->append("\\u00");
      text->push_back(kHexDigits[byte >> 4]);
      text->push_back(kHexDigits[byte & 15]);
    } else {
      text->push_back(value[i]);
    }
    i += size;
  }
  text->push_back('"');
}

std::string Base64(std::string_view bytes) { return absl::Base64Escape(base::ToAbsl(bytes)); }

enum class Json { kGood, kDamaged, kNoNumber };

Json AppendJson(std::string_view message, int depth, std::string* text);

Json AppendJsonArray(std::string_view message, int depth, std::string* text) {
  text->push_back('[');
  bool first = true;
  for (ProtoReader reader(message); !reader.AtEnd();) {
    std::string_view element;
    if (!reader.Tag()) return Json::kDamaged;
    if (!reader.Is(1, WireType::kBytes)) {
      if (!reader.Skip()) return Json::kDamaged;
      continue;
    }
    if (!reader.Bytes(&element)) return Json::kDamaged;
    if (!std::exchange(first, false)) text->push_back(',');
    if (const Json result = AppendJson(element, depth - 1, text); result != Json::kGood) {
      return result;
    }
  }
  text->push_back(']');
  return Json::kGood;
}

// Keys in order; of a key told twice the last one counts.
Json AppendJsonMap(std::string_view message, int depth, std::string* text) {
  std::vector<OtlpAttribute> entries;
  if (!ReadOtlpAttributes(message, &entries).ok()) return Json::kDamaged;
  std::map<std::string_view, std::string_view> map;
  for (const OtlpAttribute& entry : entries) map[entry.key] = entry.value;
  text->push_back('{');
  bool first = true;
  for (const auto& [key, value] : map) {
    if (!std::exchange(first, false)) text->push_back(',');
    AppendJsonString(key, text);
    text->push_back(':');
    if (const Json result = AppendJson(value, depth - 1, text); result != Json::kGood) {
      return result;
    }
  }
  text->push_back('}');
  return Json::kGood;
}

Json AppendJson(std::string_view message, int depth, std::string* text) {
  AnyValue value;
  if (depth <= 0 || !ReadAnyValue(message, &value)) return Json::kDamaged;
  switch (value.field) {
    case ValueField::kNone:
      text->append("null");
      break;
    case ValueField::kString:
      AppendJsonString(value.bytes, text);
      break;
    case ValueField::kBool:
      text->append(value.number != 0 ? "true" : "false");
      break;
    case ValueField::kInt:
      base::StrAppend(text, static_cast<int64_t>(value.number));
      break;
    case ValueField::kDouble:
      if (!std::isfinite(std::bit_cast<double>(value.number))) return Json::kNoNumber;
      AppendNumber(std::bit_cast<double>(value.number), text);
      break;
    case ValueField::kArray:
      return AppendJsonArray(value.bytes, depth, text);
    case ValueField::kMap:
      return AppendJsonMap(value.bytes, depth, text);
    case ValueField::kBytes:
      base::StrAppend(text, "\"", Base64(value.bytes), "\"");
      break;
  }
  return Json::kGood;
}

absl::Status DamagedValue() {
  return absl::InvalidArgumentError(base::StrCat(
      "cannot read OTLP attribute: its value is damaged or nested deeper than ", kDepthMax));
}

// Lower-case hexadecimal of an id; empty when absent or all zero. From JSON the id's hexadecimal
// digits have come through protobuf's base64: four of them were taken for three bytes. False: a
// wrong size.
bool IdText(std::string_view bytes, size_t size, std::string* text) {
  text->clear();
  if (bytes.size() == 2 * size * 3 / 4) {
    *text = Base64(bytes);
    for (char& c : *text) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
  } else if (bytes.size() == size) {
    for (const char c : bytes) {
      text->push_back(kHexDigits[static_cast<uint8_t>(c) >> 4]);
      text->push_back(kHexDigits[static_cast<uint8_t>(c) & 15]);
    }
  } else if (!bytes.empty()) {
    return false;
  }
  if (text->find_first_not_of('0') == std::string::npos) text->clear();
  return true;
}

bool ReadExemplar(std::string_view message, OtlpExemplar* exemplar) {
  std::string_view bytes;
  uint64_t bits = 0;
  const char* attributes_begin = nullptr;
  const char* attributes_end = nullptr;
  for (ProtoReader reader(message); !reader.AtEnd();) {
    const char* const field = reader.next();
    bool good = reader.Tag();
    if (good && reader.Is(2, WireType::kFixed64)) {
      good = reader.Fixed64(&exemplar->time_ns);
    } else if (good && reader.Is(3, WireType::kFixed64)) {
      good = reader.Fixed64(&bits);
      exemplar->value = std::bit_cast<double>(bits);
    } else if (good && reader.Is(6, WireType::kFixed64)) {
      good = reader.Fixed64(&bits);
      exemplar->value = static_cast<double>(static_cast<int64_t>(bits));
    } else if (good && reader.Is(4, WireType::kBytes)) {
      good = reader.Bytes(&bytes) && IdText(bytes, kSpanIdBytes, &exemplar->span_id);
    } else if (good && reader.Is(5, WireType::kBytes)) {
      good = reader.Bytes(&bytes) && IdText(bytes, kTraceIdBytes, &exemplar->trace_id);
    } else if (good && reader.Is(7, WireType::kBytes)) {
      good = reader.Bytes(&bytes);
      if (attributes_begin == nullptr) attributes_begin = field;
      attributes_end = reader.next();
    } else {
      good = good && reader.Skip();
    }
    if (!good) return false;
  }
  if (attributes_begin != nullptr) {
    exemplar->attributes = {attributes_begin,
                            static_cast<size_t>(attributes_end - attributes_begin)};
  }
  return true;
}

}  // namespace

std::string PlainNumber(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 40> buffer;
  const auto printed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<size_t>(printed.ptr - buffer.data()));
  const size_t mark = text.find('e');
  int exponent = 0;
  const std::string_view exponent_text = text.substr(mark + (text[mark + 1] == '+' ? 2 : 1));
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  std::string digits;
  for (const char c : text.substr(0, mark)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  const std::string sign = text.starts_with('-') ? "-" : "";
  if (exponent < 0) {
    return base::StrCat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0');
  return base::StrCat(sign, digits.substr(0, whole), ".", digits.substr(whole));
}

// Fields of another number between the attributes are passed over, so that a piece of a message may
// be given as it lies.
absl::Status ReadOtlpAttributes(OtlpAttributes bytes, std::vector<OtlpAttribute>* attributes) {
  attributes->clear();
  uint32_t number = 0;
  for (ProtoReader reader(bytes); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view message;
    bool good = reader.Tag();
    if (number == 0) number = reader.field();
    if (good && reader.Is(number, WireType::kBytes)) {
      good = reader.Bytes(&message) && ReadKeyValue(message, &attributes->emplace_back());
    } else {
      good = good && reader.Skip();
    }
    if (good) continue;
    return absl::InvalidArgumentError(base::StrCat("cannot read OTLP attributes: attribute ",
                                                   attributes->size(), " is damaged, at byte ",
                                                   field - bytes.data(), " of them"));
  }
  return absl::OkStatus();
}

absl::Status AppendOtlpText(std::string_view value, std::string* text) {
  AnyValue any;
  if (!ReadAnyValue(value, &any)) return DamagedValue();
  if (any.field == ValueField::kString) {
    text->append(any.bytes);
    return absl::OkStatus();
  }
  const double number = std::bit_cast<double>(any.number);
  if (any.field == ValueField::kDouble && !std::isfinite(number)) {
    text->append(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    return absl::OkStatus();
  }
  if (any.field == ValueField::kNone) return absl::OkStatus();
  if (any.field == ValueField::kBytes) {
    text->append(Base64(any.bytes));
    return absl::OkStatus();
  }
  const size_t size = text->size();
  switch (AppendJson(value, kDepthMax, text)) {
    case Json::kGood:
      return absl::OkStatus();
    case Json::kNoNumber:
      text->resize(size);  // no JSON for it, no text
      return absl::OkStatus();
    case Json::kDamaged:
      break;
  }
  return DamagedValue();
}

absl::Status ReadOtlpExemplars(OtlpExemplars bytes, std::vector<OtlpExemplar>* exemplars) {
  exemplars->clear();
  for (ProtoReader reader(bytes); !reader.AtEnd();) {
    const char* const field = reader.next();
    std::string_view message;
    if (!reader.Tag() || !reader.Bytes(&message) ||
        !ReadExemplar(message, &exemplars->emplace_back())) {
      return absl::InvalidArgumentError(base::StrCat("cannot read OTLP exemplars: damaged at byte ",
                                                     field - bytes.data(), " of them"));
    }
  }
  return absl::OkStatus();
}

}  // namespace baro::wire
