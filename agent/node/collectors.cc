#include "collectors.h"

#include "baro/base/status.h"

namespace baro::agent {

const std::vector<CollectorEntry>& AllCollectors() {
  static const std::vector<CollectorEntry> all = {
      {"cpu", MakeCpuCollector},
      {"diskstats", MakeDiskstatsCollector},
      {"filesystem", MakeFilesystemCollector},
      {"loadavg", MakeLoadavgCollector},
      {"meminfo", MakeMeminfoCollector},
      {"netdev", MakeNetdevCollector},
      {"pressure", MakePressureCollector},
      {"stat", MakeStatCollector},
      {"time", MakeTimeCollector},
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
