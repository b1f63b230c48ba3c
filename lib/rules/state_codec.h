// The bytes that the state of rules is kept in: docs/formats/rule-state.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/rules/rule_state.h"

namespace baro::rules {

// Where a group stands.
struct GroupMark {
  int64_t last_evaluation_ns = 0;  // the time slot
  int64_t interval_ms = 0;
};

std::string EncodeGroupMark(const GroupMark& mark);
// Errors: DataLoss.
absl::StatusOr<GroupMark> DecodeGroupMark(std::string_view bytes);

std::string EncodeAlerts(const std::map<model::Labels, ActiveAlert>& alerts);
// Errors: DataLoss.
absl::StatusOr<std::vector<ActiveAlert>> DecodeAlerts(std::string_view bytes);

}  // namespace baro::rules
