// HistoryMatch: which records of the history a query asks for.
#pragma once

#include <simdjson.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "baro/notify/history.h"
#include "baro/notify/response.h"

namespace baro::notify {

// A record read. Immutable.
struct HistoryRecord {
  int64_t time_ms = 0;
  bool is_alert = false;
  bool resolved = false;  // of an alert: its end
  bool first = false;     // of an alert: its beginning
  std::vector<std::string> fingerprints;
  model::Labels labels;   // of an alert
  int64_t starts_ms = 0;  // of an alert; 0: not said
  std::optional<Acknowledgement> acknowledgement;
};

// Reads records and knows, after LearnAlert() of all of them, whose deliveries are asked for.
// Thread-compatible.
class HistoryMatch {
 public:
  explicit HistoryMatch(const HistoryQuery& query) : query_(query) {}

  // False for what is no record (the torn end of a file after a crash).
  bool Read(std::string_view json, HistoryRecord* record);
  bool HasMatchers() const { return !query_.matchers.empty(); }
  void LearnAlert(const HistoryRecord& record);
  bool Wants(const HistoryRecord& record) const;

 private:
  bool MatchesLabels(const model::Labels& labels) const;

  const HistoryQuery& query_;
  simdjson::dom::parser parser_;
  std::set<std::string, std::less<>> fingerprints_;
};

}  // namespace baro::notify
