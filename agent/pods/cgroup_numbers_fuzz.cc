// Foreign bytes as every file of a control group and as a pod's network numbers.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cgroup_numbers.h"
#include "cgroup_tree.h"
#include "container_series.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace baro::agent;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  CgroupNumbers numbers;
  for (const CgroupParser parse :
       {ParseCpuStat, ParseCpuMax, ParseCpuWeight, ParseMemoryStat, ParseMemoryEvents, ParseIoStat,
        ParseCpuPressure, ParseMemoryPressure, ParseIoPressure, ParseCpuStatV1, ParseCpuacctStat,
        ParseMemoryStatV1, ParseOomControl, ParseBlkioBytes, ParseBlkioCounts}) {
    parse(text, &numbers);
  }
  (void)OneNumber(text);
  (void)ParseCgroupName(text);
  (void)ParseNetworkNumbers(text);
  return numbers.io.size() > kCgroupDevicesMax ? __builtin_trap(), 1 : 0;
}
