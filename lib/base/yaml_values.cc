// The scalar types of yaml.h: what each accepts, and how it is written.

#include <array>
#include <charconv>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::base {
namespace {

struct DurationUnit {
  std::string_view name;
  int64_t ms;
};

// Longest first: the order in which a duration is written. A day has 24 hours, a year 365 days.
constexpr std::array<DurationUnit, 7> kDurationUnits = {{{"y", 365LL * 86'400'000},
                                                         {"w", 7LL * 86'400'000},
                                                         {"d", 86'400'000},
                                                         {"h", 3'600'000},
                                                         {"m", 60'000},
                                                         {"s", 1'000},
                                                         {"ms", 1}}};

absl::Status BadDuration(std::string_view text, std::string_view cause) {
  return absl::InvalidArgumentError(
      StrCat("cannot read \"", text, "\" as a duration like 15s or 1m30s: ", cause));
}

absl::Status BadSize(std::string_view text) {
  return absl::InvalidArgumentError(
      StrCat("cannot read \"", text, "\" as a size like 4096, 512KiB or 256MiB"));
}

bool TakeNumber(std::string_view* text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

std::string_view TakeLetters(std::string_view* text) {
  size_t size = 0;
  while (size < text->size() && ((*text)[size] < '0' || (*text)[size] > '9')) ++size;
  const std::string_view letters = text->substr(0, size);
  text->remove_prefix(size);
  return letters;
}

absl::Status ExpectScalar(const YamlNode& node, std::string_view what) {
  if (node.kind() == YamlNode::Kind::kScalar) return absl::OkStatus();
  return node.ErrorAt(StrCat("expected ", what));
}

absl::Status Wrong(const YamlNode& node, std::string_view what) {
  return node.ErrorAt(StrCat("expected ", what, ", found \"", node.scalar(), "\""));
}

}  // namespace

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return BadDuration(text, "it is empty");
  std::string_view rest = text;
  int64_t total_ms = 0;
  size_t unit = 0;
  while (!rest.empty()) {
    uint64_t number = 0;
    if (!TakeNumber(&rest, &number)) return BadDuration(text, "expected a whole number");
    const std::string_view name = TakeLetters(&rest);
    while (unit < kDurationUnits.size() && kDurationUnits[unit].name != name) ++unit;
    if (unit == kDurationUnits.size()) {
      return BadDuration(text, "units are y, w, d, h, m, s, ms, each once and in this order");
    }
    int64_t part_ms = 0;
    if (number > uint64_t{INT64_MAX} ||
        __builtin_mul_overflow(static_cast<int64_t>(number), kDurationUnits[unit].ms, &part_ms) ||
        __builtin_add_overflow(total_ms, part_ms, &total_ms)) {
      return BadDuration(text, "it is out of range");
    }
    ++unit;
  }
  return std::chrono::milliseconds(total_ms);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  int64_t rest_ms = duration.count();
  if (rest_ms == 0) return "0s";
  std::string text;
  for (const DurationUnit& unit : kDurationUnits) {
    const int64_t count = rest_ms / unit.ms;
    // Weeks and years only when nothing is left over: 2w, but 15d.
    if ((unit.name == "y" || unit.name == "w") && rest_ms % unit.ms != 0) continue;
    if (count == 0) continue;
    StrAppend(&text, count, unit.name);
    rest_ms -= count * unit.ms;
  }
  return text;
}

absl::StatusOr<ByteSize> ParseByteSize(std::string_view text) {
  std::string_view rest = text;
  uint64_t number = 0;
  if (!TakeNumber(&rest, &number)) return BadSize(text);
  constexpr std::string_view kPrefixes = "KMGTPE";
  uint64_t factor = 1;
  const size_t prefix = rest.empty() ? std::string_view::npos : kPrefixes.find(rest.front());
  if (prefix != std::string_view::npos) {
    factor = uint64_t{1} << (10 * (prefix + 1));
    rest.remove_prefix(1);
    if (rest != "iB" && rest != "B") return BadSize(text);
  } else if (!rest.empty() && rest != "B") {
    return BadSize(text);
  }
  ByteSize size;
  if (__builtin_mul_overflow(number, factor, &size.bytes)) return BadSize(text);
  return size;
}

absl::Status ReadYaml(const YamlNode& node, bool* value) {
  if (node.IsNull()) return absl::OkStatus();
  BARO_TRY(ExpectScalar(node, "true or false"));
  const std::string& text = node.scalar();
  const bool yes = text == "true" || text == "True" || text == "yes" || text == "on";
  const bool no = text == "false" || text == "False" || text == "no" || text == "off";
  if (node.quoted() || !(yes || no)) return Wrong(node, "true or false");
  *value = yes;
  return absl::OkStatus();
}

absl::Status ReadYaml(const YamlNode& node, double* value) {
  if (node.IsNull()) return absl::OkStatus();
  BARO_TRY(ExpectScalar(node, "a number"));
  std::string_view text = node.scalar();
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (node.quoted() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(number)) {
    return Wrong(node, "a number");
  }
  *value = number;
  return absl::OkStatus();
}

absl::Status ReadYaml(const YamlNode& node, std::string* value) {
  if (node.IsNull()) return absl::OkStatus();
  BARO_TRY(ExpectScalar(node, "a text"));
  *value = node.scalar();
  return absl::OkStatus();
}

absl::Status ReadYaml(const YamlNode& node, std::chrono::milliseconds* value) {
  if (node.IsNull()) return absl::OkStatus();
  BARO_TRY(ExpectScalar(node, "a duration"));
  auto duration = ParseDuration(node.scalar());
  if (!duration.ok()) return node.ErrorAt(FromAbsl(duration.status().message()));
  *value = *duration;
  return absl::OkStatus();
}

absl::Status ReadYaml(const YamlNode& node, ByteSize* value) {
  if (node.IsNull()) return absl::OkStatus();
  BARO_TRY(ExpectScalar(node, "a size"));
  auto size = ParseByteSize(node.scalar());
  if (!size.ok()) return node.ErrorAt(FromAbsl(size.status().message()));
  *value = *size;
  return absl::OkStatus();
}

absl::Status ReadYamlInteger(const YamlNode& node, int64_t min, uint64_t max, bool* negative,
                             uint64_t* magnitude) {
  BARO_TRY(ExpectScalar(node, "a whole number"));
  std::string_view text = node.scalar();
  *negative = text.starts_with('-');
  if (*negative || text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *magnitude);
  if (node.quoted() || error == std::errc::invalid_argument || end != text.data() + text.size()) {
    return Wrong(node, "a whole number");
  }
  const uint64_t limit = *negative ? uint64_t{0} - static_cast<uint64_t>(min) : max;
  if (error != std::errc() || *magnitude > limit) {
    return Wrong(node, StrCat("a whole number from ", min, " to ", max));
  }
  return absl::OkStatus();
}

}  // namespace baro::base
