// The version of this build.
#pragma once

#include <string>

namespace baro::collector {

// "0.1.0"
std::string Version();
// "baro-collector 0.1.0 (g++ 12.2.0)"
std::string VersionText();

}  // namespace baro::collector
