// --since, --from, --to and --step as the range they mean.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "api/client.h"
#include "command_line.h"
#include "session.h"

namespace baro::cli {

// Programs get about as many points as a dashboard's panel shows.
inline constexpr int kPointsForPrograms = 240;

// Without a step, a round one that gives at most about `points` values per series, and a start that
// is a multiple of it: repeated calls then see the same instants.
//
// Errors: InvalidArgument.
absl::StatusOr<Client::Range> ReadRange(const RangeOptions& options, int points,
                                        const Session& session);

// "from 2026-11-23 05:00:00 to 06:00:00 UTC, every 15 s": the day is said twice only when it must.
std::string RangeText(const Client::Range& range);

}  // namespace baro::cli
