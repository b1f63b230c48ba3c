// RowWatch: looks over the evaluator's shoulder, at every node that makes rows. A query without one
// pays a comparison a node.
#pragma once

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "baro/promql/ast.h"
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

}  // namespace baro::promql
