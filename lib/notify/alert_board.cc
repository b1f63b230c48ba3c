#include "alert_board.h"

namespace baro::notify {
namespace {

constexpr int64_t kChangedEveryMs = 10 * 60'000;
// Beyond this the history may repeat itself; it never grows the process.
constexpr size_t kRowsMax = 500'000;

}  // namespace

std::optional<std::string_view> AlertBoard::Note(uint64_t fingerprint, const model::Alert& alert,
                                                 int64_t now_ms) {
  const auto found = firing_.find(fingerprint);
  const bool resolved = model::IsResolved(alert, now_ms);
  const uint64_t annotations = alert.annotations.Hash();
  if (found == firing_.end()) {
    if (resolved) return std::nullopt;  // told already, or nobody knew it
    if (firing_.size() >= kRowsMax) firing_.clear();
    firing_.emplace(fingerprint, Row{annotations, now_ms, false});
    return "firing";
  }
  if (resolved) {
    firing_.erase(found);
    return "resolved";
  }
  Row& row = found->second;
  if (row.restored) {
    row = Row{annotations, now_ms, false};
    return std::nullopt;
  }
  if (row.annotations == annotations || now_ms - row.told_ms < kChangedEveryMs) return std::nullopt;
  row = Row{annotations, now_ms, false};
  return "changed";
}

void AlertBoard::Restore(uint64_t fingerprint, bool firing, int64_t now_ms) {
  if (firing) {
    firing_[fingerprint] = Row{0, now_ms, true};
  } else {
    firing_.erase(fingerprint);
  }
}

}  // namespace baro::notify
