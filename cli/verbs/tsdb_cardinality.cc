// baro tsdb cardinality: where the series come from, and which of them nobody reads.

#include <cstdlib>
#include <map>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// What the entries of a list are, and what is counted of them. The second four are status/tsdb's.
struct ListTitle {
  std::string name;
  std::string counted;
};
const std::map<std::string, ListTitle> kTitles = {
    {"metrics", {"METRIC", "SERIES"}},
    {"largestTargets", {"TARGET", "SERIES"}},
    {"seriesByJob", {"JOB", "SERIES"}},
    {"seriesByNamespace", {"NAMESPACE", "SERIES"}},
    {"valuesByLabel", {"LABEL", "VALUES"}},
    {"bytesByLabel", {"LABEL", "BYTES"}},
    {"seriesByLabelPair", {"LABEL AND VALUE", "SERIES"}},
    {"refused", {"REFUSED BY LIMIT", "TOTAL"}},
    {"seriesCountByMetricName", {"METRIC", "SERIES"}},
    {"labelValueCountByLabelName", {"LABEL", "VALUES"}},
    {"memoryInBytesByLabelName", {"LABEL", "BYTES"}},
    {"seriesCountByLabelValuePair", {"LABEL AND VALUE", "SERIES"}},
};

// "3m 20s ago"; never is a dash.
std::string Ago(std::string_view time_ms, int64_t now_ms) {
  const int64_t then_ms = std::strtoll(std::string(time_ms).c_str(), nullptr, 10);
  if (then_ms <= 0) return "-";
  return base::StrCat(FormatDuration(static_cast<double>(now_ms - then_ms) / 1e3), " ago");
}

bool Has(const std::vector<Record>& entries, std::string_view member) {
  return !Member(entries.front(), member).empty();
}

Table TableOf(const Client::NamedList& list, int64_t now_ms) {
  const auto title = kTitles.find(list.name);
  const ListTitle shown = title == kTitles.end() ? ListTitle{list.name, "VALUE"} : title->second;
  Table table;
  table.columns = {{shown.name, Align::kLeft, Cut::kMiddle}, {shown.counted, Align::kPoint}};
  constexpr std::pair<const char*, const char*> kTimes[] = {
      {"firstSeenMs", "FIRST SEEN"}, {"lastSeenMs", "LAST SEEN"}, {"lastReadMs", "LAST READ"}};
  for (const auto& [member, name] : kTimes) {
    if (Has(list.entries, member)) table.columns.push_back({name, Align::kPoint});
  }
  for (const Record& entry : list.entries) {
    auto& row = table.rows.emplace_back();
    const std::string_view limit = Member(entry, "limit");
    row.push_back({Harmless(limit.empty() ? Member(entry, "name") : limit)});
    for (const char* member : {"series", "value", "total"}) {
      if (const auto text = Member(entry, member); !text.empty()) row.push_back({Harmless(text)});
    }
    row.resize(2);
    for (const auto& [member, name] : kTimes) {
      if (Has(list.entries, member)) row.push_back({Ago(Member(entry, member), now_ms)});
    }
  }
  return table;
}

std::string Total(const Record& figures) {
  std::string_view series = Member(figures, "series");
  if (series.empty()) series = Member(figures, "headStats.numSeries");
  std::string out = base::StrCat(series, " series");
  if (const auto targets = Member(figures, "targets"); !targets.empty()) {
    base::StrAppend(&out, " of ", targets, " targets");
  }
  if (const auto bytes = Member(figures, "indexBytes"); !bytes.empty()) {
    const double number = std::strtod(std::string(bytes).c_str(), nullptr);
    base::StrAppend(&out, ", index of ", FormatOne(number, Unit::kBytes));
  }
  return Harmless(out);
}

}  // namespace

absl::Status Run(const TsdbCardinalityArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const Client::IndexSize size, session->client->Cardinality(arguments.limit));
  if (session->format() != Format::kTable) {
    List list;
    for (const auto& [name, entries] : size.lists) {
      for (const Record& entry : entries) {
        list.records.push_back({{"list", name}});
        list.records.back().insert(list.records.back().end(), entry.begin(), entry.end());
      }
    }
    PrintList(list, session);
    return absl::OkStatus();
  }
  for (const Client::NamedList& list : size.lists) {
    if (list.entries.empty()) continue;
    PrintList({{}, TableOf(list, session->clock->NowMs()), "", ""}, session);
    if (session->options->headers) session->out += "\n";
  }
  if (session->options->headers) {
    base::StrAppend(&session->out, Styled(session->screen, Style::kDim, Total(size.figures)), "\n");
  }
  return absl::OkStatus();
}

}  // namespace baro::cli
