#include "response_board.h"

#include <algorithm>
#include <array>
#include <utility>

#include "baro/base/strings.h"

namespace baro::notify {
namespace {

// From "saw it at once" to "came in the morning".
constexpr std::array<double, 10> kBoundsSeconds = {30,   60,    120,   300,    600,
                                                   1800, 3'600, 7'200, 14'400, 43'200};
// As AlertBoard: beyond this, answers of the oldest are no longer measured.
constexpr size_t kRowsMax = 500'000;
// A label's values are anybody's; each is a set of series.
constexpr size_t kSeveritiesMax = 16;

}  // namespace

ResponseBoard::ResponseBoard() = default;

std::string ResponseBoard::SeverityOf(std::string_view text) {
  std::string severity(text.empty() ? "none" : text);
  if (to_resolve_.contains(severity)) return severity;
  if (to_resolve_.size() >= kSeveritiesMax) severity = "other";
  for (auto* times : {&to_acknowledge_, &to_resolve_}) {
    (*times)[severity].counts.resize(kBoundsSeconds.size() + 1);
  }
  return severity;
}

void ResponseBoard::Count(double seconds, ResponseTimes* times) const {
  const double length = std::max(seconds, 0.0);
  const auto bucket = std::lower_bound(kBoundsSeconds.begin(), kBoundsSeconds.end(), length);
  ++times->counts[static_cast<size_t>(bucket - kBoundsSeconds.begin())];
  times->seconds_sum += length;
}

void ResponseBoard::NoteFiring(uint64_t fingerprint, const model::Alert& alert) {
  if (firing_.contains(fingerprint)) return;
  Restore(fingerprint, alert.starts_ms, alert.labels.Get("severity"));
}

void ResponseBoard::Restore(uint64_t fingerprint, int64_t starts_ms, std::string_view severity) {
  if (firing_.size() >= kRowsMax) firing_.clear();
  firing_[fingerprint] = Row{starts_ms, SeverityOf(severity), false, {}};
}

void ResponseBoard::NoteResolved(uint64_t fingerprint, const model::Alert& alert) {
  const auto found = firing_.find(fingerprint);
  if (found == firing_.end()) return;
  const auto milliseconds = static_cast<double>(alert.ends_ms - found->second.starts_ms);
  Count(milliseconds / 1e3, &to_resolve_[found->second.severity]);
  firing_.erase(found);
}

absl::Status ResponseBoard::Acknowledge(uint64_t fingerprint, Acknowledgement acknowledgement) {
  const auto found = firing_.find(fingerprint);
  if (found == firing_.end()) {
    return absl::NotFoundError("cannot acknowledge the alert: no alert with this id fires");
  }
  Row& row = found->second;
  // Only the first answer tells how long people took; later ones change author and end.
  if (!row.acknowledged) {
    const auto milliseconds = static_cast<double>(acknowledgement.time_ms - row.starts_ms);
    Count(milliseconds / 1e3, &to_acknowledge_[row.severity]);
  }
  row.acknowledged = true;
  row.acknowledgement = std::move(acknowledgement);
  return absl::OkStatus();
}

void ResponseBoard::RestoreAcknowledgement(uint64_t fingerprint, Acknowledgement acknowledgement) {
  const auto found = firing_.find(fingerprint);
  if (found == firing_.end()) return;
  found->second.acknowledged = true;
  found->second.acknowledgement = std::move(acknowledgement);
}

std::map<uint64_t, Acknowledgement> ResponseBoard::Acknowledgements() const {
  std::map<uint64_t, Acknowledgement> all;
  for (const auto& [fingerprint, row] : firing_) {
    if (row.acknowledged) all.emplace(fingerprint, row.acknowledgement);
  }
  return all;
}

ResponseStats ResponseBoard::GetStats() const {
  ResponseStats stats;
  stats.bounds_seconds.assign(kBoundsSeconds.begin(), kBoundsSeconds.end());
  stats.to_acknowledge = to_acknowledge_;
  stats.to_resolve = to_resolve_;
  for (const auto& [severity, times] : to_resolve_) stats.unacknowledged[severity] = 0;
  for (const auto& [fingerprint, row] : firing_) {
    if (!row.acknowledged) ++stats.unacknowledged[row.severity];
  }
  return stats;
}

}  // namespace baro::notify
