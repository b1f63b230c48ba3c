// Collector: one reader of the node (cpu, meminfo, …), with the names, types, help and labels that
// node_exporter 1.11 gives the same facts, so that dashboards and rules need no change.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "link_dump.h"
#include "node_metrics.h"
#include "node_options.h"
#include "proc_file.h"
#include "proc_parse.h"
#include "section.h"

namespace baro::agent {

// Thread-compatible; all collectors of a node run on one thread.
class Collector {
 public:
  virtual ~Collector() = default;
  // Asks for what takes a while (statfs); called for all collectors before the first Collect().
  virtual void Prepare() {}
  // Puts every value once. Must not wait for anything but the kernel's memory. Errors: what
  // ProcFile and the parsers say; the pass counts as failed and its series become stale.
  virtual absl::Status Collect(Section* section) = 0;
};

// /proc/stat, read once a pass for the two collectors that need it. Thread-compatible.
class StatSource {
 public:
  explicit StatSource(const NodePaths& paths) : file_(paths.procfs + "/stat", 16'384) {}
  // The next Read() reads anew.
  void Invalidate() { fresh_ = false; }
  absl::StatusOr<const StatText*> Read();

 private:
  ProcFile file_;
  StatText stat_;
  bool fresh_ = false;
};

// What collectors are made from. Options, metrics and clock outlive them.
struct CollectorContext {
  CollectorContext(const NodeOptions& node_options, NodeMetrics* node_metrics,
                   const base::Clock* node_clock)
      : options(node_options),
        metrics(node_metrics),
        clock(node_clock),
        stat(std::make_shared<StatSource>(node_options.paths)),
        links(std::make_shared<LinkSource>()) {}

  const NodeOptions& options;
  NodeMetrics* metrics;
  const base::Clock* clock;
  std::shared_ptr<StatSource> stat;
  std::shared_ptr<LinkSource> links;
};

struct CollectorEntry {
  std::string_view name;
  // Error: InvalidArgument (a filter that is no regular expression).
  absl::StatusOr<std::unique_ptr<Collector>> (*make)(const CollectorContext& context);
  bool enabled_by_default = true;
};

// All collectors there are, by name.
const std::vector<CollectorEntry>& AllCollectors();

}  // namespace baro::agent
