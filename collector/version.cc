#include "version.h"

#include "baro/base/strings.h"

namespace baro::collector {

std::string Version() { return BARO_VERSION; }

std::string VersionText() {
  return base::StrCat("baro-collector ", Version(), " (", __VERSION__, ")");
}

}  // namespace baro::collector
