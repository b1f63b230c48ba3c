// The rules in force, as /api/v1/rules tells them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "session.h"

namespace baro::cli {

struct LiveRule {
  std::string name;
  std::string group;
  std::string file;
  std::string type;    // alerting, recording
  std::string state;   // of an alerting rule
  std::string health;  // ok, err, unknown
  std::string last_error;
  std::string query;
  double interval_seconds = 0;
  double evaluation_seconds = 0;
  std::string last_evaluation;  // RFC 3339
  size_t firing = 0;
  size_t pending = 0;
};

// Errors: the client's.
absl::StatusOr<std::vector<LiveRule>> FetchRules(Session* session);

}  // namespace baro::cli
