#include "baro/slo/slo_spec.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::slo {

std::string_view WindowKindName(WindowKind kind) {
  constexpr std::string_view kNames[] = {"rolling", "day", "week", "month", "quarter", "year"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view CompareText(Compare compare) {
  constexpr std::string_view kTexts[] = {"<", "<=", ">", ">=", "==", "!="};
  return kTexts[static_cast<size_t>(compare)];
}

std::string_view SliKindName(SliKind kind) {
  constexpr std::string_view kNames[] = {"ratio", "latency", "gauge", "raw", "composite"};
  return kNames[static_cast<size_t>(kind)];
}

int64_t WindowStart(const SloWindow& window, int64_t time_ms) {
  namespace chrono = std::chrono;
  if (window.kind == WindowKind::kRolling) return time_ms - window.length_ms;
  // A sample at the very end of a period belongs to it, so the next one begins after it.
  const chrono::sys_time<chrono::milliseconds> time{chrono::milliseconds(time_ms - 1)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const auto start_of = [](const chrono::year_month_day& from) {
    return chrono::sys_time<chrono::milliseconds>(chrono::sys_days(from))
        .time_since_epoch()
        .count();
  };
  const auto first = chrono::day(1);
  switch (window.kind) {
    case WindowKind::kWeek: {
      const auto since_monday = chrono::weekday(day) - chrono::Monday;
      return start_of(chrono::year_month_day(day - since_monday));
    }
    case WindowKind::kMonth:
      return start_of({date.year(), date.month(), first});
    case WindowKind::kQuarter: {
      const unsigned month = (static_cast<unsigned>(date.month()) - 1) / 3 * 3 + 1;
      return start_of({date.year(), chrono::month(month), first});
    }
    case WindowKind::kYear:
      return start_of({date.year(), chrono::January, first});
    case WindowKind::kDay:
    case WindowKind::kRolling:
      break;
  }
  return start_of(date);
}

std::vector<PolicySpec> DefaultPolicies() {
  return {{"page", 14.4, kHourMs, 5 * kMinuteMs, 0},
          {"page", 6, 6 * kHourMs, 30 * kMinuteMs, 0},
          {"ticket", 3, kDayMs, 2 * kHourMs, 0},
          {"ticket", 1, 3 * kDayMs, 6 * kHourMs, 0}};
}

std::string CountingKey(const SloSpec& spec) {
  std::string key;
  for (const TermSpec& term : spec.sli.terms) {
    base::StrAppend(&key, "term ", static_cast<int>(term.kind), " ", term.text, " ", term.to_total,
                    " ", term.to_bad, " ", static_cast<int>(term.compare), " ", term.bound, " ",
                    term.is_bucket, " ", term.unless_native, "\n");
  }
  const QuerySpec& query = spec.sli.query;
  base::StrAppend(&key, "query ", query.total, "\n", query.bad, "\n", query.error_ratio, "\n",
                  query.factor, "\n");
  for (const std::string& label : spec.group_by) base::StrAppend(&key, "by ", label, "\n");
  base::StrAppend(&key, "slices ", spec.slices.length_ms, " ", spec.slices.target, " ",
                  spec.slices.ratios, "\n");
  return key;
}

double ObjectiveOf(const SloSpec& spec, const model::Labels& group) {
  for (const GroupObjective& one : spec.group_objectives) {
    const bool matches = std::all_of(one.match.begin(), one.match.end(), [&](const auto& label) {
      return group.Get(label.name) == label.value;
    });
    if (matches) return one.objective;
  }
  return spec.objective;
}

std::vector<int64_t> WindowsOf(const SloSpec& spec) {
  std::set<int64_t> windows = {spec.window.length_ms};
  for (const PolicySpec& policy : spec.alerting.policies) {
    windows.insert(policy.long_ms);
    windows.insert(policy.short_ms);
  }
  return {windows.begin(), windows.end()};
}

// base::FormatDuration() writes weeks; people and Sloth's names write days.
std::string DurationText(int64_t duration_ms) {
  if (duration_ms > 0 && duration_ms % kDayMs == 0) {
    return base::StrCat(duration_ms / kDayMs, "d");
  }
  return base::FormatDuration(std::chrono::milliseconds(duration_ms));
}

}  // namespace baro::slo
