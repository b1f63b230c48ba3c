// baro diff: what changed between two instants, the largest change first.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// One series at both instants; a side it was not there at is NaN without text.
struct Change {
  LabelSet labels;
  Point before;
  Point now;
  bool was_there = false;
  bool is_there = false;

  double absolute() const { return now.number - before.number; }
  double ratio() const { return absolute() / std::abs(before.number); }
};

std::vector<Change> Join(const QueryAnswer& before, const QueryAnswer& now) {
  std::map<LabelSet, Change> joined;
  for (const Series& series : before.series) {
    joined[series.labels] = {series.labels, series.points.front(), {}, true, false};
  }
  for (const Series& series : now.series) {
    Change& change = joined[series.labels];
    change.labels = series.labels;
    change.now = series.points.front();
    change.is_there = true;
  }
  std::vector<Change> changes;
  for (auto& [labels, change] : joined) changes.push_back(std::move(change));
  return changes;
}

// What came or went is before all that changed, whatever its size; NaN is last.
void SortBySize(bool by_ratio, std::vector<Change>* changes) {
  const auto size = [by_ratio](const Change& change) -> double {
    if (!change.was_there || !change.is_there) return INFINITY;
    const double moved = std::abs(by_ratio ? change.ratio() : change.absolute());
    return std::isnan(moved) ? -1 : moved;
  };
  std::stable_sort(changes->begin(), changes->end(), [&](const Change& a, const Change& b) {
    if (size(a) != size(b)) return size(a) > size(b);
    return LabelsLess(a.labels, b.labels);
  });
}

std::string RatioText(const Change& change) {
  if (!change.was_there) return "new";
  if (!change.is_there) return "gone";
  if (change.absolute() == 0) return "=";
  const double percent = change.ratio() * 100;
  if (!std::isfinite(percent)) return change.before.number == 0 ? "from 0" : "NaN";
  char text[48];
  std::snprintf(text, sizeof(text), std::abs(percent) < 1000 ? "%+.1f %%" : "%+.0f %%", percent);
  return text;
}

std::string AbsoluteText(double value, const CommonScale& scale, Unit unit) {
  // A difference of two moments is a length of time.
  if (unit == Unit::kTimestamp) {
    return base::StrCat(value < 0 ? "-" : "+", FormatDuration(std::abs(value)));
  }
  const std::string text = scale.common ? FormatScaled(value, scale.scale) : FormatOne(value, unit);
  return value > 0 ? base::StrCat("+", text) : text;
}

Style StyleOf(const Change& change) {
  return change.was_there && change.is_there ? Style::kPlain : Style::kWarn;
}

List ChangeList(const std::vector<Change>& changes, Unit unit) {
  std::vector<const LabelSet*> sets;
  std::vector<double> values;
  for (const Change& change : changes) {
    sets.push_back(&change.labels);
    if (change.was_there) values.push_back(change.before.number);
    if (change.is_there) values.push_back(change.now.number);
  }
  const SharedLabels shared = ShareLabels(sets);
  const CommonScale scale = ChooseScale(unit, values);
  const auto text = [&](bool there, const Point& point) {
    if (!there) return std::string("-");
    return scale.common ? FormatScaled(point.number, scale.scale) : FormatOne(point.number, unit);
  };
  List list;
  list.heading = SelectorText(shared.common);
  list.table.columns = LabelColumns(shared);
  for (const char* title : {"BEFORE", "NOW", "CHANGE", "RATIO"}) {
    list.table.columns.push_back({title, Align::kPoint});
  }
  for (const Change& change : changes) {
    const bool both = change.was_there && change.is_there;
    auto& row = list.table.rows.emplace_back(LabelCells(shared, change.labels));
    row.push_back({text(change.was_there, change.before)});
    row.push_back({text(change.is_there, change.now)});
    row.push_back({both ? AbsoluteText(change.absolute(), scale, unit) : "-"});
    row.push_back({RatioText(change), StyleOf(change)});
  }
  return list;
}

std::string NumberText(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
}

// Exact: digits as they came; a side that was not there, and what cannot be computed, is empty.
std::vector<Record> ChangeRecords(const std::vector<Change>& changes) {
  std::vector<Record> records;
  for (const Change& change : changes) {
    Record& record = records.emplace_back();
    for (const auto& [name, value] : change.labels) record.push_back({name, value});
    const bool both = change.was_there && change.is_there;
    record.push_back({"before", change.before.text});
    record.push_back({"now", change.now.text});
    record.push_back({"change", both ? NumberText(change.absolute()) : ""});
    record.push_back(
        {"ratio", both && std::isfinite(change.ratio()) ? NumberText(change.ratio()) : ""});
  }
  return records;
}

absl::StatusOr<QueryAnswer> AskAt(const std::string& expression, int64_t time_ms,
                                  Session* session) {
  BARO_TRY_ASSIGN(QueryAnswer answer, session->client->Query(expression, time_ms));
  if (answer.type == ResultType::kMatrix || answer.type == ResultType::kString) {
    return absl::InvalidArgumentError(
        "cannot compare texts or ranges: diff takes expressions that give numbers, such as "
        "rate(x[5m])");
  }
  return answer;
}

}  // namespace

absl::Status Run(const DiffArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const int64_t now_ms, ParseInstant(arguments.at, session->clock->NowMs()));
  BARO_TRY_ASSIGN(const int64_t offset_ms, ParseDuration(arguments.offset));
  BARO_TRY_ASSIGN(const QueryAnswer now, AskAt(arguments.expression, now_ms, session));
  BARO_TRY_ASSIGN(const QueryAnswer before,
                  AskAt(arguments.expression, now_ms - offset_ms, session));
  const std::string when = base::StrCat(
      "at ", FormatTime(std::floor(static_cast<double>(now_ms) / 1e3)), ", compared with ",
      FormatTime(std::floor(static_cast<double>(now_ms - offset_ms) / 1e3)));
  std::vector<Change> changes = Join(before, now);
  session->is_empty = changes.empty();
  if (changes.empty()) NoteNothingFound(arguments.expression, when, session);
  SortBySize(arguments.by == "ratio", &changes);
  const size_t found = changes.size();
  if (arguments.limit > 0 && found > static_cast<size_t>(arguments.limit)) {
    changes.resize(static_cast<size_t>(arguments.limit));
    NoteMore(found, arguments.limit, session);
  }
  if (changes.empty() && session->format() == Format::kTable) return absl::OkStatus();
  List list =
      ChangeList(changes, UnitOfAnswer(now.series.empty() ? before : now, arguments.expression));
  list.records = ChangeRecords(changes);
  list.total = base::StrCat(found, " series ", when);
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
