// View: what a reader sees: the parts and heads there are at one moment. Swapped whole, so a seal
// or an expiry is either seen or not.
#pragma once

#include <memory>
#include <vector>

#include "head.h"
#include "part.h"
#include "tombstones.h"

namespace baro::tsdb {

// Immutable.
struct View {
  std::vector<std::shared_ptr<const Part>> parts;  // by number
  std::shared_ptr<const Tombstones> tombstones = std::make_shared<const Tombstones>();
  std::vector<std::shared_ptr<const Head>> heads;  // oldest first; parts come before
};

}  // namespace baro::tsdb
