// The info that rate() and increase() give when the name of a metric does not look like a
// counter's.
#pragma once

#include "absl/container/flat_hash_set.h"
#include "evaluator.h"

namespace baro::promql {

class CounterNameCheck {
 public:
  CounterNameCheck(Query* query, NotePlace place) : query_(query), place_(place) {}

  // To be called for every series of which something came.
  void operator()(const RangeSeries& series);

 private:
  Query* const query_;
  const NotePlace place_;
  absl::flat_hash_set<const model::Labels*> seen_;  // the name is in the column's half
};

}  // namespace baro::promql
