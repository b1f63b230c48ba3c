// The makers of the collectors of devices, processes and interrupts; the other ones are in
// collectors.h.
#pragma once

#include "collectors.h"

namespace baro::agent {

MadeCollector MakeBondingCollector(const CollectorContext& context);
MadeCollector MakeCpufreqCollector(const CollectorContext& context);
MadeCollector MakeEdacCollector(const CollectorContext& context);
MadeCollector MakeHwmonCollector(const CollectorContext& context);
MadeCollector MakeInterruptsCollector(const CollectorContext& context);
MadeCollector MakeMdadmCollector(const CollectorContext& context);
MadeCollector MakePowerSupplyCollector(const CollectorContext& context);
MadeCollector MakeProcessesCollector(const CollectorContext& context);
MadeCollector MakeTcpstatCollector(const CollectorContext& context);
MadeCollector MakeThermalZoneCollector(const CollectorContext& context);

}  // namespace baro::agent
