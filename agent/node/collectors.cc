#include "collectors.h"

#include "baro/base/status.h"

namespace baro::agent {

const std::vector<CollectorEntry>& AllCollectors() {
  static const std::vector<CollectorEntry> all = {
      {"arp", MakeArpCollector},
      {"conntrack", MakeConntrackCollector},
      {"cpu", MakeCpuCollector},
      {"diskstats", MakeDiskstatsCollector},
      {"entropy", MakeEntropyCollector},
      {"filefd", MakeFilefdCollector},
      {"filesystem", MakeFilesystemCollector},
      {"kernel_hung", MakeKernelHungCollector},
      {"loadavg", MakeLoadavgCollector},
      {"meminfo", MakeMeminfoCollector},
      {"netclass", MakeNetclassCollector},
      {"netdev", MakeNetdevCollector},
      {"netstat", MakeNetstatCollector},
      {"os", MakeOsCollector},
      {"pressure", MakePressureCollector},
      {"schedstat", MakeSchedstatCollector},
      {"sockstat", MakeSockstatCollector},
      {"softnet", MakeSoftnetCollector},
      {"stat", MakeStatCollector},
      {"time", MakeTimeCollector},
      {"timex", MakeTimexCollector},
      {"udp_queues", MakeUdpQueuesCollector},
      {"uname", MakeUnameCollector},
      {"vmstat", MakeVmstatCollector},
  };
  return all;
}

absl::StatusOr<const StatText*> StatSource::Read() {
  if (fresh_) return &stat_;
  BARO_TRY_ASSIGN(const std::string_view text, file_.Read());
  BARO_TRY(ParseStat(text, &stat_));
  fresh_ = true;
  return &stat_;
}

}  // namespace baro::agent
