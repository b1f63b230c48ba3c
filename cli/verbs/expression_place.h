// Where in PromQL the end of an unfinished expression is, for completion.
#pragma once

#include <string>
#include <string_view>

namespace baro::cli {

struct ExpressionPlace {
  enum class Kind {
    kNothing,     // inside a text, a range, a number
    kName,        // a metric or a function
    kLabel,       // the name of a label in braces or after by, on and their kin
    kLabelValue,  // the value of `label`
  };
  Kind kind = Kind::kName;
  std::string_view before;  // all up to what is being typed
  std::string_view typed;   // what has been typed of it
  std::string metric;       // whose braces these are; empty when unknown
  std::string label;
  char quote = '"';        // that the value began with
  bool in_braces = false;  // a label in braces, not in a list
};

ExpressionPlace PlaceOf(std::string_view expression);

}  // namespace baro::cli
