// RowWatch: looks over the evaluator's shoulder, at every node that makes rows. A query without one
// pays a comparison a node.
#pragma once

#include <cstdint>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/promql/ast.h"
#include "baro/promql/engine.h"
#include "rows.h"

namespace baro::promql {

// Thread-compatible.
class RowWatch {
 public:
  using Produce = absl::FunctionRef<absl::Status(RowSink)>;

  virtual ~RowWatch() = default;
  // Calls produce() with a sink that passes every row on to `sink`, and returns what it returns.
  virtual absl::Status Watch(const Expr& expr, RowSink sink, Produce produce) = 0;
};

// A fingerprint of which rows came from which node, in which order; their values do not count. Two
// evaluations of one tree with the same fingerprint have seen the same series in the same order at
// every node.
class RowOrder final : public RowWatch {
 public:
  absl::Status Watch(const Expr& expr, RowSink sink, Produce produce) override;
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  uint64_t HashOf(const model::Labels* half);

  uint64_t fingerprint_ = 0;
  absl::flat_hash_map<const model::Labels*, uint64_t> halves_;
};

// What each node costs: its rows, the samples it looks at, the time it takes without its children.
// Time passes to whoever is at work: a node hands a row over, and is at work again when the sink
// returns.
class NodeCosts final : public RowWatch {
 public:
  explicit NodeCosts(Query* query, const base::Clock* clock)
      : query_(query), clock_(clock), since_ns_(clock->MonotonicNs()) {}

  absl::Status Watch(const Expr& expr, RowSink sink, Produce produce) override;
  NodeStats Tree(const Expr& expr) const;

 private:
  struct Cost {
    int64_t rows = 0;
    int64_t samples = 0;
    int64_t ns = 0;
  };

  // The time and the samples since the last call belong to who was at work; now `next` is.
  void Switch(Cost* next);

  Query* const query_;
  const base::Clock* const clock_;
  int64_t since_ns_;
  int64_t since_samples_ = 0;
  Cost outside_;
  Cost* at_work_ = &outside_;
  std::map<const Expr*, Cost> costs_;  // a map: costs stay where they are
};

}  // namespace baro::promql
