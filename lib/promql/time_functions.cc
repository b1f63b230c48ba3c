// timestamp and the functions of the calendar, which is that of UTC.

#include "baro/base/status.h"
#include "evaluator.h"
#include "float_math.h"
#include "histogram_row.h"

namespace baro::promql {
namespace {

struct Date {
  int64_t year = 0;
  int64_t month = 0;  // 1…12
  int64_t day = 0;    // 1…31
};

constexpr int64_t kSecondsPerDay = 86'400;

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Days since 1970 to a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible
// low-level date algorithms").
Date DateOfDay(int64_t days) {
  days += 719'468;
  const int64_t era = FloorDiv(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;  // from March
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int64_t DaysInMonth(const Date& date) {
  static constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[date.month - 1] + (date.month == 2 && IsLeapYear(date.year) ? 1 : 0);
}

int64_t DayOfYear(const Date& date) {
  static constexpr int64_t kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  return kBefore[date.month - 1] + date.day + (date.month > 2 && IsLeapYear(date.year) ? 1 : 0);
}

// Go counts time from 1 March of year -292277022400 in unsigned seconds; what is before that wraps
// around to the far future.
constexpr int64_t kDaysBefore1970 = 730'692'556LL * 146'097 + 719'468;

double DatePart(FunctionId id, int64_t seconds) {
  const uint64_t absolute = static_cast<uint64_t>(seconds) +
                            static_cast<uint64_t>(kDaysBefore1970) * uint64_t{kSecondsPerDay};
  const int64_t days = static_cast<int64_t>(absolute / kSecondsPerDay) - kDaysBefore1970;
  const auto second_of_day = static_cast<int64_t>(absolute % kSecondsPerDay);
  const Date date = DateOfDay(days);
  switch (id) {
    case FunctionId::kDayOfMonth:
      return static_cast<double>(date.day);
    case FunctionId::kDayOfWeek:  // 1970 began on a Thursday
      return static_cast<double>(((days + 4) % 7 + 7) % 7);
    case FunctionId::kDayOfYear:
      return static_cast<double>(DayOfYear(date));
    case FunctionId::kDaysInMonth:
      return static_cast<double>(DaysInMonth(date));
    case FunctionId::kHour:
      return static_cast<double>(second_of_day / 3'600);
    case FunctionId::kMinute:
      return static_cast<double>(second_of_day / 60 % 60);
    case FunctionId::kMonth:
      return static_cast<double>(date.month);
    default:
      return static_cast<double>(date.year);
  }
}

// The time of the very sample that an instant selector found, or since when its counter counts.
absl::Status SampleTimeRows(Evaluator* evaluator, const VectorSelector& selector, bool start,
                            RowSink sink) {
  Query* const query = &evaluator->query();
  const WindowSpec spec = InstantSpec(selector, evaluator->grid(), query->lookback_ms());
  WindowCache cache(spec);
  std::vector<double> values(evaluator->grid().count);
  const auto time_of = [start](const model::SeriesView& view, size_t index) {
    if (!start) return view.times_ms[index];
    return view.starts_ms.empty() ? 0 : view.starts_ms[index];
  };
  const auto one = [&](model::LabelsRef labels, const model::SeriesView& view) {
    const WindowBounds& bounds = cache.Bounds(view.times_ms);
    for (size_t step = 0; step < values.size(); ++step) {
      const uint32_t last = bounds.last[step];
      const bool found = last > bounds.first[step] && !model::IsStaleNan(view.values[last - 1]);
      values[step] = found ? SecondsOf(time_of(view, last - 1)) : kNoValue;
    }
    return HasValues(values) ? sink({labels, true, values}) : absl::OkStatus();
  };
  return ReadSeries(query, selector.matchers, spec.FirstMs(), spec.LastMs(), one);
}

}  // namespace

absl::Status TimestampRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const Expr& arg = Unwrap(*call.args[0]);
  if (arg.kind == Expr::Kind::kVectorSelector) {
    const bool start = call.function->id == FunctionId::kStartTimestamp;
    return SampleTimeRows(evaluator, As<VectorSelector>(arg), start, sink);
  }
  // What is computed has not begun at any time.
  if (call.function->id == FunctionId::kStartTimestamp) {
    return evaluator->Rows(arg, [](const Row&) { return absl::OkStatus(); });
  }
  return evaluator->Rows(arg, [&](Row row) {
    for (size_t step = 0; step < row.values.size(); ++step) {
      if (!IsAbsent(row.values[step])) row.values[step] = SecondsOf(evaluator->grid().Time(step));
    }
    row.drop_name = true;
    row.histograms = {};
    return sink(row);
  });
}

absl::Status DateRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  const FunctionId id = call.function->id;
  const StepGrid& grid = evaluator->grid();
  if (call.args.empty()) {
    std::vector<double> values(grid.count);
    for (size_t step = 0; step < values.size(); ++step) {
      values[step] = DatePart(id, grid.Time(step) / 1000);
    }
    return sink({NoLabelsRef(), false, values});
  }
  return evaluator->Rows(*call.args[0], [&](Row row) {
    if (!TakeFloats(&row)) return absl::OkStatus();
    for (double& value : row.values) {
      if (!IsAbsent(value)) value = DatePart(id, GoInt64(value));
    }
    row.drop_name = true;
    return sink(row);
  });
}

}  // namespace baro::promql
