// What a collector tells of queries: the plan and price of one, those that run, those that cost
// most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/answer.h"
#include "api/decode.h"

namespace baro::cli {

// A tree of PromQL has two levels of JSON per node.
inline constexpr size_t kPlanDepthMax = 1024;

// A node of the plan, in the order of a walk from the root.
struct PlanNode {
  int depth = 0;
  bool is_last = true;  // of the children of the node above
  std::string node;     // what kind: "call", "selector" …
  std::string text;     // what it does, short: "rate", "up[5m]"
  std::string expression;
  double series = 0;
  double samples = 0;
};

struct Explanation {
  std::string json;  // data as it came
  Record cost;       // series, samples, points, memory_bytes, seconds
  Record limits;
  bool allowed = false;
  std::string reason;  // why not
  std::vector<PlanNode> nodes;
  std::vector<std::string> notes;
};

struct RunningQuery {
  Record record;  // everything, as it came
  std::string id;
  std::string query;
  std::string phase;
  std::string client;
  std::string dashboard_uid;
  std::string panel_id;
  double since_seconds = 0;
  double samples = 0;
};

struct QueryCost {
  struct Source {
    std::string dashboard_uid;
    std::string panel_id;
    double count = 0;
  };
  Record record;  // everything but the dashboards, as it came
  std::string query;
  double count = 0;
  double seconds = 0;  // all runs together
  double samples = 0;
  double memory_bytes_max = 0;
  double errors = 0;
  std::vector<Source> dashboards;
};

// Errors as in decode.h.
absl::StatusOr<Explanation> DecodeExplanation(std::string_view json, Notes* notes);
absl::StatusOr<std::vector<RunningQuery>> DecodeRunningQueries(std::string_view json, Notes* notes);
absl::StatusOr<std::vector<QueryCost>> DecodeTopQueries(std::string_view json, Notes* notes);

}  // namespace baro::cli
