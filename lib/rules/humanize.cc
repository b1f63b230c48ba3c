#include "humanize.h"

#include <cmath>
#include <span>

#include "baro/base/strings.h"
#include "go_format.h"

namespace baro::rules {
namespace {

constexpr const char* kLarge[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr const char* kLarge1024[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
constexpr const char* kSmall[] = {"m", "u", "n", "p", "f", "a", "z", "y"};

std::string FourDigits(double value) { return GoFloat(value, 'g', 4); }

std::string Scaled(double value, double step, std::span<const char* const> prefixes) {
  const char* prefix = "";
  for (const char* next : prefixes) {
    if (std::fabs(value) < step) break;
    prefix = next;
    value /= step;
  }
  return FourDigits(value) + prefix;
}

std::string ScaledUp(double value) {
  const char* prefix = "";
  for (const char* next : kSmall) {
    if (std::fabs(value) >= 1) break;
    prefix = next;
    value *= 1000;
  }
  return FourDigits(value) + prefix;
}

}  // namespace

std::string Humanize(double value) {
  if (value == 0 || !std::isfinite(value)) return FourDigits(value);
  return std::fabs(value) >= 1 ? Scaled(value, 1000, kLarge) : ScaledUp(value);
}

std::string Humanize1024(double value) {
  if (std::fabs(value) <= 1 || !std::isfinite(value)) return FourDigits(value);
  return Scaled(value, 1024, kLarge1024);
}

std::string HumanizeDuration(double seconds) {
  if (!std::isfinite(seconds)) return FourDigits(seconds);
  if (seconds == 0) return FourDigits(seconds) + "s";
  if (std::fabs(seconds) < 1) return ScaledUp(seconds) + "s";
  const char* sign = seconds < 0 ? "-" : "";
  const double size = std::fabs(seconds);
  if (size >= 9.2e18) return base::StrCat(sign, FourDigits(size), "s");
  const auto whole = static_cast<int64_t>(size);
  const int64_t minutes = whole / 60 % 60;
  const int64_t hours = whole / 3'600 % 24;
  const int64_t days = whole / 86'400;
  if (days != 0) {
    return base::StrCat(sign, days, "d ", hours, "h ", minutes, "m ", whole % 60, "s");
  }
  if (hours != 0) return base::StrCat(sign, hours, "h ", minutes, "m ", whole % 60, "s");
  if (minutes != 0) return base::StrCat(sign, minutes, "m ", whole % 60, "s");
  return base::StrCat(sign, FourDigits(size), "s");
}

std::string HumanizePercentage(double ratio) { return FourDigits(ratio * 100) + "%"; }

}  // namespace baro::rules
