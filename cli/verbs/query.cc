// baro query: a table of values at one instant.

#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

std::string ValueText(const Point& point, const CommonScale& scale, Unit unit) {
  if (point.is_histogram) {
    return base::StrCat("histogram of ", FormatOne(point.number, Unit::kNone), " observations");
  }
  return scale.common ? FormatScaled(point.number, scale.scale) : FormatOne(point.number, unit);
}

List VectorList(const QueryAnswer& answer, Unit unit) {
  std::vector<const LabelSet*> sets;
  std::vector<double> values;
  for (const Series& series : answer.series) {
    sets.push_back(&series.labels);
    values.push_back(series.points.front().number);
  }
  const SharedLabels shared = ShareLabels(sets);
  const CommonScale scale = ChooseScale(unit, values);
  List list;
  list.table.columns = LabelColumns(shared);
  list.table.columns.push_back({"VALUE", Align::kPoint});
  for (const Series& series : answer.series) {
    auto& row = list.table.rows.emplace_back(LabelCells(shared, series.labels));
    row.push_back({ValueText(series.points.front(), scale, unit)});
  }
  list.heading = SelectorText(shared.common);
  return list;
}

// The values of a range selector (up[5m]) as they were stored: one row per sample.
List MatrixList(const QueryAnswer& answer) {
  List list;
  list.table.columns = {{"SERIES"}, {"TIME"}, {"VALUE", Align::kPoint}};
  for (const Series& series : answer.series) {
    const std::string name = SelectorText(series.labels);
    for (const Point& point : series.points) {
      list.table.rows.push_back({{name}, {FormatTime(point.time_seconds)}, {point.text}});
    }
  }
  return list;
}

std::string Count(size_t count, std::string_view noun) {
  return base::StrCat(count, " ", noun, noun == "series" || count == 1 ? "" : "s");
}

}  // namespace

absl::Status Run(const QueryArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const int64_t time_ms, ParseInstant(arguments.at, session->clock->NowMs()));
  BARO_TRY_ASSIGN(QueryAnswer answer, session->client->Query(arguments.expression, time_ms));
  const std::string when =
      base::StrCat("at ", FormatTime(std::floor(static_cast<double>(time_ms) / 1e3)));
  if (answer.series.empty()) NoteNothingFound(arguments.expression, when, session);
  if (!OrdersItself(arguments.expression)) SortByLabels(&answer.series);
  if (PrintExact(answer, session)) return absl::OkStatus();
  if (answer.series.empty()) return absl::OkStatus();

  const Unit unit = UnitOfAnswer(answer, arguments.expression);
  if (answer.type == ResultType::kString) {
    base::StrAppend(&session->out, Harmless(answer.series[0].points[0].text), "\n");
  } else if (answer.type == ResultType::kScalar) {
    const Point& point = answer.series[0].points[0];
    base::StrAppend(&session->out, unit == Unit::kNone ? point.text : FormatOne(point.number, unit),
                    "\n");
  } else {
    List list = answer.type == ResultType::kMatrix ? MatrixList(answer) : VectorList(answer, unit);
    list.total = base::StrCat(Count(answer.series.size(), "series"), " ", when);
    PrintList(list, session);
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
