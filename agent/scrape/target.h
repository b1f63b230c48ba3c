// Target: one address to scrape, with the labels that its series carry.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "baro/agent/scrape_config.h"
#include "baro/model/labels.h"

namespace baro::agent {

struct Target {
  std::shared_ptr<const ScrapeJob> job;
  model::Labels discovered;  // before relabelling, __meta_* and the like included
  model::Labels labels;      // of its series: no name begins with "__"
  std::string url;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds timeout{0};

  // Equal for targets that are scraped in the same way into the same series.
  std::string Key() const;
};

// What discovery says of an address, before relabelling.
model::Labels DiscoveredLabels(const ScrapeJob& job, const TargetGroup& group,
                               const std::string& address);

// Nothing when relabelling drops it. Errors: InvalidArgument, for an address, interval or label
// that cannot be; names the target.
absl::StatusOr<std::optional<Target>> MakeTarget(std::shared_ptr<const ScrapeJob> job,
                                                 const TargetGroup& group,
                                                 const std::string& address);

}  // namespace baro::agent
