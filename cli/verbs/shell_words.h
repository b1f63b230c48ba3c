// The words of a command line as a shell reads them, as far as completion needs to know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::cli {

struct ShellWord {
  std::string text;  // without quotes and backslashes
  std::string raw;   // as typed, from after the quote that is still open
  char quote = 0;    // the quote that is still open at the end: ' or "; 0 for none
};

// The words of the line; the last one is empty when the line ends in a blank.
std::vector<ShellWord> ShellWords(std::string_view line);

// `text` as it must be typed inside the open quote.
std::string ShellQuoted(std::string_view text, char quote);

}  // namespace baro::cli
