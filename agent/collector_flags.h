// Flags of node collectors, with node_exporter's names: --collector.NAME, --no-collector.NAME,
// --collector.disable-defaults, and its filters; and --collector.NAME.interval of our own. They win
// over the configuration file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "agent/node/node_options.h"

namespace CLI {
class App;
}

namespace baro::agent {

struct CollectorFlags {
  bool disable_defaults = false;
  std::map<std::string, bool> enabled;           // by collector
  std::map<std::string, std::string> intervals;  // by collector, as written
  std::map<std::string, std::string> filters;    // by flag
  bool operator==(const CollectorFlags&) const = default;
};

// `flags` must stay where it is until the arguments are parsed.
void DeclareCollectorFlags(CLI::App* app, CollectorFlags* flags);
// Errors: InvalidArgument, which names the flag.
absl::Status ApplyCollectorFlags(const CollectorFlags& flags, NodeOptions* options);

}  // namespace baro::agent
