#include "otlp/otlp_names.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "baro/base/strings.h"
#include "baro/wire/remote_write.h"

namespace baro::collector {
namespace {

using Words = std::span<const std::pair<std::string_view, std::string_view>>;

// UCUM's symbols in Prometheus' words.
constexpr auto kUnits = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"d", "days"},
    {"h", "hours"},
    {"min", "minutes"},
    {"s", "seconds"},
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"By", "bytes"},
    {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},
    {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},
    {"MBy", "megabytes"},
    {"GBy", "gigabytes"},
    {"TBy", "terabytes"},
    {"m", "meters"},
    {"V", "volts"},
    {"A", "amperes"},
    {"J", "joules"},
    {"W", "watts"},
    {"g", "grams"},
    {"Cel", "celsius"},
    {"Hz", "hertz"},
    {"1", ""},
    {"%", "percent"},
});
constexpr auto kPerUnits = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"s", "second"},
    {"m", "minute"},
    {"h", "hour"},
    {"d", "day"},
    {"w", "week"},
    {"mo", "month"},
    {"y", "year"},
});

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
// Underscores part the words of a name and are none of its characters.
bool IsNameChar(char c) { return IsLetter(c) || IsDigit(c) || c == ':'; }

std::string_view WordOf(Words words, std::string_view symbol) {
  for (const auto& [key, word] : words) {
    if (key == symbol) return word;
  }
  return symbol;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  while (!text.empty() && kSpace.find(text.front()) != kSpace.npos) text.remove_prefix(1);
  while (!text.empty() && kSpace.find(text.back()) != kSpace.npos) text.remove_suffix(1);
  return text;
}

struct UnitSuffixes {
  std::string main;
  std::string per;  // with "per_"
};

// Annotations ("{requests}") are not units.
UnitSuffixes SuffixesOf(std::string_view unit) {
  UnitSuffixes suffixes;
  const size_t slash = unit.find('/');
  const std::string_view main = Trim(unit.substr(0, slash));
  if (main.find_first_of("{}") == main.npos) suffixes.main = WordOf(kUnits, main);
  if (slash == unit.npos) return suffixes;
  const std::string_view per = Trim(unit.substr(slash + 1));
  if (per.empty() || per.find_first_of("{}") != per.npos) return suffixes;
  suffixes.per = base::StrCat("per_", WordOf(kPerUnits, per));
  return suffixes;
}

// Bytes of the code point at the start of `text`; 1 for a byte that begins none.
size_t RuneSize(std::string_view text) {
  for (size_t size = 1; size <= std::min<size_t>(text.size(), 4); ++size) {
    if (wire::IsValidUtf8(text.substr(0, size))) return size;
  }
  return 1;
}

std::string CleanUnit(std::string_view unit) {
  std::string clean;
  for (const char c : unit) {
    if (IsNameChar(c)) {
      clean.push_back(c);
    } else if (!clean.ends_with('_')) {
      clean.push_back('_');
    }
  }
  return clean.starts_with('_') ? clean.substr(1) : clean;
}

// Where suffixes are added, repeated underscores become one.
std::vector<std::string> WordsOf(std::string_view name, bool keep_underscores) {
  const auto belongs = [keep_underscores](char c) {
    return IsNameChar(c) || (keep_underscores && c == '_');
  };
  std::vector<std::string> words;
  for (size_t i = 0; i < name.size();) {
    size_t end = i;
    while (end < name.size() && belongs(name[end])) ++end;
    if (end > i) words.emplace_back(name.substr(i, end - i));
    i = end + 1;
  }
  return words;
}

void AddUnit(std::string_view unit, std::vector<std::string>* words) {
  const UnitSuffixes suffixes = SuffixesOf(unit);
  std::string main = CleanUnit(suffixes.main);
  std::string per = CleanUnit(suffixes.per);
  const auto present = [words](const std::string& word) {
    return std::find(words->begin(), words->end(), word) != words->end();
  };
  if (present(main)) main.clear();
  if (per == "per_") per.clear();
  if (per.ends_with('_')) per.pop_back();
  if (present(per)) per.clear();
  if (!per.empty() && main.ends_with('_')) main.pop_back();
  if (!main.empty()) words->push_back(std::move(main));
  if (!per.empty()) words->push_back(std::move(per));
}

void MoveToEnd(std::string_view word, std::vector<std::string>* words) {
  std::erase(*words, word);
  words->emplace_back(word);
}

bool IsRatio(const OtlpMetricName& metric) {
  return metric.unit == "1" && metric.kind == wire::OtlpKind::kGauge;
}
bool IsCounter(const OtlpMetricName& metric) {
  return metric.kind == wire::OtlpKind::kSum && metric.monotonic;
}

std::string Escaped(const OtlpMetricName& metric, bool suffixes) {
  std::vector<std::string> words = WordsOf(metric.name, !suffixes);
  if (suffixes) {
    AddUnit(metric.unit, &words);
    if (IsCounter(metric)) MoveToEnd("total", &words);
    if (IsRatio(metric)) MoveToEnd("ratio", &words);
  }
  std::string name;
  for (const std::string& word : words) base::StrAppend(&name, name.empty() ? "" : "_", word);
  return !name.empty() && IsDigit(name[0]) ? "_" + name : name;
}

// The suffix and the character before it, whichever that is; a name of nothing else is left alone.
void RemoveSuffix(std::string_view suffix, std::string* name) {
  if (!name->ends_with(suffix) || name->size() <= suffix.size() + 1) return;
  name->resize(name->size() - suffix.size() - 1);
}

// A suffix that the name has at its end already moves to its place in the order.
std::string Unescaped(const OtlpMetricName& metric) {
  std::string name(metric.name);
  const UnitSuffixes unit = SuffixesOf(metric.unit);
  if (IsRatio(metric)) RemoveSuffix("ratio", &name);
  if (IsCounter(metric)) RemoveSuffix("total", &name);
  if (!unit.per.empty()) RemoveSuffix(unit.per, &name);
  if (!unit.main.empty() && !name.ends_with(unit.main)) base::StrAppend(&name, "_", unit.main);
  if (!unit.per.empty()) base::StrAppend(&name, "_", unit.per);
  if (IsCounter(metric)) name += "_total";
  if (IsRatio(metric)) name += "_ratio";
  return name;
}

}  // namespace

std::string PrometheusMetricName(const OtlpMetricName& metric, const OtlpConfig& config) {
  if (config.escapes()) return Escaped(metric, config.adds_suffixes());
  return config.adds_suffixes() ? Unescaped(metric) : std::string(metric.name);
}

std::string PrometheusLabelName(std::string_view attribute, const OtlpConfig& config) {
  if (!config.escapes() || attribute.empty()) return std::string(attribute);
  const bool keeps = config.label_name_preserve_multiple_underscores;
  const bool reserved =
      !keeps && attribute.size() >= 4 && attribute.starts_with("__") && attribute.ends_with("__");
  if (reserved) attribute = attribute.substr(2, attribute.size() - 4);
  std::string name = reserved ? "__" : "";
  bool after_underscore = false;
  for (size_t i = 0; i < attribute.size(); i += RuneSize(attribute.substr(i))) {
    const char c = attribute[i];
    const bool belongs = IsLetter(c) || IsDigit(c);
    if (belongs || keeps || !after_underscore) name.push_back(belongs ? c : '_');
    after_underscore = !belongs;
  }
  if (reserved) name += "__";
  if (IsDigit(name[0])) return "key_" + name;
  const bool is_private = name.starts_with('_') && !name.starts_with("__");
  return is_private && config.label_name_underscore_sanitization ? "key" + name : name;
}

}  // namespace baro::collector
