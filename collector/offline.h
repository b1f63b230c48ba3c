// What baro-collector does to a store instead of serving it: --tsdb.verify and --tsdb.restore.
#pragma once

#include "command_line.h"

namespace baro::collector {

// Prints its report to stdout, errors to stderr. The exit code: 0 good, 1 not (damage, or an
// error).
int RunOffline(const CollectorOptions& options);

}  // namespace baro::collector
