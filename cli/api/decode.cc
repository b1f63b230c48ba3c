#include "api/decode.h"

#include <algorithm>

#include "api/document.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::cli {
namespace {

namespace dom = simdjson::dom;

absl::StatusOr<dom::array> ListOf(dom::element element) {
  dom::array list;
  if (element.get(list) != simdjson::SUCCESS) return BadAnswer("its data is no list");
  return list;
}

Target ReadTarget(dom::element element, LabelSet labels) {
  Target target;
  target.labels = std::move(labels);
  target.scrape_url = TextMember(element, "scrapeUrl");
  target.health = TextMember(element, "health");
  target.last_error = TextMember(element, "lastError");
  target.last_scrape = TextMember(element, "lastScrape");
  target.scrape_interval = TextMember(element, "scrapeInterval");
  target.agent = TextMember(element, "agent");
  double duration = 0;
  if (element["lastScrapeDuration"].get(duration) == simdjson::SUCCESS) {
    target.last_scrape_duration_seconds = duration;
  }
  return target;
}

}  // namespace

std::string_view LabelValue(const LabelSet& labels, std::string_view name) {
  for (const auto& [label, value] : labels) {
    if (label == name) return value;
  }
  return {};
}

std::string_view Member(const Record& record, std::string_view name) {
  for (const Field& field : record) {
    if (field.name == name) return field.text;
  }
  return {};
}

absl::StatusOr<std::vector<std::string>> DecodeStrings(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  BARO_TRY_ASSIGN(const dom::array list, ListOf(document.data()));
  std::vector<std::string> strings;
  for (const dom::element element : list) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) return BadAnswer("a name is no string");
    strings.emplace_back(text);
  }
  return strings;
}

absl::StatusOr<std::vector<LabelSet>> DecodeLabelSets(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  BARO_TRY_ASSIGN(const dom::array list, ListOf(document.data()));
  std::vector<LabelSet> sets;
  for (const dom::element element : list) {
    BARO_TRY_ASSIGN(LabelSet labels, ReadLabels(element));
    sets.push_back(std::move(labels));
  }
  return sets;
}

absl::StatusOr<std::vector<MetricMetadata>> DecodeMetadata(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  dom::object metrics;
  if (document.data().get(metrics) != simdjson::SUCCESS) return BadAnswer("its data is no object");
  std::vector<MetricMetadata> found;
  for (const auto field : metrics) {
    BARO_TRY_ASSIGN(const dom::array list, ListOf(field.value));
    if (list.size() == 0) continue;
    const dom::element first = list.at(0).value_unsafe();
    found.push_back(
        {std::string(field.key),
         {TextMember(first, "type"), TextMember(first, "unit"), TextMember(first, "help")}});
  }
  return found;
}

absl::StatusOr<std::vector<Target>> DecodeTargets(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  dom::element active;
  if (document.data()["activeTargets"].get(active) != simdjson::SUCCESS) {
    return BadAnswer("it has no member \"activeTargets\"");
  }
  BARO_TRY_ASSIGN(const dom::array list, ListOf(active));
  std::vector<Target> targets;
  for (const dom::element element : list) {
    dom::element labels;
    if (element["labels"].get(labels) != simdjson::SUCCESS) {
      return BadAnswer("a target has no labels");
    }
    BARO_TRY_ASSIGN(LabelSet set, ReadLabels(labels));
    targets.push_back(ReadTarget(element, std::move(set)));
  }
  return targets;
}

absl::StatusOr<Record> DecodeRecord(std::string_view json, Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  if (!document.data().is_object()) return BadAnswer("its data is no object");
  return FlatRecord(document.data());
}

absl::StatusOr<std::vector<Record>> DecodeRecords(std::string_view json, std::string_view list,
                                                  Notes* notes) {
  Document document;
  BARO_TRY(document.Open(json, notes));
  dom::element element = document.data();
  if (element.is_object() && element[list].get(element) != simdjson::SUCCESS) {
    return BadAnswer(base::StrCat("it has no member \"", list, "\""));
  }
  BARO_TRY_ASSIGN(const dom::array array, ListOf(element));
  std::vector<Record> records;
  for (const dom::element entry : array) {
    if (!entry.is_object()) return BadAnswer("an entry is no object");
    records.push_back(FlatRecord(entry));
  }
  return records;
}

}  // namespace baro::cli
