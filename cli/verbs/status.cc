// baro status: is the collector well, and how much does it hold.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

struct Line {
  std::string name;
  std::string exact;
  std::string shown;
  Style style = Style::kPlain;
};

// The page's record; empty when this server does not have the page. Other errors are errors.
absl::StatusOr<Record> OptionalPage(Client* client, const std::string& path) {
  auto page = client->StatusPage(path);
  if (absl::IsNotFound(page.status())) return Record{};
  return page;
}

void AddPlain(std::string_view name, std::string_view value, std::vector<Line>* lines) {
  if (value.empty()) return;
  lines->push_back({std::string(name), std::string(value), Harmless(value)});
}

void AddHealth(const std::string& name, const absl::Status& health, std::vector<Line>* lines) {
  const std::string text =
      health.ok() ? "yes" : base::StrCat("no (", base::FromAbsl(health.message()), ")");
  lines->push_back(
      {name, health.ok() ? "yes" : "no", Harmless(text), health.ok() ? Style::kGood : Style::kBad});
}

void AddStart(std::string_view start_time, int64_t now_ms, std::vector<Line>* lines) {
  const auto start_ms = ParseInstant(start_time, now_ms);
  if (start_time.empty() || !start_ms.ok()) return;
  const double up_seconds = static_cast<double>(now_ms - *start_ms) / 1e3;
  lines->push_back({"started", std::string(start_time),
                    base::StrCat(FormatTime(static_cast<double>(*start_ms / 1000)), ", ",
                                 FormatDuration(up_seconds), " ago")});
}

void AddTargets(const std::vector<Target>& targets, std::vector<Line>* lines) {
  const auto down = std::count_if(targets.begin(), targets.end(),
                                  [](const Target& t) { return t.health == "down"; });
  const auto up = std::count_if(targets.begin(), targets.end(),
                                [](const Target& t) { return t.health == "up"; });
  std::string text = base::StrCat(up, " up, ", down, " down");
  lines->push_back({"targets_up", base::StrCat(up), ""});
  lines->push_back({"targets_down", base::StrCat(down), ""});
  if (down > 0) text += " (see baro targets)";
  lines->push_back({"targets", "", text, down > 0 ? Style::kBad : Style::kPlain});
}

void AddAgents(const std::vector<Record>& agents, std::vector<Line>* lines) {
  const auto connected = std::count_if(agents.begin(), agents.end(), [](const Record& agent) {
    return Member(agent, "connected") == "true";
  });
  const auto away = static_cast<std::ptrdiff_t>(agents.size()) - connected;
  std::string text = base::StrCat(connected, " connected, ", away, " away");
  lines->push_back({"agents_connected", base::StrCat(connected), ""});
  lines->push_back({"agents_away", base::StrCat(away), ""});
  if (away > 0) text += " (see baro agents)";
  lines->push_back({"agents", "", text, away > 0 ? Style::kBad : Style::kPlain});
}

void AddSize(const Record& tsdb, std::vector<Line>* lines) {
  AddPlain("series", Member(tsdb, "headStats.numSeries"), lines);
  const auto oldest = Member(tsdb, "headStats.minTime");
  const auto newest = Member(tsdb, "headStats.maxTime");
  for (const auto& [name, text] :
       {std::pair("oldest in memory", oldest), {"newest sample", newest}}) {
    const auto seconds = ParseInstant(text, 0);  // milliseconds, read as if they were seconds
    if (text.empty() || !seconds.ok() || *seconds <= 0) continue;
    lines->push_back({name, std::string(text), FormatTime(static_cast<double>(*seconds) / 1e6)});
  }
}

Record RecordOf(const std::vector<Line>& lines) {
  Record record;
  for (const Line& line : lines) {
    if (line.exact.empty()) continue;
    std::string name = line.name;
    std::replace(name.begin(), name.end(), ' ', '_');
    record.push_back({name, line.exact});
  }
  return record;
}

}  // namespace

absl::Status Run(const StatusArguments&, Session* session) {
  Client& client = *session->client;
  const absl::Status healthy = client.Health("/-/healthy");
  // Without an answer, or without being let in, there is nothing to tell about its state.
  const bool answered = healthy.ok() || absl::IsInternal(healthy) || absl::IsNotFound(healthy);
  if (!answered) return healthy;
  std::vector<Line> lines;
  AddPlain("server", session->server, &lines);
  AddHealth("healthy", healthy, &lines);
  const absl::Status ready = client.Health("/-/ready");
  AddHealth("ready", ready, &lines);
  session->failed = !healthy.ok() || !ready.ok();

  BARO_TRY_ASSIGN(const Record build, OptionalPage(&client, "/api/v1/status/buildinfo"));
  // Barograph tells the version of the API as its version, for Grafana's sake.
  const std::string_view own = Member(build, "applicationVersion");
  AddPlain("version", own.empty() ? Member(build, "version") : own, &lines);
  BARO_TRY_ASSIGN(const Record runtime, OptionalPage(&client, "/api/v1/status/runtimeinfo"));
  AddStart(Member(runtime, "startTime"), session->clock->NowMs(), &lines);
  AddPlain("retention", Member(runtime, "storageRetention"), &lines);
  BARO_TRY_ASSIGN(const Record tsdb, OptionalPage(&client, "/api/v1/status/tsdb"));
  AddSize(tsdb, &lines);
  const auto targets = client.Targets();
  if (targets.ok()) AddTargets(*targets, &lines);
  const auto agents = client.Agents();
  if (agents.ok()) AddAgents(*agents, &lines);

  List list;
  list.records.push_back(RecordOf(lines));
  list.table.columns = {{"WHAT"}, {"STATE", Align::kLeft, Cut::kEnd}};
  for (const Line& line : lines) {
    if (!line.shown.empty()) list.table.rows.push_back({{line.name}, {line.shown, line.style}});
  }
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
