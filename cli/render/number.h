// Numbers for human eyes: one scale and one number of decimals for everything that is compared.
//
// Two rows whose numbers carry different prefixes ("900 KiB" above "1.2 MiB") are misread at night,
// so a column or an axis is given one Scale for all of its values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::cli {

enum class Unit {
  kNone,
  kBytes,
  kBytesPerSecond,
  kSeconds,
  kTimestamp,  // seconds since 1970
  kRatio,      // shown in percent
  kPerSecond,
};

// The unit that a metric's name ends in, as the field's conventions have it ("_bytes_total").
Unit UnitOfMetric(std::string_view metric_name);

// The unit of an expression's results, only where it is certain: one selector inside functions and
// aggregations that keep its unit (rate() and its kin make it per second). kNone otherwise.
Unit UnitOfExpression(std::string_view expression);

struct Scale {
  double divisor = 1;
  std::string suffix;  // with its leading blank: " MiB/s"; empty for plain numbers
  int decimals = 0;
  bool is_timestamp = false;
};

// One scale for all the values. Falls back to a scale for each value (see FormatOne) when the
// smallest would vanish beside the largest; `common` tells.
struct CommonScale {
  bool common = true;
  Scale scale;
};
CommonScale ChooseScale(Unit unit, const std::vector<double>& values);

// The value on a scale: "12.50 MiB". NaN and infinities as PromQL writes them.
std::string FormatScaled(double value, const Scale& scale);

// The value on a scale of its own: "1.23 GiB", "12.0 ms".
std::string FormatOne(double value, Unit unit);

// A length of time in two units at most: "850 ms", "3.2 s", "4m 10s", "2d 3h". Negative is zero.
std::string FormatDuration(double seconds);

}  // namespace baro::cli
