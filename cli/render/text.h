// Foreign text on a terminal: made harmless, measured in columns, cut to a width.
//
// Label values come from anything that can be scraped or pushed, so they may hold escape sequences
// that would move the cursor, forge a line or swap the reading order. Nothing reaches the terminal
// without Harmless().
#pragma once

#include <string>
#include <string_view>

namespace baro::cli {

// The same text with everything replaced that a terminal would obey instead of show: C0 and C1
// controls, DEL, bidirectional overrides, zero-width characters and line separators (as \n, \t,
// \x1b, \u202e) and bytes that are not UTF-8 (as \xff).
std::string Harmless(std::string_view text);

// Columns the text takes: 0 for combining marks, 2 for East Asian wide characters and emoji.
// Expects harmless text.
int DisplayWidth(std::string_view text);

enum class Cut {
  kEnd,     // prose: the beginning says most
  kMiddle,  // names: pods and mounts differ in their last characters
  kLast,    // what people copy: in the middle, and only when cutting all others is not enough
};

// The text in at most `columns` columns, with … where something is missing.
std::string CutToWidth(std::string_view text, int columns, Cut cut);

// `text` and blanks up to `columns`.
std::string PadRight(std::string_view text, int columns);
std::string PadLeft(std::string_view text, int columns);

}  // namespace baro::cli
