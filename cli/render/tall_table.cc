#include "render/tall_table.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "baro/base/strings.h"

namespace baro::cli {
namespace {

constexpr int kIndent = 4;
constexpr int kTextLinesMax = 6;  // of one text

// A long text in lines of the screen's width, cut at blanks where there are some.
void AppendWrapped(std::string_view text, int columns, std::string* out) {
  const int width = std::max(columns - kIndent, 20);
  for (int lines = 1; !text.empty(); ++lines) {
    std::string line = CutToWidth(text, width, Cut::kEnd);
    size_t taken = text.size();
    if (line.size() != text.size() && lines < kTextLinesMax) {
      // What was cut ends in an ellipsis, which is not of the text.
      taken = line.size() - std::string_view("…").size();
      const size_t blank = text.substr(0, taken).rfind(' ');
      if (blank != std::string_view::npos && blank > taken / 2) taken = blank + 1;
      line = text.substr(0, taken);
      if (line.ends_with(' ')) line.pop_back();
    }
    base::StrAppend(out, std::string(kIndent, ' '), line, "\n");
    text.remove_prefix(taken);
  }
}

bool Fits(const Table& table, const Session& session) {
  Screen plain = session.screen;
  plain.color = false;
  const std::string text = RenderTable(table, plain, {session.options->headers, false});
  const std::string_view lines = text;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    if (DisplayWidth(lines.substr(at, end - at)) > plain.columns) return false;
    at = end + 1;
  }
  return true;
}

// Takes the last `texts` cells of every row and their columns away.
std::vector<std::vector<Cell>> TakeTexts(size_t texts, Table* table) {
  std::vector<std::vector<Cell>> taken;
  for (auto& row : table->rows) {
    const auto first = row.end() - static_cast<std::ptrdiff_t>(texts);
    taken.emplace_back(first, row.end());
    row.erase(first, row.end());
  }
  table->columns.resize(table->columns.size() - texts);
  return taken;
}

}  // namespace

void PrintTall(List list, const std::vector<std::string>& prefixes, Session* session) {
  const bool is_table = session->format() == Format::kTable;
  if (!is_table || list.table.rows.empty() || Fits(list.table, *session)) {
    return PrintList(list, session);
  }
  const std::vector<std::vector<Cell>> texts = TakeTexts(prefixes.size(), &list.table);
  const bool headers = session->options->headers;
  const size_t first_row = headers ? 1 : 0;
  const std::string lines = RenderTable(list.table, session->screen, {headers, true});
  List rest;  // what stands around the rows
  rest.heading = list.heading;
  PrintList(rest, session);
  size_t line = 0;
  for (size_t at = 0; at < lines.size(); ++line) {
    const size_t end = std::min(lines.find('\n', at), lines.size() - 1) + 1;
    session->out += lines.substr(at, end - at);
    at = end;
    if (line < first_row) continue;
    const std::vector<Cell>& cells = texts[line - first_row];
    for (size_t i = cells.size(); i-- > 0;) {
      if (cells[i].text.empty()) continue;
      AppendWrapped(base::StrCat(prefixes[i], cells[i].text), session->screen.columns,
                    &session->out);
    }
  }
  rest.heading.clear();
  rest.total = list.total;
  PrintList(rest, session);
}

}  // namespace baro::cli
