// The makers of all collectors; AllCollectors() is the table of them.
#pragma once

#include <memory>

#include "collector.h"

namespace baro::agent {

using MadeCollector = absl::StatusOr<std::unique_ptr<Collector>>;

MadeCollector MakeArpCollector(const CollectorContext& context);
MadeCollector MakeConntrackCollector(const CollectorContext& context);
MadeCollector MakeEntropyCollector(const CollectorContext& context);
MadeCollector MakeFilefdCollector(const CollectorContext& context);
MadeCollector MakeKernelHungCollector(const CollectorContext& context);
MadeCollector MakeNetstatCollector(const CollectorContext& context);
MadeCollector MakeOsCollector(const CollectorContext& context);
MadeCollector MakeSchedstatCollector(const CollectorContext& context);
MadeCollector MakeSockstatCollector(const CollectorContext& context);
MadeCollector MakeSoftnetCollector(const CollectorContext& context);
MadeCollector MakeTimexCollector(const CollectorContext& context);
MadeCollector MakeUdpQueuesCollector(const CollectorContext& context);
MadeCollector MakeCpuCollector(const CollectorContext& context);
MadeCollector MakeDiskstatsCollector(const CollectorContext& context);
MadeCollector MakeFilesystemCollector(const CollectorContext& context);
MadeCollector MakeLoadavgCollector(const CollectorContext& context);
MadeCollector MakeMeminfoCollector(const CollectorContext& context);
MadeCollector MakeNetclassCollector(const CollectorContext& context);
MadeCollector MakeNetdevCollector(const CollectorContext& context);
MadeCollector MakePressureCollector(const CollectorContext& context);
MadeCollector MakeStatCollector(const CollectorContext& context);
MadeCollector MakeTimeCollector(const CollectorContext& context);
MadeCollector MakeUnameCollector(const CollectorContext& context);
MadeCollector MakeVmstatCollector(const CollectorContext& context);

}  // namespace baro::agent
