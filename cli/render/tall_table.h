// A table whose last columns hold long texts: beside the others where all of it fits, whole below
// each row where it does not. What is cut there could not be recognised.
#pragma once

#include <string>
#include <vector>

#include "session.h"

namespace baro::cli {

// The last prefixes.size() columns are the texts; a text that stands below its row begins with its
// prefix, the last column's first. Formats other than tables, and wide ones, are PrintList()'s.
void PrintTall(List list, const std::vector<std::string>& prefixes, Session* session);

}  // namespace baro::cli
