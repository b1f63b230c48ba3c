// baro query: a table of values at one instant.

#include <array>
#include <cmath>
#include <optional>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/histogram.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

std::string ValueText(const Point& point, const CommonScale& scale, Unit unit) {
  if (point.is_histogram) return "";
  return scale.common ? FormatScaled(point.number, scale.scale) : FormatOne(point.number, unit);
}

constexpr std::array kQuantiles = {0.5, 0.9, 0.99};

struct HistogramRow {
  Histogram histogram;
  std::array<double, 2 + kQuantiles.size()> values{};  // sum, average, quantiles
};

// How many observations, what they add up to, and where most of them lie; blank for a float.
std::vector<Cell> HistogramCells(const HistogramRow* row, const CommonScale& scale, Unit unit) {
  if (row == nullptr) return std::vector<Cell>(3 + kQuantiles.size());
  std::vector<Cell> cells = {{FormatOne(row->histogram.count, Unit::kNone)}};
  for (const double value : row->values) {
    cells.push_back({scale.common ? FormatScaled(value, scale.scale) : FormatOne(value, unit)});
  }
  return cells;
}

absl::StatusOr<std::vector<std::optional<HistogramRow>>> ReadHistograms(const QueryAnswer& answer) {
  std::vector<std::optional<HistogramRow>> rows(answer.series.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Point& point = answer.series[i].points.front();
    if (!point.is_histogram) continue;
    HistogramRow& row = rows[i].emplace();
    BARO_TRY_ASSIGN(row.histogram, DecodeHistogram(point.text));
    row.values[0] = row.histogram.sum;
    row.values[1] = row.histogram.sum / row.histogram.count;
    for (size_t q = 0; q < kQuantiles.size(); ++q) {
      row.values[2 + q] = QuantileOf(row.histogram, kQuantiles[q]);
    }
  }
  return rows;
}

// Adds the columns of histograms when there are any.
absl::Status AddHistograms(const QueryAnswer& answer, Unit unit, List* list) {
  BARO_TRY_ASSIGN(const auto rows, ReadHistograms(answer));
  std::vector<double> values;
  size_t histograms = 0;
  for (const auto& row : rows) {
    if (!row.has_value()) continue;
    ++histograms;
    values.insert(values.end(), row->values.begin() + 1, row->values.end());
  }
  if (histograms == 0) return absl::OkStatus();
  // Without a float there is nothing in the column of values.
  const bool only = histograms == rows.size();
  if (only) list->table.columns.pop_back();
  for (const char* title : {"COUNT", "SUM", "AVG", "P50", "P90", "P99"}) {
    list->table.columns.push_back({title, Align::kPoint});
  }
  const CommonScale scale = ChooseScale(unit, values);
  for (size_t i = 0; i < rows.size(); ++i) {
    auto& cells = list->table.rows[i];
    if (only) cells.pop_back();
    for (Cell& cell : HistogramCells(rows[i].has_value() ? &*rows[i] : nullptr, scale, unit)) {
      cells.push_back(std::move(cell));
    }
  }
  return absl::OkStatus();
}

// With -o wide, bars below the exact rows.
absl::Status DrawHistograms(const QueryAnswer& answer, Unit unit, Session* session) {
  BARO_TRY_ASSIGN(const auto rows, ReadHistograms(answer));
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].has_value()) continue;
    base::StrAppend(&session->out, "\n",
                    Styled(session->screen, Style::kBold, SelectorText(answer.series[i].labels)),
                    "\n", RenderHistogram(rows[i]->histogram, unit, session->screen));
  }
  return absl::OkStatus();
}

absl::StatusOr<List> VectorList(const QueryAnswer& answer, Unit unit) {
  std::vector<const LabelSet*> sets;
  std::vector<double> values;
  for (const Series& series : answer.series) {
    sets.push_back(&series.labels);
    if (!series.points.front().is_histogram) values.push_back(series.points.front().number);
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
  BARO_TRY(AddHistograms(answer, unit, &list));
  return list;
}

// The values of a range selector (up[5m]) as they were stored: one row per sample.
List MatrixList(const QueryAnswer& answer) {
  List list;
  list.table.columns = {{"SERIES"}, {"TIME"}, {"VALUE", Align::kPoint}};
  for (const Series& series : answer.series) {
    const std::string name = SelectorText(series.labels);
    for (const Point& point : series.points) {
      const std::string text =
          point.is_histogram
              ? base::StrCat("histogram of ", FormatOne(point.number, Unit::kNone), " observations")
              : point.text;
      list.table.rows.push_back({{name}, {FormatTime(point.time_seconds)}, {text}});
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
  BARO_TRY_ASSIGN(QueryAnswer answer,
                  session->client->Query(arguments.expression, time_ms, arguments.stats));
  const std::string when =
      base::StrCat("at ", FormatTime(std::floor(static_cast<double>(time_ms) / 1e3)));
  if (answer.series.empty()) NoteNothingFound(arguments.expression, when, session);
  if (!OrdersItself(arguments.expression)) SortByLabels(&answer.series);
  TellWhatItHolds(answer, session);
  NoteStats(answer, session);
  const size_t found = answer.series.size();
  if (arguments.limit > 0 && found > static_cast<size_t>(arguments.limit)) {
    answer.series.resize(static_cast<size_t>(arguments.limit));
    NoteMore(found, arguments.limit, session);
  }
  const Unit unit = UnitOfAnswer(answer, arguments.expression);
  if (PrintExact(answer, session)) {
    const bool draws = session->options->format == Format::kWide && session->options->headers &&
                       answer.type == ResultType::kVector;
    return draws ? DrawHistograms(answer, unit, session) : absl::OkStatus();
  }
  if (answer.series.empty()) return absl::OkStatus();

  if (answer.type == ResultType::kString) {
    base::StrAppend(&session->out, Harmless(answer.series[0].points[0].text), "\n");
  } else if (answer.type == ResultType::kScalar) {
    const Point& point = answer.series[0].points[0];
    base::StrAppend(&session->out, unit == Unit::kNone ? point.text : FormatOne(point.number, unit),
                    "\n");
  } else {
    BARO_TRY_ASSIGN(List list, answer.type == ResultType::kMatrix
                                   ? absl::StatusOr<List>(MatrixList(answer))
                                   : VectorList(answer, unit));
    list.total = base::StrCat(Count(found, "series"), " ", when);
    PrintList(list, session);
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
