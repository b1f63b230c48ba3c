#include "baro/model/matcher.h"

#include <re2/re2.h>

#include <algorithm>

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

bool IsRegex(MatchType type) { return type == MatchType::kRegex || type == MatchType::kNotRegex; }

}  // namespace

absl::StatusOr<Matcher> Matcher::Create(MatchType type, std::string name, std::string value) {
  Matcher matcher;
  matcher.type_ = type;
  matcher.name_ = std::move(name);
  matcher.value_ = std::move(value);
  if (IsRegex(type)) {
    RE2::Options options(RE2::Quiet);
    options.set_dot_nl(true);
    auto regex = std::make_shared<const RE2>(matcher.value_, options);
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
