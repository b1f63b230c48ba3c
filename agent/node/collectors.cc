#include "collectors.h"

#include "baro/base/status.h"
#include "device_collectors.h"

namespace baro::agent {

const std::vector<CollectorEntry>& AllCollectors() {
  static const std::vector<CollectorEntry> all = {
      {"arp", MakeArpCollector},
      {"bonding", MakeBondingCollector},
      {"conntrack", MakeConntrackCollector},
      {"cpu", MakeCpuCollector},
      {"cpufreq", MakeCpufreqCollector},
      {"diskstats", MakeDiskstatsCollector},
      {"edac", MakeEdacCollector},
      {"entropy", MakeEntropyCollector},
      {"filefd", MakeFilefdCollector},
      {"filesystem", MakeFilesystemCollector},
      {"hwmon", MakeHwmonCollector},
      {"interrupts", MakeInterruptsCollector, false},
      {"kernel_hung", MakeKernelHungCollector},
      {"loadavg", MakeLoadavgCollector},
      {"mdadm", MakeMdadmCollector},
      {"meminfo", MakeMeminfoCollector},
      {"netclass", MakeNetclassCollector},
      {"netdev", MakeNetdevCollector},
      {"netstat", MakeNetstatCollector},
      {"os", MakeOsCollector},
      {"powersupplyclass", MakePowerSupplyCollector},
      {"pressure", MakePressureCollector},
      {"processes", MakeProcessesCollector, false},
      {"schedstat", MakeSchedstatCollector},
      {"sockstat", MakeSockstatCollector},
      {"softnet", MakeSoftnetCollector},
      {"stat", MakeStatCollector},
      {"tcpstat", MakeTcpstatCollector, false},
      {"thermal_zone", MakeThermalZoneCollector},
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
