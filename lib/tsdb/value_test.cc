#include "value_test.h"

#include <algorithm>

namespace baro::tsdb {
namespace {

using model::MatchType;

constexpr std::string_view kMetaCharacters = "\\.+*?()[]{}^$|";

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

// Cuts an expression at its `.*` and `.+`. False when there is anything else in it. `pluses`
// counts the latter: each stands for one character at least.
bool CutAtDots(std::string_view expression, std::vector<std::string>* texts, size_t* pluses) {
  texts->assign(1, {});
  for (size_t i = 0; i < expression.size(); ++i) {
    const std::string_view two = expression.substr(i, 2);
    if (two == ".*" || two == ".+") {
      const char after = i + 2 < expression.size() ? expression[i + 2] : '\0';
      if (after == '?' || after == '*' || after == '+' || after == '{') return false;
      *pluses += two == ".+" ? 1 : 0;
      texts->emplace_back();
      ++i;
    } else if (kMetaCharacters.find(expression[i]) != std::string_view::npos) {
      return false;
    } else {
      texts->back() += expression[i];
    }
  }
  return true;
}

}  // namespace

ValueTest::ValueTest(const model::Matcher& matcher)
    : matcher_(matcher), negative_(matcher.type() == MatchType::kNotRegex) {
  const bool regex = matcher.type() == MatchType::kRegex || negative_;
  std::vector<std::string> texts;
  size_t pluses = 0;
  if (!regex || !IsAscii(matcher.value()) || !CutAtDots(matcher.value(), &texts, &pluses)) return;
  // One gap; or a text in the middle of two gaps that ask for nothing.
  textual_ = texts.size() == 2 || (texts.size() == 3 && pluses == 0);
  if (!textual_) return;
  prefix_ = texts.front();
  suffix_ = texts.back();
  if (texts.size() == 3) middle_ = texts[1];
  length_min_ = prefix_.size() + middle_.size() + suffix_.size() + pluses;
}

bool ValueTest::Matches(std::string_view value) const {
  if (!textual_ || !IsAscii(value)) return matcher_.Matches(value);
  return MatchesTexts(value) != negative_;
}

bool ValueTest::MatchesTexts(std::string_view value) const {
  if (value.size() < length_min_ || !value.starts_with(prefix_) || !value.ends_with(suffix_)) {
    return false;
  }
  value.remove_prefix(prefix_.size());
  value.remove_suffix(suffix_.size());
  return middle_.empty() || value.find(middle_) != std::string_view::npos;
}

}  // namespace baro::tsdb
