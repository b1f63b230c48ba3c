// The flags of baro-agent.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/collector_flags.h"
#include "agent/node/node_options.h"

namespace baro::agent {

enum class AgentMode {
  kNode,     // this node, its containers, scrape targets
  kCluster,  // the objects of a whole cluster, by the one agent that holds the lease
};

struct AgentFlags {
  AgentMode mode = AgentMode::kNode;
  std::string config_file;  // empty: none
  std::string collector_address = "127.0.0.1:9491";
  std::string spool_path;  // as chosen; never empty
  std::string http_address = "127.0.0.1:9492";
  NodePaths paths;
  CollectorFlags collectors;
  bool check_config = false;
  std::string log_level = "info";
  std::string log_format = "console";
};

// "baro-agent 0.1.0 (g++ 12.2.0)"
std::string AgentVersionText();
std::string AgentVersion();

// Empty: help or the version was asked for and printed; the program ends with 0.
// Errors: InvalidArgument, worded for people; the program ends with 2.
absl::StatusOr<std::optional<AgentFlags>> ParseAgentFlags(int argc, const char* const* argv);

}  // namespace baro::agent
