// A table in plain text: no frames, two blanks between columns, numbers aligned on their point.
#pragma once

#include <string>
#include <vector>

#include "render/screen.h"
#include "render/text.h"

namespace baro::cli {

enum class Align { kLeft, kPoint };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  Cut cut = Cut::kMiddle;
};

// Text must be harmless (render/text.h).
struct Cell {
  std::string text;
  Style style = Style::kPlain;
};

// Every row has one cell per column.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

struct TableOptions {
  bool headers = true;
  bool fit = true;  // cut text columns until the table is as wide as the screen
};

// Number columns are never cut, text columns share what is left: the widest gives first. Columns
// are dropped from the right end of the text columns only when not even three characters each fit.
// Rows keep their order.
std::string RenderTable(const Table& table, const Screen& screen, const TableOptions& options);

}  // namespace baro::cli
