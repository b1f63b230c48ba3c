// Agent: everything that baro-agent runs, wired.
//
//   node loop ─┐
//   scrapes  ──┴─► external labels ─► delivery (spool, push) ─► collector
//   HTTP server: health, metrics, targets, reload
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/command_line.h"
#include "agent/config.h"
#include "agent/external_labels.h"
#include "agent/kube/cluster_collector.h"
#include "agent/node/node_loop.h"
#include "agent/node/node_metrics.h"
#include "agent/pods/pods_loop.h"
#include "agent/process_metrics.h"
#include "agent/spool_lock.h"
#include "baro/agent/delivery.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/net/http_server.h"
#include "prometheus/registry.h"

namespace baro::agent {

// Thread-safe once started. The destructor stops.
class Agent {
 public:
  // Opens the spool, listens and starts to collect. Errors, each one clear line: InvalidArgument
  // (configuration, with its place; addresses), Unavailable and others (spool locked, port taken).
  static absl::StatusOr<std::unique_ptr<Agent>> Start(AgentFlags flags, const base::Clock* clock);
  ~Agent();

  // Reads the configuration file again and puts it into force when it is valid; else everything
  // goes on as it was and the error tells why. What did not change is not interrupted.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends collection, lets delivery write and send what there is, ends the rest.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  std::string http_address() const { return server_->address(); }

 private:
  struct Sources;

  Agent(AgentFlags flags, const base::Clock* clock);
  absl::Status Open();
  absl::Status OpenDelivery(const AgentConfig& config);
  absl::Status Listen();
  // `before` (null at start) lends what did not change: the sink, when the external labels are
  // alike.
  absl::StatusOr<std::unique_ptr<Sources>> MakeSources(AgentConfig config, const Sources* before);
  absl::Status ApplyReload() ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds the pods of this node, or in cluster mode the cluster.
  absl::Status MakeKubernetesSources(Sources* sources);
  // What goes on over a reload that leaves it as it was.
  void KeepUnchanged(Sources* next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool IsReady() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::string MetricsText() const ABSL_LOCKS_EXCLUDED(mutex_);
  net::ServerResponse RelabelSteps(const net::ServerRequest& request) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::string TargetsJson() const ABSL_LOCKS_EXCLUDED(mutex_);

  const AgentFlags flags_;
  const base::Clock* const clock_;
  prometheus::Registry registry_;
  ProcessMetrics process_metrics_;
  NodeMetrics node_metrics_;
  prometheus::Counter& reloads_good_;
  prometheus::Counter& reloads_bad_;
  prometheus::Gauge& reload_time_;

  std::optional<SpoolLock> spool_lock_;
  std::unique_ptr<Delivery> delivery_;
  mutable base::Mutex mutex_;
  std::unique_ptr<Sources> sources_ ABSL_GUARDED_BY(mutex_);
  mutable bool ready_ ABSL_GUARDED_BY(mutex_) = false;  // once, then for good
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace baro::agent
