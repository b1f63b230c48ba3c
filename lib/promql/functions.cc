#include "baro/promql/functions.h"

#include <algorithm>
#include <string>

namespace baro::promql {
namespace {

using Types = std::vector<ValueType>;
constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kT = ValueType::kString;

void AddOfVector(std::vector<Function>* table) {
  using F = FunctionId;
  const std::pair<std::string_view, F> of_vector[] = {
      {"abs", F::kAbs},
      {"absent", F::kAbsent},
      {"acos", F::kAcos},
      {"acosh", F::kAcosh},
      {"asin", F::kAsin},
      {"asinh", F::kAsinh},
      {"atan", F::kAtan},
      {"atanh", F::kAtanh},
      {"ceil", F::kCeil},
      {"cos", F::kCos},
      {"cosh", F::kCosh},
      {"deg", F::kDeg},
      {"exp", F::kExp},
      {"floor", F::kFloor},
      {"histogram_avg", F::kHistogramAvg},
      {"ln", F::kLn},
      {"log10", F::kLog10},
      {"histogram_count", F::kHistogramCount},
      {"log2", F::kLog2},
      {"rad", F::kRad},
      {"histogram_stddev", F::kHistogramStddev},
      {"sgn", F::kSgn},
      {"sin", F::kSin},
      {"histogram_stdvar", F::kHistogramStdvar},
      {"sinh", F::kSinh},
      {"sort", F::kSort},
      {"histogram_sum", F::kHistogramSum},
      {"sqrt", F::kSqrt},
      {"tan", F::kTan},
      {"tanh", F::kTanh},
      {"sort_desc", F::kSortDesc},
  };
  for (const auto& [name, id] : of_vector) table->push_back({name, id, {kV}});
}

void AddOfRange(std::vector<Function>* table) {
  using F = FunctionId;
  const std::pair<std::string_view, F> of_range[] = {
      {"absent_over_time", F::kAbsentOverTime},
      {"avg_over_time", F::kAvgOverTime},
      {"changes", F::kChanges},
      {"count_over_time", F::kCountOverTime},
      {"delta", F::kDelta},
      {"deriv", F::kDeriv},
      {"first_over_time", F::kFirstOverTime},
      {"idelta", F::kIdelta},
      {"increase", F::kIncrease},
      {"irate", F::kIrate},
      {"last_over_time", F::kLastOverTime},
      {"mad_over_time", F::kMadOverTime},
      {"max_over_time", F::kMaxOverTime},
      {"min_over_time", F::kMinOverTime},
      {"present_over_time", F::kPresentOverTime},
      {"rate", F::kRate},
      {"resets", F::kResets},
      {"stddev_over_time", F::kStddevOverTime},
      {"stdvar_over_time", F::kStdvarOverTime},
      {"sum_over_time", F::kSumOverTime},
      {"ts_of_first_over_time", F::kTsOfFirstOverTime},
      {"ts_of_last_over_time", F::kTsOfLastOverTime},
      {"ts_of_max_over_time", F::kTsOfMaxOverTime},
      {"ts_of_min_over_time", F::kTsOfMinOverTime},
  };
  for (const auto& [name, id] : of_range) table->push_back({name, id, {kM}});
}

void AddOfTime(std::vector<Function>* table) {
  using F = FunctionId;
  const std::pair<std::string_view, F> of_time[] = {
      {"day_of_month", F::kDayOfMonth},
      {"day_of_week", F::kDayOfWeek},
      {"day_of_year", F::kDayOfYear},
      {"days_in_month", F::kDaysInMonth},
      {"hour", F::kHour},
      {"minute", F::kMinute},
      {"month", F::kMonth},
      {"year", F::kYear},
  };
  for (const auto& [name, id] : of_time) table->push_back({name, id, {kV}, 1, kV, true});
}

std::vector<Function> MakeTable() {
  using F = FunctionId;
  std::vector<Function> table = {
      {"clamp", F::kClamp, {kV, kS, kS}},
      {"clamp_max", F::kClampMax, {kV, kS}},
      {"clamp_min", F::kClampMin, {kV, kS}},
      {"double_exponential_smoothing", F::kDoubleExponentialSmoothing, {kM, kS, kS}},
      {"end", F::kEnd, {}, 0, kS},
      {"histogram_fraction", F::kHistogramFraction, {kS, kS, kV}},
      {"histogram_quantile", F::kHistogramQuantile, {kS, kV}},
      {"histogram_quantiles", F::kHistogramQuantiles, {kV, kT, kS, kS}, 9},
      {"info", F::kInfo, {kV, kV}, 1},
      {"integral", F::kIntegral, {kM, kS}, 1},
      {"label_join", F::kLabelJoin, {kV, kT, kT, kT}, -1},
      {"label_replace", F::kLabelReplace, {kV, kT, kT, kT, kT}},
      {"max_of", F::kMaxOf, {kS, kS}, 0, kS},
      {"min_of", F::kMinOf, {kS, kS}, 0, kS},
      {"pi", F::kPi, {}, 0, kS},
      {"predict_linear", F::kPredictLinear, {kM, kS}, 0, kV, true},
      {"quantile_over_time", F::kQuantileOverTime, {kS, kM}},
      {"range", F::kRange, {}, 0, kS},
      {"round", F::kRound, {kV, kS}, 1},
      {"scalar", F::kScalar, {kV}, 0, kS},
      {"sort_by_label", F::kSortByLabel, {kV, kT}, -1},
      {"sort_by_label_desc", F::kSortByLabelDesc, {kV, kT}, -1},
      {"start", F::kStart, {}, 0, kS},
      {"step", F::kStep, {}, 0, kS},
      {"time", F::kTime, {}, 0, kS, true},
      {"start_timestamp", F::kStartTimestamp, {kV}},
      {"timestamp", F::kTimestamp, {kV}, 0, kV, true},
      {"vector", F::kVector, {kS}},
  };
  AddOfVector(&table);
  AddOfRange(&table);
  AddOfTime(&table);
  for (Function& function : table) {
    static constexpr F kExperimental[] = {F::kDoubleExponentialSmoothing,
                                          F::kEnd,
                                          F::kHistogramQuantiles,
                                          F::kInfo,
                                          F::kIntegral,
                                          F::kMadOverTime,
                                          F::kMaxOf,
                                          F::kMinOf,
                                          F::kRange,
                                          F::kSortByLabel,
                                          F::kSortByLabelDesc,
                                          F::kStart,
                                          F::kStartTimestamp,
                                          F::kStep,
                                          F::kFirstOverTime,
                                          F::kTsOfFirstOverTime,
                                          F::kTsOfLastOverTime,
                                          F::kTsOfMaxOverTime,
                                          F::kTsOfMinOverTime};
    function.experimental = std::find(std::begin(kExperimental), std::end(kExperimental),
                                      function.id) != std::end(kExperimental);
  }
  std::sort(table.begin(), table.end(),
            [](const Function& a, const Function& b) { return a.name < b.name; });
  return table;
}

const std::vector<Function>& Table() {
  static const auto* const table = new std::vector<Function>(MakeTable());
  return *table;
}

}  // namespace

const Function* FindFunction(std::string_view name) {
  const std::vector<Function>& table = Table();
  const auto it = std::lower_bound(
      table.begin(), table.end(), name,
      [](const Function& function, std::string_view wanted) { return function.name < wanted; });
  return it != table.end() && it->name == name ? &*it : nullptr;
}

std::span<const Function> AllFunctions() { return Table(); }

}  // namespace baro::promql
