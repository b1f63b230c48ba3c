// Which rule is evaluated before which, when each is evaluated over a stretch of time at once.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "baro/rules/rule_file.h"

namespace baro::rules {

struct RulePlace {
  size_t rule = 0;
  // All rules whose series it reads come before it. False in a circle, and for what may read
  // anything: it sees what others write with the delay of a stretch.
  bool in_turn = true;
};

// Rules that write what others read come first; else as they were given.
std::vector<RulePlace> OrderByReading(const std::vector<RuleSpec>& rules);

// Names of series that some of the rules write and some read.
std::set<std::string, std::less<>> NamesThatAreRead(const std::vector<RuleSpec>& rules);

}  // namespace baro::rules
