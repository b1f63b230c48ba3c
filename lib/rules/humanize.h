// Numbers for people, to the letter as Prometheus writes them.
#pragma once

#include <string>

namespace baro::rules {

std::string Humanize(double value);            // 1.235k
std::string Humanize1024(double value);        // 1.206ki
std::string HumanizeDuration(double seconds);  // 1h 2m 3s
std::string HumanizePercentage(double ratio);  // 12.35%

}  // namespace baro::rules
