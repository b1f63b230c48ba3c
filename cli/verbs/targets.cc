// baro targets: what is scraped; what is down comes first.

#include <algorithm>
#include <array>
#include <cstdio>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

int HealthOrder(const Target& target) {
  if (target.health == "down") return 0;
  return target.health == "up" ? 2 : 1;
}

bool Before(const Target& left, const Target& right) {
  if (HealthOrder(left) != HealthOrder(right)) return HealthOrder(left) < HealthOrder(right);
  const int jobs = LabelValue(left.labels, "job").compare(LabelValue(right.labels, "job"));
  return jobs != 0 ? jobs < 0 : LabelsLess(left.labels, right.labels);
}

Style HealthStyle(const Target& target) {
  constexpr std::array kStyles = {Style::kBad, Style::kWarn, Style::kGood};
  return kStyles[static_cast<size_t>(HealthOrder(target))];
}

// "12.3 s ago"; "never" before the first scrape, whose time Prometheus gives as year 1.
std::string AgoText(const std::string& time, int64_t now_ms) {
  const auto time_ms = ParseInstant(time, now_ms);
  if (time.empty() || time.starts_with("0001-") || !time_ms.ok()) return "never";
  return base::StrCat(FormatDuration(static_cast<double>(now_ms - *time_ms) / 1e3), " ago");
}

Record RecordOf(const Target& target) {
  std::array<char, 40> duration{};
  std::snprintf(duration.data(), duration.size(), "%.9g", target.last_scrape_duration_seconds);
  return {{"health", target.health},
          {"job", std::string(LabelValue(target.labels, "job"))},
          {"instance", std::string(LabelValue(target.labels, "instance"))},
          {"labels", SelectorText(target.labels)},
          {"agent", target.agent},
          {"url", target.scrape_url},
          {"interval", target.scrape_interval},
          {"last_scrape", target.last_scrape},
          {"last_scrape_duration_seconds", duration.data(), false},
          {"error", target.last_error}};
}

// Whole errors below the table: their end, which a column would cut, says what is wrong.
void PrintErrors(const std::vector<Target>& targets, Session* session) {
  constexpr int kErrorsMax = 20;
  int count = 0;
  for (const Target& target : targets) {
    if (target.last_error.empty() || ++count > kErrorsMax) continue;
    base::StrAppend(&session->out, count == 1 ? "\n" : "",
                    Styled(session->screen, Style::kBold,
                           base::StrCat(Harmless(LabelValue(target.labels, "job")), " ",
                                        Harmless(LabelValue(target.labels, "instance")))),
                    ": ", Harmless(target.last_error), "\n");
  }
  if (count > kErrorsMax) {
    base::StrAppend(&session->out, "and ", count - kErrorsMax, " more: baro targets -o wide\n");
  }
}

}  // namespace

absl::Status Run(const TargetsArguments&, Session* session) {
  BARO_TRY_ASSIGN(std::vector<Target> targets, session->client->Targets());
  std::sort(targets.begin(), targets.end(), Before);
  const int64_t now_ms = session->clock->NowMs();
  List list;
  list.table.columns = {
      {"HEALTH"}, {"JOB"}, {"INSTANCE"}, {"LAST SCRAPE", Align::kPoint}, {"TOOK", Align::kPoint}};
  std::array<int, 3> counts{};
  for (const Target& target : targets) {
    ++counts[static_cast<size_t>(HealthOrder(target))];
    list.records.push_back(RecordOf(target));
    auto& row = list.table.rows.emplace_back();
    row.push_back({Harmless(target.health), HealthStyle(target)});
    row.push_back({Harmless(LabelValue(target.labels, "job"))});
    row.push_back({Harmless(LabelValue(target.labels, "instance"))});
    row.push_back({AgoText(target.last_scrape, now_ms)});
    row.push_back({FormatDuration(target.last_scrape_duration_seconds)});
  }
  list.total = base::StrCat(counts[2], " up, ", counts[0], " down");
  if (counts[1] > 0) base::StrAppend(&list.total, ", ", counts[1], " unknown");
  if (targets.empty()) {
    session->notes +=
        "baro: no targets; name them under scrape_configs in the agent's configuration\n";
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintList(list, session);
  if (session->format() == Format::kTable) PrintErrors(targets, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
