// baro notify test|status and baro alert history: whether people would be told, and whether they
// were.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "render/number.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

Cell TextOf(const Record& record, const char* name) { return Cell{Harmless(Member(record, name))}; }

std::string AgoText(std::string_view time, int64_t now_ms) {
  const auto time_ms = ParseInstant(time, now_ms);
  if (!time_ms.ok() || *time_ms <= 0) return "never";
  return base::StrCat(FormatDuration(static_cast<double>(now_ms - *time_ms) / 1e3), " ago");
}

bool IsFailing(const Record& receiver) { return Member(receiver, "failuresInARow") != "0"; }

std::vector<Cell> ReceiverRow(const Record& receiver, int64_t now_ms) {
  const bool failing = IsFailing(receiver);
  return {failing ? Cell{"failing", Style::kBad} : Cell{"ok", Style::kGood},
          TextOf(receiver, "name"),
          TextOf(receiver, "queueLength"),
          TextOf(receiver, "sent"),
          {AgoText(Member(receiver, "lastSuccess"), now_ms)},
          failing ? TextOf(receiver, "lastError") : Cell{""}};
}

std::vector<Cell> OutcomeRow(const Record& outcome) {
  const bool delivered = Member(outcome, "delivered") == "true";
  return {delivered ? Cell{"delivered", Style::kGood} : Cell{"failed", Style::kBad},
          TextOf(outcome, "receiver"), TextOf(outcome, "status"), TextOf(outcome, "error")};
}

// Whom or what a record is about: an alert's name, a receiver.
Cell AboutOf(const Record& record) {
  const bool alert = Member(record, "kind") == "alert";
  return TextOf(record, alert ? "labels.alertname" : "receiver");
}

Cell EventOf(const Record& record) {
  for (const char* name : {"state", "outcome"}) {
    const std::string_view event = Member(record, name);
    if (event.empty()) continue;
    const bool bad = event == "firing" || event == "failed" || event == "refused";
    return {Harmless(event), bad ? Style::kBad : Style::kGood};
  }
  return {base::StrCat("told ", Harmless(Member(record, "status")))};
}

std::vector<Cell> HistoryRow(const Record& record) {
  const bool alert = Member(record, "kind") == "alert";
  return {TextOf(record, "time"), TextOf(record, "kind"), EventOf(record), AboutOf(record),
          TextOf(record, alert ? "annotations.summary" : "error")};
}

}  // namespace

absl::Status Run(const NotifyTestArguments& arguments, Session* session) {
  Parameters parameters;
  if (!arguments.receiver.empty()) parameters.emplace_back("receiver", arguments.receiver);
  if (arguments.resolved) parameters.emplace_back("state", "resolved");
  for (const std::string& label : arguments.labels) parameters.emplace_back("label", label);
  List list;
  BARO_TRY_ASSIGN(list.records, session->client->OrderRecords("/api/v1/baro/notify/test",
                                                              "receivers", parameters));
  if (list.records.empty()) {
    return absl::NotFoundError("no receiver is configured: see alerting in the configuration");
  }
  list.table.columns = {{"RESULT"}, {"RECEIVER"}, {"STATUS"}, {"ERROR", Align::kLeft, Cut::kEnd}};
  for (const Record& outcome : list.records) {
    list.table.rows.push_back(OutcomeRow(outcome));
    if (Member(outcome, "delivered") != "true") session->failed = true;
  }
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status Run(const NotifyStatusArguments&, Session* session) {
  List list;
  BARO_TRY_ASSIGN(list.records,
                  session->client->Records("/api/v1/baro/notify/status", "receivers", {}));
  list.table.columns = {{"STATE"},
                        {"RECEIVER"},
                        {"QUEUE", Align::kPoint},
                        {"SENT", Align::kPoint},
                        {"LAST SUCCESS", Align::kPoint},
                        {"ERROR", Align::kLeft, Cut::kEnd}};
  for (const Record& receiver : list.records) {
    list.table.rows.push_back(ReceiverRow(receiver, session->clock->NowMs()));
  }
  const auto failing = std::count_if(list.records.begin(), list.records.end(), IsFailing);
  list.total = base::StrCat(list.records.size(), " receivers, ", failing, " failing");
  PrintList(list, session);
  return absl::OkStatus();
}

absl::Status Run(const AlertHistoryArguments& arguments, Session* session) {
  Parameters parameters = {{"since", arguments.since}, {"limit", base::StrCat(arguments.limit)}};
  for (const std::string& matcher : arguments.matchers) {
    parameters.emplace_back("matcher", matcher);
  }
  List list;
  BARO_TRY_ASSIGN(list.records,
                  session->client->Records("/api/v1/baro/alerts/history", "", parameters));
  list.table.columns = {
      {"TIME"}, {"KIND"}, {"EVENT"}, {"ALERT OR RECEIVER"}, {"TEXT", Align::kLeft, Cut::kEnd}};
  for (const Record& record : list.records) list.table.rows.push_back(HistoryRow(record));
  list.total = base::StrCat(list.records.size(), " records");
  PrintList(list, session);
  return absl::OkStatus();
}

}  // namespace baro::cli
