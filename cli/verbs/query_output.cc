#include "verbs/query_output.h"

#include <algorithm>
#include <cstdlib>

#include "baro/base/strings.h"
#include "render/json.h"
#include "render/number.h"
#include "render/series_table.h"

namespace baro::cli {

bool PrintExact(const QueryAnswer& answer, Session* session) {
  const Notes& notes = session->client->notes();
  switch (session->format()) {
    case Format::kJson:
      session->out += QueryJson(answer, notes.warnings, notes.infos);
      return true;
    case Format::kJsonLines:
      session->out += QueryJsonLines(answer);
      return true;
    case Format::kWide:
    case Format::kCsv:
      PrintList({ExactRecords(answer), {}, "", ""}, session);
      return true;
    case Format::kAuto:
    case Format::kTable:
      break;
  }
  return false;
}

Unit UnitOfAnswer(const QueryAnswer& answer, std::string_view expression) {
  std::string_view metric;
  for (const Series& series : answer.series) {
    const std::string_view name = LabelValue(series.labels, "__name__");
    if (name.empty()) return UnitOfExpression(expression);
    if (!metric.empty() && UnitOfMetric(metric) != UnitOfMetric(name)) return Unit::kNone;
    metric = name;
  }
  return UnitOfMetric(metric);
}

bool OrdersItself(std::string_view expression) {
  const size_t first = expression.find_first_not_of(" \t\n(");
  if (first == std::string_view::npos) return false;
  expression.remove_prefix(first);
  for (const std::string_view function : {"sort", "topk", "bottomk"}) {
    if (expression.starts_with(function)) return true;
  }
  return false;
}

void TellWhatItHolds(const QueryAnswer& answer, Session* session) {
  session->is_empty = answer.series.empty();
  session->is_firing =
      std::any_of(answer.series.begin(), answer.series.end(), [](const Series& series) {
        return LabelValue(series.labels, "__name__") == "ALERTS" &&
               LabelValue(series.labels, "alertstate") == "firing";
      });
}

void NoteStats(const QueryAnswer& answer, Session* session) {
  if (answer.stats.empty()) return;
  const std::string seconds(Member(answer.stats, "timings.execTotalTime"));
  const std::string samples(Member(answer.stats, "samples.totalQueryableSamples"));
  const std::string peak(Member(answer.stats, "samples.peakSamples"));
  base::StrAppend(&session->notes,
                  "baro: stats: ", FormatDuration(std::strtod(seconds.c_str(), nullptr)), ", ",
                  Harmless(samples), " samples read, ", Harmless(peak), " held at once\n");
}

void NoteMore(size_t all, int limit, Session* session) {
  base::StrAppend(&session->notes, "baro: ", all - static_cast<size_t>(limit), " more of ", all,
                  " are left out by --limit ", limit, "\n");
}

void NoteTruncation(int limit, Session* session) {
  if (!session->client->truncated()) return;
  base::StrAppend(&session->notes, "baro: there are more than these ", limit, "\n");
}

void NoteNothingFound(std::string_view expression, std::string_view when, Session* session) {
  base::StrAppend(&session->notes, "baro: no series match ", Harmless(expression), " ", when,
                  "; try baro metrics PATTERN, or baro series SELECTOR --since 1d\n");
}

}  // namespace baro::cli
