// FieldFamilies: families named after fields that the kernel tells (node_memory_…, node_netstat_…).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "section.h"

namespace baro::agent {

// A kernel has about 60 fields in meminfo, 190 in vmstat and 400 in netstat; the bound is against a
// file that is not what it should be. Thread-compatible.
class FieldFamilies {
 public:
  static constexpr size_t kFamiliesMax = 4096;

  // The family of `field`, made by `make(field)` at first sight. Null when there are too many
  // already.
  template <typename Make>
  const Family* Get(std::string_view field, const Make& make) {
    key_.assign(field);
    auto found = families_.find(key_);
    if (found == families_.end()) {
      if (families_.size() >= kFamiliesMax) return nullptr;
      found = families_.emplace(key_, make(field)).first;
    }
    return &found->second->family();
  }

 private:
  std::map<std::string, std::unique_ptr<OwnedFamily>> families_;
  std::string key_;
};

}  // namespace baro::agent
