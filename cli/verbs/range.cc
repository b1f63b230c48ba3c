// baro range: how values went; a chart, or a table with one trend per series.

#include <algorithm>
#include <array>
#include <cmath>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/chart.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/time_range.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

constexpr int kTrendColumns = 24;

struct Summary {
  double last = NAN;
  double minimum = NAN;
  double maximum = NAN;
  double average = NAN;
};

Summary Summarize(const Series& series) {
  Summary summary;
  double sum = 0;
  double count = 0;
  for (const Point& point : series.points) {
    summary.last = point.number;
    if (std::isnan(point.number)) continue;
    summary.minimum = std::fmin(summary.minimum, point.number);
    summary.maximum = std::fmax(summary.maximum, point.number);
    sum += point.number;
    ++count;
  }
  if (count > 0) summary.average = sum / count;
  return summary;
}

ChartLine LineOf(const Series& series) {
  ChartLine line;
  line.reserve(series.points.size());
  for (const Point& point : series.points) line.push_back({point.time_seconds, point.number});
  return line;
}

// One row per series: its trend or its letter in the chart, and its figures on one scale.
List SummaryList(const std::vector<Series>& series, const ChartFrame& frame, bool graph) {
  std::vector<const LabelSet*> sets;
  std::vector<Summary> summaries;
  std::vector<double> values;
  for (const Series& one : series) {
    sets.push_back(&one.labels);
    const Summary summary = summaries.emplace_back(Summarize(one));
    values.insert(values.end(), {summary.last, summary.minimum, summary.maximum});
  }
  const SharedLabels shared = ShareLabels(sets);
  const CommonScale scale = ChooseScale(frame.unit, values);
  List list;
  list.heading = SelectorText(shared.common);
  if (graph) list.table.columns.push_back({""});
  for (Column& column : LabelColumns(shared)) list.table.columns.push_back(std::move(column));
  if (!graph) list.table.columns.push_back({"TREND"});
  for (const char* title : {"LAST", "MIN", "AVG", "MAX"}) {
    list.table.columns.push_back({title, Align::kPoint});
  }
  for (size_t i = 0; i < series.size(); ++i) {
    auto& row = list.table.rows.emplace_back();
    const int index = static_cast<int>(i);
    if (graph)
      row.push_back({base::StrCat("━ ", std::string(1, LineMarker(index))), SeriesStyle(index)});
    for (Cell& cell : LabelCells(shared, series[i].labels)) row.push_back(std::move(cell));
    if (!graph) row.push_back({RenderTrend(LineOf(series[i]), frame, kTrendColumns)});
    const Summary& summary = summaries[i];
    for (const double value : {summary.last, summary.minimum, summary.average, summary.maximum}) {
      row.push_back(
          {scale.common ? FormatScaled(value, scale.scale) : FormatOne(value, frame.unit)});
    }
  }
  return list;
}

// Orders by the last value, NaN last; equal ones by their labels.
bool LargerNow(const Series& left, const Series& right) {
  const auto rank = [](const Series& series) {
    const double last = series.points.back().number;
    return std::isnan(last) ? -INFINITY : last;
  };
  if (rank(left) != rank(right)) return rank(left) > rank(right);
  return LabelsLess(left.labels, right.labels);
}

// With a limit, the series with the largest last values stay; the rest is counted.
void KeepLargest(int limit, std::vector<Series>* series, Session* session) {
  const size_t all = series->size();
  if (limit == 0 || all <= static_cast<size_t>(limit)) return;
  std::sort(series->begin(), series->end(), LargerNow);
  series->resize(static_cast<size_t>(limit));
  NoteMore(all, limit, session);
}

void NoteHistograms(const QueryAnswer& answer, Session* session) {
  for (const Series& series : answer.series) {
    if (std::none_of(series.points.begin(), series.points.end(),
                     [](const Point& point) { return point.is_histogram; })) {
      continue;
    }
    session->notes +=
        "baro: native histograms are shown by their count of observations; for others try "
        "histogram_quantile(), histogram_avg() or baro query\n";
    return;
  }
}

// The chart shows the series with the largest last values; the rest is counted, never silent.
void PrintChart(std::vector<Series> series, ChartFrame frame, Session* session) {
  const size_t all = series.size();
  if (all > static_cast<size_t>(kChartSeriesMax)) {
    std::sort(series.begin(), series.end(), LargerNow);
    series.resize(static_cast<size_t>(kChartSeriesMax));
    base::StrAppend(&session->notes, "baro: the chart shows the ", kChartSeriesMax,
                    " series that are largest now, of ", all,
                    "; choose others with topk(), bottomk() or a narrower selector\n");
  }
  std::vector<ChartLine> lines;
  for (const Series& one : series) lines.push_back(LineOf(one));
  // Axis, legend's titles and common labels, total, and the next prompt take the other rows.
  const int other_rows = static_cast<int>(series.size()) + 7;
  frame.rows = std::clamp(session->screen.rows - other_rows, 8, 24);
  session->out += RenderChart(lines, frame, session->screen);
  session->out += "\n";
  PrintList(SummaryList(series, frame, true), session);
}

}  // namespace

absl::Status Run(const RangeArguments& arguments, Session* session) {
  const bool is_shown = session->format() == Format::kTable;
  BARO_TRY_ASSIGN(
      const Client::Range range,
      ReadRange(arguments, is_shown ? session->screen.columns * 2 : kPointsForPrograms, *session));
  BARO_TRY_ASSIGN(QueryAnswer answer,
                  session->client->QueryRange(arguments.expression, range, arguments.stats));
  std::erase_if(answer.series, [](const Series& series) { return series.points.empty(); });
  if (answer.series.empty()) {
    NoteNothingFound(arguments.expression, RangeText(range), session);
  }
  TellWhatItHolds(answer, session);
  KeepLargest(arguments.limit, &answer.series, session);
  SortByLabels(&answer.series);
  NoteStats(answer, session);
  if (PrintExact(answer, session) || answer.series.empty()) return absl::OkStatus();

  NoteHistograms(answer, session);
  ChartFrame frame;
  frame.start_seconds = static_cast<double>(range.start_ms) / 1e3;
  frame.end_seconds = static_cast<double>(range.end_ms) / 1e3;
  frame.step_seconds = static_cast<double>(range.step_ms) / 1e3;
  frame.unit = UnitOfAnswer(answer, arguments.expression);
  frame.columns = session->screen.columns;
  if (arguments.graph) {
    PrintChart(std::move(answer.series), frame, session);
  } else {
    List list = SummaryList(answer.series, frame, false);
    list.total = base::StrCat(answer.series.size(), " series ", RangeText(range));
    PrintList(list, session);
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
