// The alerts of a collector or a Prometheus, for the verbs that show or answer them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/alertmanager.h"
#include "api/answer.h"
#include "session.h"

namespace baro::cli {

struct LiveAlert {
  std::string id;  // 16 hexadecimal digits; Alertmanager's fingerprint
  std::string name;
  std::string state;  // firing, pending
  LabelSet labels;
  LabelSet source;  // what the expression gave
  LabelSet annotations;
  std::string value;
  double active_at = 0;  // seconds since 1970; 0: not known
  double fired_at = 0;
  double keep_firing_since = 0;
  std::string group;
  std::string where;  // file:line:column, as far as known
  std::string query;
  double for_seconds = 0;
  std::string health;
  std::string last_error;
  std::string acknowledged_by;  // empty: nobody
  std::string acknowledged_comment;
};

// Firing ones first, then the worst severity, then the newest. Errors: the client's.
absl::StatusOr<std::vector<LiveAlert>> FetchAlerts(Session* session);

// The alert that `text` names: an id, its beginning (four digits at least), or an alert's name that
// only one alert has. Errors: NotFound, InvalidArgument (several, which are listed).
absl::StatusOr<LiveAlert> FindAlert(const std::string& text, Session* session);

// How bad: 0 page or critical, 1 warning, 2 others.
int SeverityRank(const LabelSet& labels);
Style SeverityStyle(const LabelSet& labels);

// The first eight digits tell alerts apart; programs get all.
std::string ShortId(const std::string& id);

// An Alertmanager that answers: the one named, else those that the collector tells, in order.
// Errors: FailedPrecondition (there is none), or why the last one did not answer.
struct AlertmanagerFound {
  std::string url;
  Transport* transport = nullptr;
};
absl::StatusOr<AlertmanagerFound> FindAlertmanager(Session* session);

// The author of what a person writes: what was given, or $USER.
std::string AuthorOr(const std::string& given);

}  // namespace baro::cli
