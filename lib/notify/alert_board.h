// AlertBoard: which alerts fire, so that the history gets a line for each change and none for the
// rule engine's repetitions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "baro/model/alert.h"

namespace baro::notify {

// Thread-compatible.
class AlertBoard {
 public:
  // The history's word for the change: firing, changed, resolved; nothing when it is none.
  // Annotations with a value in them change all the time: such changes count every ten minutes.
  std::optional<std::string_view> Note(uint64_t fingerprint, const model::Alert& alert,
                                       int64_t now_ms);
  // What an earlier process knew.
  void Restore(uint64_t fingerprint, bool firing, int64_t now_ms);
  size_t size() const { return firing_.size(); }

 private:
  struct Row {
    uint64_t annotations = 0;
    int64_t told_ms = 0;
    bool restored = false;
  };
  absl::flat_hash_map<uint64_t, Row> firing_;
};

}  // namespace baro::notify
