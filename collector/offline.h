// What baro-collector does instead of serving: --tsdb.verify, --tsdb.restore and --check-config.
#pragma once

#include "command_line.h"

namespace baro::collector {

// Prints its report to stdout, errors to stderr. The exit code: 0 good, 1 not (damage, or an
// error).
int RunOffline(const CollectorOptions& options);

// Reads the configuration file and every rule and SLO file it names, as a start and a reload do.
// The exit code: 0 good, 1 not.
int CheckConfig(const CollectorOptions& options);

}  // namespace baro::collector
