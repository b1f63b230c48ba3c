#include "http_api/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace baro::collector {
namespace {

// One write of the server; large enough that a result of any size is few blocks. The first block
// is small and each is larger than the one before, so that a short answer costs little.
constexpr size_t kBlockBytes = 256 * 1024;
constexpr size_t kFirstBlockBytes = 2 * 1024;
constexpr size_t kBlockGrowth = 4;
// Doubles below this hold every whole number exactly.
constexpr double kWholeMax = 9007199254740992.0;  // 2^53

char* Copy(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* Fill(char c, int count, char* out) {
  std::memset(out, c, static_cast<size_t>(count));
  return out + count;
}

// A double as decimal digits d.ddd × 10^exponent, from to_chars' shortest scientific text.
struct Decimal {
  std::array<char, 24> digits;
  int count = 0;
  int exponent = 0;
};

Decimal ShortestDigits(double magnitude) {
  std::array<char, 40> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), magnitude,
                                  std::chars_format::scientific)
                        .ptr;
  Decimal decimal;
  const char* at = text.data();
  for (; *at != 'e'; ++at) {
    if (*at != '.') decimal.digits[static_cast<size_t>(decimal.count++)] = *at;
  }
  ++at;
  if (*at == '+') ++at;  // from_chars takes no plus
  std::from_chars(at, end, decimal.exponent);
  return decimal;
}

char* WriteWithoutExponent(const Decimal& decimal, char* out) {
  const std::string_view digits(decimal.digits.data(), static_cast<size_t>(decimal.count));
  if (decimal.exponent < 0) {
    out = Copy("0.", out);
    out = Fill('0', -decimal.exponent - 1, out);
    return Copy(digits, out);
  }
  const int whole = decimal.exponent + 1;
  if (decimal.count <= whole) return Fill('0', whole - decimal.count, Copy(digits, out));
  out = Copy(digits.substr(0, static_cast<size_t>(whole)), out);
  *out++ = '.';
  return Copy(digits.substr(static_cast<size_t>(whole)), out);
}

// Takes care of everything that is not digits. Null: the magnitude is still to be written.
char* WriteSpecial(double value, char** out) {
  if (std::isnan(value)) return Copy("NaN", *out);
  if (std::isinf(value)) return Copy(value > 0 ? "+Inf" : "-Inf", *out);
  if (std::signbit(value)) *(*out)++ = '-';
  const double magnitude = std::fabs(value);
  // Most counters and gauges are whole numbers.
  if (magnitude < kWholeMax && magnitude == std::floor(magnitude)) {
    return std::to_chars(*out, *out + 20, static_cast<uint64_t>(magnitude)).ptr;
  }
  return nullptr;
}

// Length of the UTF-8 sequence at `text`, 0 when it is not one (overlong and surrogates included).
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

char* WriteEscape(char c, char* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      return Copy("\\\"", out);
    case '\\':
      return Copy("\\\\", out);
    case '\n':
      return Copy("\\n", out);
    case '\r':
      return Copy("\\r", out);
    case '\t':
      return Copy("\\t", out);
    default:
      out = Copy("\\u00", out);
      *out++ = kHex[static_cast<unsigned char>(c) >> 4];
      *out++ = kHex[static_cast<unsigned char>(c) & 15];
      return out;
  }
}

}  // namespace

char* WriteFixed(double value, char* out) {
  if (char* end = WriteSpecial(value, &out)) return end;
  return WriteWithoutExponent(ShortestDigits(std::fabs(value)), out);
}

char* WriteSample(double value, char* out) {
  if (char* end = WriteSpecial(value, &out)) return end;
  const double magnitude = std::fabs(value);
  if (magnitude >= 1e-6 && magnitude < 1e21) {
    return WriteWithoutExponent(ShortestDigits(magnitude), out);
  }
  // to_chars and Go agree here: at least two digits of exponent, always with a sign.
  return std::to_chars(out, out + 40, magnitude, std::chars_format::scientific).ptr;
}

char* JsonWriter::Reserve(size_t bytes) {
  if (block_.size() - used_ < bytes) {
    const size_t size =
        block_.empty() ? kFirstBlockBytes : std::min(kBlockBytes, block_.size() * kBlockGrowth);
    if (used_ > 0) {
      block_.resize(used_);
      full_.push_back(std::move(block_));
    }
    block_ = std::string(std::max(size, bytes), '\0');
    used_ = 0;
  }
  return block_.data() + used_;
}

void JsonWriter::Raw(std::string_view text) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kBlockBytes);
    Advance(Copy(part, Reserve(part.size())));
    text.remove_prefix(part.size());
  }
}

void JsonWriter::String(std::string_view text) {
  Raw("\"");
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    Raw(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    size_t taken = 1;
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      Advance(WriteEscape(text[0], Reserve(6)));
    } else if (const size_t length = Utf8Length(text); length > 0) {
      Raw(text.substr(0, length));
      taken = length;
    } else {
      Raw("\\ufffd");
    }
    text.remove_prefix(taken);
  }
  Raw("\"");
}

void JsonWriter::Int(int64_t value) {
  char* out = Reserve(20);
  Advance(std::to_chars(out, out + 20, value).ptr);
}

void JsonWriter::Number(double value) {
  Advance(WriteSample(std::isfinite(value) ? value : 0, Reserve(kNumberBytesMax)));
}

void JsonWriter::SampleTime(int64_t time_ms) {
  char* out = Reserve(32);
  uint64_t magnitude = static_cast<uint64_t>(time_ms);
  if (time_ms < 0) {
    *out++ = '-';
    magnitude = -magnitude;
  }
  out = std::to_chars(out, out + 20, magnitude / 1000).ptr;
  if (const uint64_t fraction = magnitude % 1000; fraction != 0) {
    *out++ = '.';
    *out++ = static_cast<char>('0' + fraction / 100);
    *out++ = static_cast<char>('0' + fraction / 10 % 10);
    *out++ = static_cast<char>('0' + fraction % 10);
  }
  Advance(out);
}

void JsonWriter::Sample(int64_t time_ms, double value) {
  Raw("[");
  SampleTime(time_ms);
  char* out = Reserve(kNumberBytesMax + 4);
  *out++ = ',';
  *out++ = '"';
  out = WriteSample(value, out);
  *out++ = '"';
  *out++ = ']';
  Advance(out);
}

void JsonWriter::QuotedSample(double value) {
  char* out = Reserve(kNumberBytesMax + 2);
  *out++ = '"';
  out = WriteSample(value, out);
  *out++ = '"';
  Advance(out);
}

void JsonWriter::Histogram(int64_t time_ms, const model::Histogram& histogram) {
  Raw("[");
  SampleTime(time_ms);
  Raw(",{\"count\":");
  QuotedSample(histogram.count);
  Raw(",\"sum\":");
  QuotedSample(histogram.sum);
  const std::vector<model::BucketRange> ranges = model::BucketRanges(histogram);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const model::BucketRange& range = ranges[i];
    Raw(i == 0 ? ",\"buckets\":[[" : ",[");
    const int upper_only = range.upper_inclusive ? 0 : 2;
    Int(range.lower_inclusive ? (range.upper_inclusive ? 3 : 1) : upper_only);
    for (const double number : {range.lower, range.upper, range.count}) {
      Raw(",");
      QuotedSample(number);
    }
    Raw("]");
  }
  Raw(ranges.empty() ? "}]" : "]}]");
}

void JsonWriter::Labels(const model::Labels& labels) {
  Raw("{");
  bool first = true;
  for (const model::Label& label : labels) {
    if (!first) Raw(",");
    first = false;
    String(label.name);
    Raw(":");
    String(label.value);
  }
  Raw("}");
}

void JsonWriter::Strings(const std::vector<std::string>& strings) {
  Raw("[");
  bool first = true;
  for (const std::string& text : strings) {
    if (!first) Raw(",");
    first = false;
    String(text);
  }
  Raw("]");
}

std::vector<std::string> JsonWriter::Take() {
  block_.resize(used_);
  if (used_ > 0) full_.push_back(std::move(block_));
  block_ = {};
  used_ = 0;
  return std::exchange(full_, {});
}

}  // namespace baro::collector
