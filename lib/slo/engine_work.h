// What a SloEngine works on.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "baro/slo/slo_engine.h"
#include "objective.h"

namespace baro::slo {

struct SloEngine::Work {
  bool loaded = false;
  std::map<std::string, std::unique_ptr<Objective>> objectives;

  FindObjective Finder() const {
    return [this](const std::string& name) -> const Objective* {
      const auto it = objectives.find(name);
      return it == objectives.end() ? nullptr : it->second.get();
    };
  }
  // Keeps `exclusions` as a view.
  Round RoundAt(int64_t now_ms, std::span<const Exclusion> exclusions) const {
    Round round;
    round.now_ms = now_ms;
    round.exclusions = exclusions;
    round.find = Finder();
    return round;
  }
};

// Whether the group has the labels that are asked for.
inline bool MatchesGroup(const GroupFilter& filter, const model::Labels& group) {
  for (const model::Label& label : filter) {
    if (group.Get(label.name) != label.value) return false;
  }
  return true;
}

}  // namespace baro::slo
