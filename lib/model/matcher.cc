#include "baro/model/matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"

namespace baro::model {
namespace {

constexpr std::string_view kMetaCharacters = "\\.+*?()[]{}^$";

std::vector<std::string> LiteralsOf(const std::string& expression) {
  if (expression.find_first_of(kMetaCharacters) != std::string::npos) return {};
  return absl::StrSplit(expression, '|');
}

// Where the character class that begins at `begin` ends, past its bracket.
size_t EndOfClass(std::string_view expression, size_t begin) {
  size_t i = begin + 1;
  if (i < expression.size() && expression[i] == '^') ++i;
  if (i < expression.size() && expression[i] == ']') ++i;  // the first one is a member
  while (i < expression.size() && expression[i] != ']') {
    if (expression[i] == '\\') {
      i += 2;
    } else if (expression.substr(i, 2) == "[:") {  // [[:alpha:]]
      const size_t close = expression.find(":]", i + 2);
      i = close == std::string_view::npos ? i + 1 : close + 2;
    } else {
      ++i;
    }
  }
  return std::min(i + 1, expression.size());
}

// Where what begins with this backslash ends: \Q…\E or two characters.
size_t EndOfEscape(std::string_view expression, size_t begin) {
  if (expression.substr(begin, 2) != "\\Q") return std::min(begin + 2, expression.size());
  const size_t close = expression.find("\\E", begin + 2);
  return close == std::string_view::npos ? expression.size() : close + 2;
}

// The length of the "(?<" or "(?P<" that opens a named group here; 0 when none does.
size_t NamedGroupAt(std::string_view rest) {
  for (const std::string_view opening : {"(?<", "(?P<"}) {
    if (rest.size() > opening.size() && rest.starts_with(opening)) return opening.size();
  }
  return 0;
}

bool IsRegex(MatchType type) { return type == MatchType::kRegex || type == MatchType::kNotRegex; }

}  // namespace

std::string ToRe2Syntax(std::string_view expression) {
  if (expression.find("(?") == std::string_view::npos) return std::string(expression);
  std::string converted;
  std::set<std::string_view> names;
  size_t i = 0;
  while (i < expression.size()) {
    size_t end = i + 1;
    if (expression[i] == '\\') {
      end = EndOfEscape(expression, i);
    } else if (expression[i] == '[') {
      end = EndOfClass(expression, i);
    } else if (const size_t opening = NamedGroupAt(expression.substr(i)); opening > 0) {
      const size_t name = i + opening;
      const size_t close = expression.find('>', name);
      const bool again = close != std::string_view::npos && close > name &&
                         !names.insert(expression.substr(name, close - name)).second;
      converted += again ? "(" : "(?P<";
      i = again ? close + 1 : name;
      continue;
    }
    converted += expression.substr(i, end - i);
    i = end;
  }
  return converted;
}

absl::StatusOr<Matcher> Matcher::Create(MatchType type, std::string name, std::string value) {
  Matcher matcher;
  matcher.type_ = type;
  matcher.name_ = std::move(name);
  matcher.value_ = std::move(value);
  if (IsRegex(type)) {
    RE2::Options options(RE2::Quiet);
    options.set_dot_nl(true);
    auto regex = std::make_shared<const RE2>(ToRe2Syntax(matcher.value_), options);
    if (!regex->ok()) {
      return absl::InvalidArgumentError(base::StrCat("cannot parse regular expression \"",
                                                     matcher.value_, "\": ", regex->error()));
    }
    matcher.literals_ = LiteralsOf(matcher.value_);
    matcher.regex_ = std::move(regex);
  }
  matcher.matches_empty_ = matcher.Matches({});
  return matcher;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegex:
    case MatchType::kNotRegex:
      break;
  }
  const bool matched =
      literals_.empty() ? RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_)
                        : std::find(literals_.begin(), literals_.end(), value) != literals_.end();
  return matched == (type_ == MatchType::kRegex);
}

std::string Matcher::ToString() const {
  static constexpr std::string_view kOperators[] = {"=", "!=", "=~", "!~"};
  const std::string quoted = Labels{{"v", value_}}.ToString();  // {v="…"}
  const std::string value = value_.empty() ? "\"\"" : quoted.substr(3, quoted.size() - 4);
  const std::string name = IsClassicLabelName(name_) ? name_ : base::StrCat("\"", name_, "\"");
  return base::StrCat(name, kOperators[static_cast<size_t>(type_)], value);
}

}  // namespace baro::model
