// PodsLoop: the thread of the pods collector: its passes, and the questions to kubelet and API
// server, none of which ever delays a pass.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "baro/agent/row_sink.h"
#include "baro/base/clock.h"
#include "pods_collector.h"
#include "pods_options.h"

namespace baro::agent {

// Thread-safe. The destructor stops.
class PodsLoop {
 public:
  // `sink` and `clock` outlive it. Error: InvalidArgument (an interval of zero).
  static absl::StatusOr<std::unique_ptr<PodsLoop>> Make(PodsOptions options, RowSink* sink,
                                                        const base::Clock* clock);
  ~PodsLoop();

  void Start();
  // With `retire` all series are marked stale: they will not come back.
  void Stop(bool retire);
  PodsStats stats() const;

 private:
  struct Impl;
  explicit PodsLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace baro::agent
