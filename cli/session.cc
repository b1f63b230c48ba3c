#include "session.h"

#include <algorithm>

#include "baro/base/strings.h"
#include "render/csv.h"
#include "render/json.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

std::vector<std::string> FieldNames(const std::vector<Record>& records) {
  std::vector<std::string> names;
  for (const Record& record : records) {
    for (const Field& field : record) {
      if (std::find(names.begin(), names.end(), field.name) == names.end()) {
        names.push_back(field.name);
      }
    }
  }
  return names;
}

std::string RecordsCsv(const std::vector<Record>& records, const Screen& screen, bool headers) {
  const std::vector<std::string> names = FieldNames(records);
  std::string out;
  if (headers && !names.empty()) out += CsvLine(names);
  for (const Record& record : records) {
    std::vector<std::string> fields;
    for (const std::string& name : names) {
      // A program gets every byte; a terminal would obey some of them.
      const std::string_view text = Member(record, name);
      fields.push_back(screen.is_terminal ? Harmless(text) : std::string(text));
    }
    out += CsvLine(fields);
  }
  return out;
}

// Everything exact, nothing cut.
std::string RecordsWide(const std::vector<Record>& records, const Session& session) {
  Table table;
  for (const std::string& name : FieldNames(records)) table.columns.push_back({name});
  for (const Record& record : records) {
    auto& row = table.rows.emplace_back();
    for (const Column& column : table.columns) {
      row.push_back({Harmless(Member(record, column.title))});
    }
  }
  for (Column& column : table.columns) column.title = Harmless(column.title);
  return RenderTable(table, session.screen, {session.options->headers, false});
}

std::string ListTable(const List& list, const Session& session) {
  const bool headers = session.options->headers;
  std::string out;
  if (headers && !list.heading.empty()) {
    base::StrAppend(&out, Styled(session.screen, Style::kDim, list.heading), "\n");
  }
  out += RenderTable(list.table, session.screen, {headers, true});
  if (headers && session.screen.is_terminal && !list.total.empty()) {
    base::StrAppend(&out, Styled(session.screen, Style::kDim, list.total), "\n");
  }
  return out;
}

}  // namespace

void PrintList(const List& list, Session* session) {
  switch (session->format()) {
    case Format::kAuto:
    case Format::kTable:
      session->out += ListTable(list, *session);
      return;
    case Format::kWide:
      session->out += RecordsWide(list.records, *session);
      return;
    case Format::kJson:
      session->out += RecordsJson(list.records);
      return;
    case Format::kJsonLines:
      session->out += RecordsJsonLines(list.records);
      return;
    case Format::kCsv:
      session->out += RecordsCsv(list.records, session->screen, session->options->headers);
      return;
  }
}

void PrintStrings(const std::vector<std::string>& strings, const std::string& title,
                  Session* session) {
  const Format format = session->format();
  if (format == Format::kJson) {
    base::StrAppend(&session->out, JsonStrings(strings), "\n");
    return;
  }
  const bool is_table = format == Format::kTable;
  if (session->options->headers && (is_table || format == Format::kCsv)) {
    session->out +=
        is_table ? Styled(session->screen, Style::kBold, title) + "\n" : CsvLine({title});
  }
  for (const std::string& text : strings) {
    if (format == Format::kJsonLines) {
      base::StrAppend(&session->out, JsonString(text), "\n");
    } else {
      const bool exact = format == Format::kCsv && !session->screen.is_terminal;
      const std::string shown = exact ? text : Harmless(text);
      session->out += format == Format::kCsv ? CsvLine({shown}) : shown + "\n";
    }
  }
}

absl::Status RunVerb(const Verb& verb, Session* session) {
  return std::visit([&](const auto& arguments) { return Run(arguments, session); }, verb);
}

}  // namespace baro::cli
