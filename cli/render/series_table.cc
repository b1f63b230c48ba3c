#include "render/series_table.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "baro/base/strings.h"
#include "render/text.h"
#include "time_text.h"

namespace baro::cli {
namespace {

std::string QuotedValue(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '"' || c == '\\') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return base::StrCat("\"", Harmless(escaped), "\"");
}

bool IsClassicName(std::string_view name) {
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':';
         });
}

std::string QuotedName(std::string_view name) {
  return IsClassicName(name) ? std::string(name) : QuotedValue(name);
}

size_t DigitsAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
  return end - at;
}

// "cpu2" before "cpu10".
int CompareNatural(std::string_view left, std::string_view right) {
  size_t i = 0;
  size_t j = 0;
  while (i < left.size() && j < right.size()) {
    const size_t digits_left = DigitsAt(left, i);
    const size_t digits_right = DigitsAt(right, j);
    if (digits_left > 0 && digits_right > 0 && digits_left != digits_right) {
      return digits_left < digits_right ? -1 : 1;
    }
    if (left[i] != right[j]) return left[i] < right[j] ? -1 : 1;
    ++i;
    ++j;
  }
  if (i < left.size()) return 1;
  return j < right.size() ? -1 : 0;
}

}  // namespace

std::string SelectorText(const LabelSet& labels) {
  const std::string_view metric = LabelValue(labels, "__name__");
  const bool classic = IsClassicName(metric);
  std::string inside = metric.empty() || classic ? "" : QuotedValue(metric);
  for (const auto& [name, value] : labels) {
    if (name == "__name__") continue;
    base::StrAppend(&inside, inside.empty() ? "" : ",", QuotedName(name), "=", QuotedValue(value));
  }
  const std::string front = classic ? std::string(metric) : "";
  return inside.empty() ? front : base::StrCat(front, "{", inside, "}");
}

SharedLabels ShareLabels(const std::vector<const LabelSet*>& sets) {
  std::map<std::string, std::string> common;
  std::vector<std::string> varying;
  const auto add_varying = [&](const std::string& name) {
    if (std::find(varying.begin(), varying.end(), name) == varying.end()) varying.push_back(name);
  };
  for (size_t i = 0; i < sets.size(); ++i) {
    for (const auto& [name, value] : *sets[i]) {
      if (i == 0) {
        common[name] = value;
      } else if (common.find(name) == common.end()) {
        add_varying(name);
      }
    }
    for (auto it = common.begin(); it != common.end();) {
      if (LabelValue(*sets[i], it->first) == it->second) {
        ++it;
        continue;
      }
      add_varying(it->first);
      it = common.erase(it);
    }
  }
  std::sort(varying.begin(), varying.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a != "__name__", a) < std::pair(b != "__name__", b);
  });
  return {LabelSet(common.begin(), common.end()), std::move(varying)};
}

std::vector<Column> LabelColumns(const SharedLabels& shared) {
  std::vector<Column> columns;
  for (const std::string& name : shared.varying) {
    columns.push_back({name == "__name__" ? "METRIC" : Harmless(name)});
  }
  return columns;
}

std::vector<Cell> LabelCells(const SharedLabels& shared, const LabelSet& labels) {
  std::vector<Cell> cells;
  for (const std::string& name : shared.varying) {
    cells.push_back({Harmless(LabelValue(labels, name))});
  }
  return cells;
}

bool LabelsLess(const LabelSet& left, const LabelSet& right) {
  const size_t common = std::min(left.size(), right.size());
  for (size_t i = 0; i < common; ++i) {
    if (const int order = left[i].first.compare(right[i].first)) return order < 0;
    if (const int order = CompareNatural(left[i].second, right[i].second)) return order < 0;
  }
  return left.size() < right.size();
}

void SortByLabels(std::vector<Series>* series) {
  std::sort(series->begin(), series->end(),
            [](const Series& a, const Series& b) { return LabelsLess(a.labels, b.labels); });
}

std::vector<Record> ExactRecords(const QueryAnswer& answer) {
  std::vector<const LabelSet*> sets;
  for (const Series& series : answer.series) sets.push_back(&series.labels);
  const SharedLabels shared = ShareLabels(sets);
  std::vector<std::string> names = shared.varying;
  for (const auto& [name, value] : shared.common) names.push_back(name);
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a != "__name__", a) < std::pair(b != "__name__", b);
  });
  std::vector<Record> records;
  for (const Series& series : answer.series) {
    Record labels;
    for (const std::string& name : names) {
      labels.push_back({name, std::string(LabelValue(series.labels, name)), true});
    }
    for (const Point& point : series.points) {
      Record& record = records.emplace_back(labels);
      record.push_back({"time", FormatTimeExact(point.time_seconds), true});
      record.push_back({"value", point.text, true});
    }
  }
  return records;
}

}  // namespace baro::cli
