// ValueTest: does a label value match, asked a million times. Expressions that are prefixes,
// suffixes or substrings in disguise (api-.*, .*_total, .*error.*) are compared as text; RE2 costs
// ten times that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baro/model/matcher.h"

namespace baro::tsdb {

// Immutable. The matcher outlives it.
class ValueTest {
 public:
  explicit ValueTest(const model::Matcher& matcher);

  bool Matches(std::string_view value) const;
  // The texts decide, for values in ASCII (a dot does not match a byte that is not UTF-8).
  bool textual() const { return textual_; }

 private:
  bool MatchesTexts(std::string_view value) const;

  const model::Matcher& matcher_;
  bool negative_ = false;
  bool textual_ = false;
  // text .* text .* text: the first and the last are anchored.
  std::string prefix_;
  std::string suffix_;
  std::string middle_;
  size_t length_min_ = 0;
};

}  // namespace baro::tsdb
