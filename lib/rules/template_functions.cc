// Prometheus' own functions.
#include "template_functions.h"

#include <locale.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cwctype>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"
#include "baro/model/matcher.h"
#include "go_format.h"
#include "host_port.h"
#include "humanize.h"
#include "re2/re2.h"

namespace baro::rules {
namespace {

using Arguments = std::span<const Value>;
using ValueOr = absl::StatusOr<Value>;
using Kind = Value::Kind;

constexpr size_t kQueryResultMax = 100'000;  // samples a template may look at

absl::Status Bad(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::StatusOr<double> ToFloat(const Value& value) {
  switch (value.kind()) {
    case Kind::kFloat:
      return value.float_value();
    case Kind::kInt:
      return static_cast<double>(value.int_value());
    case Kind::kString: {
      const std::optional<double> number = GoParseFloat(value.text());
      if (number) return *number;
      return Bad(
          base::StrCat("strconv.ParseFloat: parsing ", GoQuote(value.text()), ": invalid syntax"));
    }
    default:
      return Bad(base::StrCat("can't convert ", value.InnerTypeName(), " to float"));
  }
}

// Nanoseconds since 1970, to the millisecond.
absl::StatusOr<int64_t> ToTimeNs(double seconds) {
  if (!std::isfinite(seconds)) return Bad("value is NaN or Inf");
  const double nanoseconds = seconds * 1e9;
  if (nanoseconds > 9.2233720368547758e18 || nanoseconds < -9.2233720368547758e18) {
    return Bad(base::StrCat(GoFloat(seconds, 'g', -1),
                            " cannot be represented as a nanoseconds timestamp since it overflows "
                            "int64"));
  }
  return static_cast<int64_t>(nanoseconds) / 1'000'000 * 1'000'000;
}

template <std::string (*Show)(double)>
ValueOr CallHumanize(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const double number, ToFloat(arguments[0]));
  return Value::String(Show(number));
}

ValueOr CallHumanizeTimestamp(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const double number, ToFloat(arguments[0]));
  if (!std::isfinite(number)) return Value::String(GoFloat(number, 'g', 4));
  BARO_TRY_ASSIGN(const int64_t time_ns, ToTimeNs(number));
  return Value::String(GoTime(time_ns));
}

ValueOr CallToTime(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const double number, ToFloat(arguments[0]));
  BARO_TRY_ASSIGN(const int64_t time_ns, ToTimeNs(number));
  return Value::Integer(Kind::kTime, time_ns);
}

ValueOr CallToDuration(const TemplateInput&, Arguments arguments) {
  BARO_TRY_ASSIGN(const double number, ToFloat(arguments[0]));
  const double nanoseconds = number * 1e9;
  // What the processor makes of a number that does not fit.
  if (!(std::fabs(nanoseconds) < 9.2233720368547758e18)) {
    return Value::Integer(Kind::kDuration, INT64_MIN);
  }
  return Value::Integer(Kind::kDuration, static_cast<int64_t>(nanoseconds));
}

ValueOr CallNow(const TemplateInput& input, Arguments) {
  return Value::Float(static_cast<double>(input.time_ms) / 1000);
}

ValueOr CallQuery(const TemplateInput& input, Arguments arguments) {
  if (!input.query) return Bad("queries are not possible here");
  BARO_TRY_ASSIGN(std::vector<TemplateSample> found, input.query(arguments[0].text()));
  if (found.size() > kQueryResultMax) {
    return Bad(
        base::StrCat("the query gives ", found.size(), " samples, the limit is ", kQueryResultMax));
  }
  auto samples = std::make_shared<Value::Samples>();
  samples->reserve(found.size());
  for (TemplateSample& sample : found) {
    samples->push_back(std::make_shared<const TemplateSample>(std::move(sample)));
  }
  return Value::List(std::move(samples));
}

ValueOr CallFirst(const TemplateInput&, Arguments arguments) {
  if (arguments[0].samples()->empty()) return Bad("first() called on vector with no elements");
  return Value::Sample(arguments[0].samples()->front());
}

absl::Status NilPointer() {
  return Bad("runtime error: invalid memory address or nil pointer dereference");
}

std::string LabelOf(const TemplateSample& sample, const std::string& name) {
  const auto it = sample.labels.find(name);
  return it == sample.labels.end() ? "" : it->second;
}

ValueOr CallLabel(const TemplateInput&, Arguments arguments) {
  if (arguments[1].is_nil_pointer()) return NilPointer();
  return Value::String(LabelOf(*arguments[1].sample(), arguments[0].text()));
}

ValueOr CallValue(const TemplateInput&, Arguments arguments) {
  if (arguments[0].is_nil_pointer()) return NilPointer();
  const auto& value = arguments[0].sample()->value;
  const double* number = std::get_if<double>(&value);
  if (number != nullptr) return Value::Float(*number);
  return Value::Text(Kind::kHistogram, std::get<std::string>(value));
}

ValueOr CallStrValue(const TemplateInput&, Arguments arguments) {
  if (arguments[0].is_nil_pointer()) return NilPointer();
  return Value::String(LabelOf(*arguments[0].sample(), "__value__"));
}

// Sorts the list itself, as Prometheus does.
ValueOr CallSortByLabel(const TemplateInput&, Arguments arguments) {
  const std::string& name = arguments[0].text();
  auto& samples = *arguments[1].samples();
  std::stable_sort(samples.begin(), samples.end(), [&](const auto& a, const auto& b) {
    return LabelOf(*a, name) < LabelOf(*b, name);
  });
  return arguments[1];
}

ValueOr CallArgs(const TemplateInput&, Arguments arguments) {
  auto map = std::make_shared<Value::Arguments>();
  for (size_t i = 0; i < arguments.size(); ++i) {
    map->emplace(base::StrCat("arg", i), arguments[i]);
  }
  return Value::Map(std::shared_ptr<const Value::Arguments>(std::move(map)));
}

// What Go says of a broken expression.
std::string GoRegexError(const RE2& regex) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"missing )", "missing closing )"},
      {"missing ]", "missing closing ]"},
      {"no argument for repetition operator", "missing argument to repetition operator"},
      {"bad repetition operator", "invalid nested repetition operator"},
      {"trailing \\", "trailing backslash at end of expression"},
      {"invalid perl operator", "invalid or unsupported Perl syntax"},
      {"invalid named capture group", "invalid named capture"},
  };
  std::string_view words = regex.error();
  words = words.substr(0, words.find(": "));
  for (const auto& [ours, theirs] : kWords) {
    if (words == ours) words = theirs;
  }
  return base::StrCat("error parsing regexp: ", words, ": `", regex.error_arg(), "`");
}

RE2::Options RegexOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

ValueOr CallMatch(const TemplateInput&, Arguments arguments) {
  const RE2 regex(model::ToRe2Syntax(arguments[0].text()), RegexOptions());
  if (!regex.ok()) return Bad(GoRegexError(regex));
  return Value::Bool(RE2::PartialMatch(arguments[1].text(), regex));
}

// $1, ${1}, $name and ${name} of Go's replacement.
class Expansion {
 public:
  Expansion(const RE2& regex, std::string_view text) : regex_(regex) {
    while (!text.empty()) Take(&text);
  }
  void Append(std::span<const re2::StringPiece> groups, std::string* out) const {
    for (const auto& [literal, group] : parts_) {
      *out += literal;
      if (group >= 0 && static_cast<size_t>(group) < groups.size()) {
        const re2::StringPiece& piece = groups[static_cast<size_t>(group)];
        if (piece.data() != nullptr) out->append(piece.data(), piece.size());
      }
    }
  }

 private:
  void Literal(std::string_view text) {
    if (parts_.empty() || parts_.back().second >= -1) parts_.emplace_back("", kLiteral);
    parts_.back().first += text;
  }

  void Take(std::string_view* text) {
    const size_t dollar = std::min(text->find('$'), text->size());
    if (dollar > 0) Literal(text->substr(0, dollar));
    text->remove_prefix(dollar);
    if (text->empty()) return;
    if (text->starts_with("$$")) {
      Literal("$");
      text->remove_prefix(2);
      return;
    }
    std::string_view rest = text->substr(1);
    const bool braces = rest.starts_with('{');
    if (braces) rest.remove_prefix(1);
    size_t end = 0;
    while (end < rest.size() &&
           (std::isalnum(static_cast<unsigned char>(rest[end])) != 0 || rest[end] == '_')) {
      ++end;
    }
    const std::string name(rest.substr(0, end));
    if (name.empty() || (braces && !rest.substr(end).starts_with('}'))) {
      Literal("$");
      text->remove_prefix(1);
      return;
    }
    *text = rest.substr(end + (braces ? 1 : 0));
    parts_.emplace_back("", GroupOf(name));
  }

  int GroupOf(const std::string& name) const {
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      return name.size() > 4 ? -1 : std::stoi(name);
    }
    const auto& groups = regex_.NamedCapturingGroups();
    const auto it = groups.find(name);
    return it == groups.end() ? -1 : it->second;
  }

  static constexpr int kLiteral = -2;
  const RE2& regex_;
  std::vector<std::pair<std::string, int>> parts_;  // a literal, or a group (-1: none)
};

ValueOr CallReplaceAll(const TemplateInput&, Arguments arguments) {
  const std::string& pattern = arguments[0].text();
  const RE2 regex(model::ToRe2Syntax(pattern), RegexOptions());
  if (!regex.ok()) {
    return Bad(base::StrCat("regexp: Compile(`", pattern, "`): ", GoRegexError(regex)));
  }
  const Expansion expansion(regex, arguments[1].text());
  const std::string& text = arguments[2].text();
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  std::string out;
  size_t copied = 0;
  size_t from = 0;
  bool after_match = false;
  while (from <= text.size() && regex.Match(text, from, text.size(), RE2::UNANCHORED, groups.data(),
                                            static_cast<int>(groups.size()))) {
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    out.append(text, copied, begin - copied);
    // An empty match right behind the last one is none.
    if (end > begin || !after_match || begin > copied) expansion.Append(groups, &out);
    copied = end;
    after_match = end > begin;
    from = end;
    if (end == begin) {
      std::string_view rest = std::string_view(text).substr(end);
      if (rest.empty()) break;
      TakeRune(&rest);
      from = text.size() - rest.size();
    }
  }
  return Value::String(out + text.substr(std::min(copied, text.size())));
}

// One letter in another case.
uint32_t InCase(uint32_t rune, bool upper) {
  static const locale_t kUtf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (kUtf8 == nullptr) return rune;
  const auto letter = static_cast<wint_t>(rune);
  return static_cast<uint32_t>(upper ? towupper_l(letter, kUtf8) : towlower_l(letter, kUtf8));
}

bool IsWord(uint32_t rune) {
  static const locale_t kUtf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return rune == '_' || (kUtf8 != nullptr && iswalnum_l(static_cast<wint_t>(rune), kUtf8) != 0);
}

template <bool kUpper>
ValueOr CallCase(const TemplateInput&, Arguments arguments) {
  std::string out;
  for (std::string_view rest = arguments[0].text(); !rest.empty();) {
    AppendUtf8(InCase(TakeRune(&rest), kUpper), &out);
  }
  return Value::String(std::move(out));
}

ValueOr CallTitle(const TemplateInput&, Arguments arguments) {
  std::string out;
  bool inside = false;
  for (std::string_view rest = arguments[0].text(); !rest.empty();) {
    const uint32_t rune = TakeRune(&rest);
    AppendUtf8(inside ? rune : InCase(rune, true), &out);
    // An apostrophe or a point between letters does not end a word.
    std::string_view next = rest;
    const bool joins = (rune == '\'' || rune == '.' || rune == ':' || rune == 0x2019) && inside &&
                       !next.empty() && IsWord(TakeRune(&next));
    inside = IsWord(rune) || joins;
  }
  return Value::String(std::move(out));
}

ValueOr CallGraphLink(const TemplateInput&, Arguments arguments) {
  return Value::String(
      base::StrCat("/graph?g0.expr=", GoQueryEscape(arguments[0].text()), "&g0.tab=0"));
}
ValueOr CallTableLink(const TemplateInput&, Arguments arguments) {
  return Value::String(
      base::StrCat("/graph?g0.expr=", GoQueryEscape(arguments[0].text()), "&g0.tab=1"));
}
ValueOr CallExternalUrl(const TemplateInput& input, Arguments) {
  return Value::String(input.external_url);
}
ValueOr CallPathPrefix(const TemplateInput& input, Arguments) {
  const std::string& url = input.external_url;
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return Value::String(url);
  const size_t path = std::min(url.find('/', scheme + 3), url.size());
  return Value::String(url.substr(path, url.find_first_of("?#", path) - path));
}

ValueOr CallParseDuration(const TemplateInput&, Arguments arguments) {
  std::string_view text = arguments[0].text();
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto duration = base::ParseDuration(text);
  if (!duration.ok()) {
    if (text.empty()) return Bad("empty duration string");
    return Bad("not a valid duration string: " + GoQuote(text));
  }
  const double seconds = static_cast<double>(duration->count()) / 1000;
  return Value::Float(negative ? -seconds : seconds);
}

ValueOr CallStripPort(const TemplateInput&, Arguments arguments) {
  return Value::String(StripPort(arguments[0].text()));
}
ValueOr CallStripDomain(const TemplateInput&, Arguments arguments) {
  return Value::String(StripDomain(arguments[0].text()));
}
ValueOr CallSafeHtml(const TemplateInput&, Arguments arguments) {
  return Value::Text(Kind::kHtml, arguments[0].text());
}
ValueOr CallUrlQueryEscape(const TemplateInput&, Arguments arguments) {
  return Value::String(GoQueryEscape(arguments[0].text()));
}

}  // namespace

std::string_view ArgumentTypeName(ArgumentType type) {
  switch (type) {
    case ArgumentType::kString:
      return "string";
    case ArgumentType::kSample:
      return "*template.sample";
    case ArgumentType::kSamples:
      return "template.queryResult";
    case ArgumentType::kAny:
      break;
  }
  return "interface {}";
}

std::span<const TemplateFunction> PrometheusTemplateFunctions() {
  constexpr ArgumentType kAny = ArgumentType::kAny;
  constexpr ArgumentType kText = ArgumentType::kString;
  constexpr ArgumentType kOne = ArgumentType::kSample;
  constexpr ArgumentType kList = ArgumentType::kSamples;
  static const std::array<TemplateFunction, 29> kFunctions = {{
      {"args", {kAny}, true, CallArgs},
      {"externalURL", {}, false, CallExternalUrl},
      {"first", {kList}, false, CallFirst},
      {"graphLink", {kText}, false, CallGraphLink},
      {"humanize", {kAny}, false, CallHumanize<Humanize>},
      {"humanize1024", {kAny}, false, CallHumanize<Humanize1024>},
      {"humanizeDuration", {kAny}, false, CallHumanize<HumanizeDuration>},
      {"humanizePercentage", {kAny}, false, CallHumanize<HumanizePercentage>},
      {"humanizeTimestamp", {kAny}, false, CallHumanizeTimestamp},
      {"label", {kText, kOne}, false, CallLabel},
      {"match", {kText, kText}, false, CallMatch},
      {"now", {}, false, CallNow},
      {"parseDuration", {kText}, false, CallParseDuration},
      {"pathPrefix", {}, false, CallPathPrefix},
      {"query", {kText}, false, CallQuery},
      {"reReplaceAll", {kText, kText, kText}, false, CallReplaceAll},
      {"safeHtml", {kText}, false, CallSafeHtml},
      {"sortByLabel", {kText, kList}, false, CallSortByLabel},
      {"stripDomain", {kText}, false, CallStripDomain},
      {"stripPort", {kText}, false, CallStripPort},
      {"strvalue", {kOne}, false, CallStrValue},
      {"tableLink", {kText}, false, CallTableLink},
      {"title", {kText}, false, CallTitle},
      {"toDuration", {kAny}, false, CallToDuration},
      {"toLower", {kText}, false, CallCase<false>},
      {"toTime", {kAny}, false, CallToTime},
      {"toUpper", {kText}, false, CallCase<true>},
      {"urlQueryEscape", {kText}, false, CallUrlQueryEscape},
      {"value", {kOne}, false, CallValue},
  }};
  return kFunctions;
}

const TemplateFunction* FindTemplateFunction(std::string_view name) {
  for (const auto table : {PrometheusTemplateFunctions(), GoTemplateFunctions()}) {
    const auto it = std::lower_bound(
        table.begin(), table.end(), name,
        [](const TemplateFunction& function, std::string_view key) { return function.name < key; });
    if (it != table.end() && it->name == name) return &*it;
  }
  return nullptr;
}

std::vector<std::string> TemplateFunctionNames() {
  std::vector<std::string> names;
  for (const auto table : {PrometheusTemplateFunctions(), GoTemplateFunctions()}) {
    for (const TemplateFunction& function : table) names.emplace_back(function.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace baro::rules
