// ObjectRows: all objects of one resource as targets, each with its row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/node/row_target.h"
#include "baro/agent/row_sink.h"
#include "baro/base/clock.h"
#include "baro/kubernetes/json.h"
#include "baro/kubernetes/resource_watch.h"
#include "baro/model/labels.h"
#include "resources.h"

namespace baro::agent {

struct ObjectRowsStats {
  size_t objects = 0;
  size_t series = 0;
  uint64_t series_left_out = 0;  // beyond kSeriesOfObjectMax
  uint64_t rows_refused = 0;     // by the sink
};

// Thread-compatible. The destructor marks nothing stale (the agent comes back); RetireAll() does.
class ObjectRows final : public kubernetes::ObjectSink {
 public:
  struct Options {
    model::Labels common;  // job, instance
    bool labels = true;    // the kube_…_labels family
  };
  // All arguments outlive it.
  ObjectRows(const Resource* resource, Options options, RowSink* sink, const base::Clock* clock);

  void Set(const std::string& key, const kubernetes::Json& object) override;
  void Remove(const std::string& key) override;
  // One row an object. What an object tells changes only with Set(): the row repeats it.
  void AppendAll(int64_t time_ms);
  void RetireAll();

  ObjectRowsStats stats() const;

 private:
  struct Entry {
    std::unique_ptr<RowTarget> row;
    std::vector<double> values;
  };

  const Resource* const resource_;
  const Options options_;
  RowSink* const sink_;
  const base::Clock* const clock_;
  absl::flat_hash_map<std::string, Entry> entries_;
  uint64_t series_left_out_ = 0;
  uint64_t rows_refused_ = 0;
};

}  // namespace baro::agent
