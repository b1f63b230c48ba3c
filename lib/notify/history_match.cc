#include "history_match.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "baro/base/strings.h"

namespace baro::notify {

namespace dom = simdjson::dom;

namespace {

std::string Text(const dom::element& value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::string Text(const simdjson::simdjson_result<dom::element>& value) {
  dom::element element;
  return value.get(element) == simdjson::SUCCESS ? Text(element) : std::string();
}

model::Labels ReadLabels(const simdjson::simdjson_result<dom::element>& value) {
  dom::object object;
  std::vector<model::Label> labels;
  if (value.get(object) != simdjson::SUCCESS) return {};
  for (const auto& [name, element] : object) {
    labels.push_back({std::string(name), Text(element)});
  }
  return model::Labels::FromUnsorted(std::move(labels));
}

int64_t TimeMs(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, base::ToAbsl(text), &time, &error)) return 0;
  return absl::ToUnixMillis(time);
}

}  // namespace

bool HistoryMatch::Read(std::string_view json, HistoryRecord* record) {
  *record = HistoryRecord();
  dom::element root;
  if (parser_.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return false;
  if (root["time_ms"].get(record->time_ms) != simdjson::SUCCESS) return false;
  record->is_alert = Text(root["kind"]) == "alert";
  if (record->is_alert) {
    record->fingerprints.push_back(Text(root["fingerprint"]));
    record->labels = ReadLabels(root["labels"]);
    const std::string state = Text(root["state"]);
    record->resolved = state == "resolved";
    record->first = state == "firing";
    record->starts_ms = TimeMs(Text(root["startsAt"]));
    return true;
  }
  if (Text(root["kind"]) == "ack") {
    Acknowledgement& acknowledgement = record->acknowledgement.emplace();
    acknowledgement.time_ms = record->time_ms;
    if (root["until_ms"].get(acknowledgement.until_ms) != simdjson::SUCCESS) return false;
    acknowledgement.author = Text(root["author"]);
    acknowledgement.comment = Text(root["comment"]);
    acknowledgement.silence = Text(root["silence"]);
  }
  dom::array fingerprints;
  if (root["fingerprints"].get(fingerprints) != simdjson::SUCCESS) return true;
  for (const dom::element fingerprint : fingerprints) {
    record->fingerprints.push_back(Text(fingerprint));
  }
  return true;
}

bool HistoryMatch::MatchesLabels(const model::Labels& labels) const {
  return std::all_of(
      query_.matchers.begin(), query_.matchers.end(),
      [&](const model::Matcher& matcher) { return matcher.Matches(labels.Get(matcher.name())); });
}

void HistoryMatch::LearnAlert(const HistoryRecord& record) {
  if (record.is_alert && MatchesLabels(record.labels)) {
    fingerprints_.insert(record.fingerprints[0]);
  }
}

bool HistoryMatch::Wants(const HistoryRecord& record) const {
  if (record.time_ms < query_.since_ms || record.time_ms > query_.until_ms) return false;
  if (!HasMatchers()) return true;
  if (record.is_alert) return MatchesLabels(record.labels);
  return std::any_of(record.fingerprints.begin(), record.fingerprints.end(),
                     [&](const std::string& one) { return fingerprints_.contains(one); });
}

}  // namespace baro::notify
