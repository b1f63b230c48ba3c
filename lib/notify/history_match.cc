#include "history_match.h"

#include <algorithm>
#include <utility>

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
    record->resolved = Text(root["state"]) == "resolved";
    return true;
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
