#include "rule_order.h"

#include <algorithm>
#include <map>

#include "baseline.h"
#include "rule_query.h"

namespace baro::rules {
namespace {

std::vector<std::string> WrittenBy(const RuleSpec& rule) {
  if (rule.alerting) return {"ALERTS", "ALERTS_FOR_STATE"};
  return RecordedNames(rule);
}

struct Reads {
  std::set<std::string, std::less<>> names;
  bool anything = false;
};

Reads ReadBy(const RuleSpec& rule) {
  Reads reads;
  for (const std::string& query : {rule.query, rule.resolve_query}) {
    if (query.empty()) continue;
    const RuleInputs inputs = InputsOf(query);
    reads.names.insert(inputs.names.begin(), inputs.names.end());
    reads.anything |= inputs.any_name;
  }
  return reads;
}

}  // namespace

std::vector<RulePlace> OrderByReading(const std::vector<RuleSpec>& rules) {
  std::multimap<std::string, size_t> writers;
  for (size_t i = 0; i < rules.size(); ++i) {
    for (const std::string& name : WrittenBy(rules[i])) writers.emplace(name, i);
  }
  // For whom each waits.
  std::vector<std::set<size_t>> waits(rules.size());
  std::vector<bool> in_turn(rules.size(), true);
  for (size_t i = 0; i < rules.size(); ++i) {
    const Reads reads = ReadBy(rules[i]);
    if (reads.anything) in_turn[i] = rules.size() == 1;
    for (const std::string& name : reads.names) {
      const auto [begin, end] = writers.equal_range(name);
      for (auto it = begin; it != end; ++it) {
        if (it->second == i) in_turn[i] = false;
        if (it->second != i) waits[i].insert(it->second);
      }
    }
  }
  std::vector<RulePlace> order;
  std::vector<bool> placed(rules.size(), false);
  while (order.size() < rules.size()) {
    const size_t before = order.size();
    for (size_t i = 0; i < rules.size(); ++i) {
      if (placed[i]) continue;
      const bool free = std::all_of(waits[i].begin(), waits[i].end(),
                                    [&](size_t other) { return placed[other]; });
      if (!free) continue;
      placed[i] = true;
      order.push_back({i, in_turn[i]});
    }
    if (order.size() != before) continue;
    // A circle: its first rule goes ahead.
    const auto first =
        static_cast<size_t>(std::find(placed.begin(), placed.end(), false) - placed.begin());
    placed[first] = true;
    order.push_back({first, false});
  }
  return order;
}

std::set<std::string, std::less<>> NamesThatAreRead(const std::vector<RuleSpec>& rules) {
  std::set<std::string, std::less<>> written;
  std::set<std::string, std::less<>> read;
  for (const RuleSpec& rule : rules) {
    for (std::string& name : WrittenBy(rule)) written.insert(std::move(name));
    Reads reads = ReadBy(rule);
    if (reads.anything) {
      for (const RuleSpec& one : rules) {
        for (std::string& name : WrittenBy(one)) read.insert(std::move(name));
      }
    }
    read.merge(reads.names);
  }
  std::set<std::string, std::less<>> both;
  std::set_intersection(written.begin(), written.end(), read.begin(), read.end(),
                        std::inserter(both, both.end()));
  return both;
}

}  // namespace baro::rules
