// baro ack and baro silence: answers to alerts, through Alertmanager.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "render/series_table.h"
#include "time_text.h"
#include "verbs/alert_list.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

constexpr size_t kShownMax = 10;

std::string MatchersText(const std::vector<SilenceMatcher>& matchers) {
  std::string text;
  for (const SilenceMatcher& matcher : matchers) {
    base::StrAppend(&text, text.empty() ? "" : " ", MatcherText(matcher));
  }
  return Harmless(text);
}

// "2h 5m left", "starts in 10m", "over for 3m".
std::string WhenText(const Silence& silence, int64_t now_ms) {
  const auto starts = ParseInstant(silence.starts_at, now_ms);
  const auto ends = ParseInstant(silence.ends_at, now_ms);
  if (!starts.ok() || !ends.ok()) return "";
  const auto length = [&](int64_t ms) { return FormatDuration(static_cast<double>(ms) / 1e3); };
  if (*ends <= now_ms) return base::StrCat("over for ", length(now_ms - *ends));
  if (*starts > now_ms) return base::StrCat("starts in ", length(*starts - now_ms));
  return base::StrCat(length(*ends - now_ms), " left");
}

// What would be silenced now. Nothing is a warning: a typing mistake silences nobody.
absl::Status TellMatches(const std::vector<SilenceMatcher>& matchers, Session* session) {
  BARO_TRY_ASSIGN(const std::vector<LiveAlert> alerts, FetchAlerts(session));
  std::vector<const LiveAlert*> matching;
  for (const LiveAlert& alert : alerts) {
    BARO_TRY_ASSIGN(const bool matches, MatchesAll(matchers, alert.labels));
    if (matches) matching.push_back(&alert);
  }
  base::StrAppend(&session->out, "matches ", matching.size(), " of ", alerts.size(),
                  " alerts now\n");
  for (size_t i = 0; i < std::min(matching.size(), kShownMax); ++i) {
    base::StrAppend(&session->out, "  ", Harmless(matching[i]->state), "  ",
                    SelectorText(matching[i]->labels), "\n");
  }
  if (matching.size() > kShownMax) {
    base::StrAppend(&session->out, "  and ", matching.size() - kShownMax, " more\n");
  }
  session->is_empty = matching.empty();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Add(const Silence& silence, Session* session) {
  BARO_TRY_ASSIGN(const AlertmanagerFound found, FindAlertmanager(session));
  return Alertmanager(found.transport).Add(silence);
}

std::string TimeText(int64_t time_ms) {
  return FormatTimeExact(static_cast<double>(time_ms) / 1e3);
}

void PrintSilences(const std::vector<Silence>& silences, Session* session) {
  List list;
  list.table.columns = {{"STATE"},
                        {"WHEN"},
                        {"AUTHOR"},
                        {"ID", Align::kLeft, Cut::kLast},
                        {"MATCHERS", Align::kLeft, Cut::kMiddle},
                        {"COMMENT", Align::kLeft, Cut::kEnd}};
  for (const Silence& silence : silences) {
    list.records.push_back({{"id", silence.id},
                            {"state", silence.state},
                            {"starts_at", silence.starts_at},
                            {"ends_at", silence.ends_at},
                            {"author", silence.author},
                            {"matchers", MatchersText(silence.matchers)},
                            {"comment", silence.comment}});
    const Style style = silence.state == "active" ? Style::kWarn : Style::kDim;
    list.table.rows.push_back({{Harmless(silence.state), style},
                               {WhenText(silence, session->clock->NowMs())},
                               {Harmless(silence.author)},
                               {Harmless(ShortId(silence.id))},
                               {MatchersText(silence.matchers)},
                               {Harmless(silence.comment)}});
  }
  list.total = base::StrCat(silences.size(), silences.size() == 1 ? " silence" : " silences");
  PrintList(list, session);
}

}  // namespace

absl::Status Run(const SilenceAddArguments& arguments, Session* session) {
  Silence silence;
  for (const std::string& text : arguments.matchers) {
    BARO_TRY_ASSIGN(silence.matchers.emplace_back(), ParseMatcher(text));
  }
  const int64_t now_ms = session->clock->NowMs();
  BARO_TRY_ASSIGN(const int64_t lasts_ms, ParseDuration(arguments.lasts));
  BARO_TRY_ASSIGN(const int64_t start_ms, ParseInstant(arguments.start, now_ms));
  if (lasts_ms == 0) return absl::InvalidArgumentError("--for must be more than 0");
  silence.starts_at = TimeText(start_ms);
  silence.ends_at = TimeText(start_ms + lasts_ms);
  silence.author = AuthorOr(arguments.author);
  silence.comment = arguments.comment.empty() ? "by baro silence add" : arguments.comment;
  BARO_TRY(TellMatches(silence.matchers, session));
  if (arguments.dry_run) {
    base::StrAppend(&session->out, "nothing is silenced: --dry-run\n");
    return absl::OkStatus();
  }
  BARO_TRY_ASSIGN(const std::string id, Add(silence, session));
  base::StrAppend(&session->out, "silenced until ",
                  FormatTime(static_cast<double>(start_ms + lasts_ms) / 1e3), ": ", Harmless(id),
                  "\n");
  return absl::OkStatus();
}

absl::Status Run(const SilenceListArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const AlertmanagerFound found, FindAlertmanager(session));
  BARO_TRY_ASSIGN(std::vector<Silence> silences, Alertmanager(found.transport).Silences());
  std::erase_if(silences, [&](const Silence& silence) {
    if (!arguments.expired && silence.state == "expired") return true;
    return !std::all_of(arguments.matchers.begin(), arguments.matchers.end(),
                        [&](const auto& text) {
                          return MatchersText(silence.matchers).find(text) != std::string::npos;
                        });
  });
  std::stable_sort(silences.begin(), silences.end(), [](const auto& a, const auto& b) {
    return a.state != b.state ? a.state < b.state : a.ends_at < b.ends_at;
  });
  session->is_empty = silences.empty();
  if (silences.empty()) {
    base::StrAppend(&session->notes, "baro: no silences at ", found.url, "\n");
    if (session->format() == Format::kTable) return absl::OkStatus();
  }
  PrintSilences(silences, session);
  return absl::OkStatus();
}

absl::Status Run(const SilenceExpireArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const AlertmanagerFound found, FindAlertmanager(session));
  Alertmanager alertmanager(found.transport);
  BARO_TRY_ASSIGN(const std::vector<Silence> silences, alertmanager.Silences());
  // All of them are found before any is ended.
  std::vector<const Silence*> chosen;
  for (const std::string& id : arguments.ids) {
    std::vector<const Silence*> same;
    for (const Silence& silence : silences) {
      if (silence.state != "expired" && silence.id.starts_with(id)) same.push_back(&silence);
    }
    if (same.size() != 1) {
      return absl::InvalidArgumentError(
          base::StrCat(same.empty() ? "no silence" : "several silences", " in force begin with \"",
                       id, "\"; baro silence ls -o wide shows whole ids"));
    }
    chosen.push_back(same.front());
  }
  for (const Silence* silence : chosen) {
    BARO_TRY(alertmanager.Expire(silence->id));
    base::StrAppend(&session->out, "ended: ", Harmless(silence->id), " ",
                    MatchersText(silence->matchers), "\n");
  }
  return absl::OkStatus();
}

absl::Status Run(const AckArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const LiveAlert alert, FindAlert(arguments.id, session));
  BARO_TRY_ASSIGN(const int64_t lasts_ms, ParseDuration(arguments.lasts));
  const int64_t until_ms = session->clock->NowMs() + lasts_ms;
  const bool silences = !arguments.quiet_only && lasts_ms > 0;
  Silence silence;
  // Exactly this alert: what fires besides still wakes people.
  for (const auto& [name, value] : alert.labels) {
    silence.matchers.push_back({name, value, false, true});
  }
  silence.starts_at = TimeText(session->clock->NowMs());
  silence.ends_at = TimeText(until_ms);
  silence.author = AuthorOr(arguments.author);
  silence.comment = base::StrCat("ACK ", arguments.comment);
  if (arguments.dry_run) {
    BARO_TRY(TellMatches(silence.matchers, session));
    base::StrAppend(&session->out, "nothing is acknowledged: --dry-run\n");
    return absl::OkStatus();
  }
  std::string id;
  if (silences) {
    BARO_TRY_ASSIGN(id, Add(silence, session));
  }
  Parameters parameters = {{"id", alert.id},
                           {"author", silence.author},
                           {"comment", arguments.comment},
                           {"silence", id}};
  if (silences) parameters.emplace_back("until", SecondsText(until_ms));
  const absl::Status told = session->client->Order("/api/v1/baro/alerts/ack", parameters);
  if (!told.ok()) {
    base::StrAppend(&session->notes, "baro: the collector has not taken note of it: ",
                    Harmless(base::FromAbsl(told.message())), "\n");
    if (!silences) return told;
  }
  base::StrAppend(&session->out, "acknowledged ", SelectorText(alert.labels), " as ",
                  Harmless(silence.author));
  if (silences) {
    base::StrAppend(&session->out, ", silenced for ",
                    FormatDuration(static_cast<double>(lasts_ms) / 1e3), " (", ShortId(id), ")");
  }
  session->out += "\n";
  return absl::OkStatus();
}

}  // namespace baro::cli
