// baro series: the label sets that match a selector.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/query_output.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

Record RecordOf(const LabelSet& labels) {
  Record record;
  for (const auto& [name, value] : labels) record.push_back({name, value, true});
  return record;
}

}  // namespace

absl::Status Run(const SeriesArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const int64_t since_ms, ParseDuration(arguments.since));
  const int64_t now_ms = session->clock->NowMs();
  BARO_TRY_ASSIGN(
      std::vector<LabelSet> sets,
      session->client->SeriesOf(
          {arguments.selector, Client::Window{now_ms - since_ms, now_ms}, arguments.limit}));
  NoteTruncation(arguments.limit, session);
  session->is_empty = sets.empty();
  std::sort(sets.begin(), sets.end(), LabelsLess);
  if (sets.empty()) {
    NoteNothingFound(arguments.selector, base::StrCat("within the last ", arguments.since),
                     session);
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  std::vector<const LabelSet*> pointers;
  for (const LabelSet& set : sets) pointers.push_back(&set);
  const SharedLabels shared = ShareLabels(pointers);
  List list;
  list.heading = SelectorText(shared.common);
  list.table.columns = LabelColumns(shared);
  for (const LabelSet& set : sets) {
    list.records.push_back(RecordOf(set));
    // A single series has nothing that varies: its heading says all.
    if (!shared.varying.empty()) list.table.rows.push_back(LabelCells(shared, set));
  }
  list.total = base::StrCat(sets.size(), " series with samples in the last ", arguments.since);
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
