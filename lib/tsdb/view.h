// View: what a reader sees: the parts and heads there are at one moment. Swapped whole, so a seal
// or an expiry is either seen or not.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "head.h"
#include "part.h"
#include "tombstones.h"

namespace baro::tsdb {

// Immutable.
struct View {
  std::vector<std::shared_ptr<const Part>> parts;  // by number
  // Numbers of parts that readers pass over: tier.h.
  std::set<uint32_t> passed_over;
  std::shared_ptr<const Tombstones> tombstones = std::make_shared<const Tombstones>();
  std::vector<std::shared_ptr<const Head>> heads;  // oldest first; parts come before
  // Of a reader's own copy: the view the store knows to be held (store_removal.cc).
  std::shared_ptr<const View> copied_from;
};

}  // namespace baro::tsdb
