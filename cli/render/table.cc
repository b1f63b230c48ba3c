#include "render/table.h"

#include <algorithm>
#include <cctype>

namespace baro::cli {
namespace {

constexpr int kGap = 2;
// Narrower text says nothing any more.
constexpr int kTextColumnsMin = 3;

// Where a number's point is, in columns from its left end; the end of the digits without a point.
int PointAt(std::string_view number) {
  size_t at = 0;
  while (at < number.size() &&
         (std::isdigit(static_cast<unsigned char>(number[at])) || number[at] == '-')) {
    ++at;
  }
  const bool is_number = at > 0 && (number[at - 1] != '-');
  return is_number ? static_cast<int>(at) : DisplayWidth(number);
}

// Indents numbers so that their points lie under each other.
void AlignPoints(Table* table) {
  for (size_t column = 0; column < table->columns.size(); ++column) {
    if (table->columns[column].align != Align::kPoint) continue;
    int point_max = 0;
    for (const auto& row : table->rows) point_max = std::max(point_max, PointAt(row[column].text));
    int width = 0;
    for (auto& row : table->rows) {
      const int indent = point_max - PointAt(row[column].text);
      row[column].text.insert(0, static_cast<size_t>(indent), ' ');
      width = std::max(width, DisplayWidth(row[column].text));
    }
    auto& title = table->columns[column].title;
    title = PadLeft(title, width);
  }
}

std::vector<int> NaturalWidths(const Table& table, bool headers) {
  std::vector<int> widths;
  for (size_t column = 0; column < table.columns.size(); ++column) {
    int width = headers ? DisplayWidth(table.columns[column].title) : 0;
    for (const auto& row : table.rows) width = std::max(width, DisplayWidth(row[column].text));
    widths.push_back(width);
  }
  return widths;
}

int TotalWidth(const std::vector<int>& widths) {
  int total = 0;
  for (const int width : widths) total += width > 0 ? width + kGap : 0;
  return total - kGap;
}

// Takes columns from the widest of the text columns that `may_shrink` until the row fits.
template <typename Predicate>
void ShrinkWidest(int columns, const Predicate& may_shrink, std::vector<int>* widths) {
  while (TotalWidth(*widths) > columns) {
    size_t widest = widths->size();
    for (size_t i = 0; i < widths->size(); ++i) {
      if (!may_shrink(i) || (*widths)[i] <= kTextColumnsMin) continue;
      if (widest == widths->size() || (*widths)[i] > (*widths)[widest]) widest = i;
    }
    if (widest == widths->size()) return;
    --(*widths)[widest];
  }
}

void Shrink(const Table& table, int columns, std::vector<int>* widths) {
  const auto is_text = [&](size_t i) { return table.columns[i].align == Align::kLeft; };
  ShrinkWidest(
      columns, [&](size_t i) { return is_text(i) && table.columns[i].cut != Cut::kLast; }, widths);
  ShrinkWidest(columns, is_text, widths);
  for (size_t i = widths->size(); i-- > 0 && TotalWidth(*widths) > columns;) {
    if (is_text(i)) (*widths)[i] = 0;
  }
}

void AppendLine(const std::vector<std::string>& cells, std::string* out) {
  size_t last = cells.size();
  while (last > 0 && cells[last - 1].empty()) --last;
  for (size_t i = 0; i < last; ++i) out->append(cells[i]);
  while (!out->empty() && out->back() == ' ') out->pop_back();
  out->push_back('\n');
}

// The cell as it is printed: cut, padded and followed by the gap; styles do not count as width.
std::string Printed(const Screen& screen, const Cell& cell, const Column& column, int width,
                    bool last) {
  const std::string cut = CutToWidth(cell.text, width, column.cut);
  const int missing = last ? 0 : width - DisplayWidth(cut) + kGap;
  return Styled(screen, cell.style, cut) + std::string(static_cast<size_t>(missing), ' ');
}

}  // namespace

std::string RenderTable(const Table& table, const Screen& screen, const TableOptions& options) {
  Table aligned = table;
  AlignPoints(&aligned);
  std::vector<int> widths = NaturalWidths(aligned, options.headers);
  if (options.fit) Shrink(aligned, screen.columns, &widths);
  size_t last_shown = widths.size();
  while (last_shown > 0 && widths[last_shown - 1] == 0) --last_shown;

  std::string out;
  if (last_shown == 0) return out;
  const auto append = [&](const auto& cell_at) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < last_shown; ++i) {
      if (widths[i] == 0) continue;
      cells.push_back(
          Printed(screen, cell_at(i), aligned.columns[i], widths[i], i + 1 == last_shown));
    }
    AppendLine(cells, &out);
  };
  if (options.headers) {
    append([&](size_t i) { return Cell{aligned.columns[i].title, Style::kBold}; });
  }
  for (const auto& row : aligned.rows) append([&](size_t i) { return row[i]; });
  return out;
}

}  // namespace baro::cli
