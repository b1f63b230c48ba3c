// integral: the area under the samples of a range. Of Prometheus after 3.14; nothing else in the
// language depends on it.

#include <cmath>

#include "float_math.h"
#include "range_call.h"

namespace baro::promql {
namespace {

// How the value between two samples is taken to be.
enum class Rule { kLeft = 0, kRight = 1, kTrapezoid = 2 };

// The height over the way from one sample to the next, and its compensation.
KahanSum HeightOf(Rule rule, double before, double now) {
  if (rule == Rule::kLeft) return {before, 0};
  if (rule == Rule::kRight) return {now, 0};
  KahanSum height{before, 0};
  height.Add(now);
  if (std::isinf(height.sum) && !std::isinf(before) && !std::isinf(now)) {
    height = {before / 2, 0};
    height.Add(now / 2);
    return height;
  }
  return {height.sum / 2, height.compensation / 2};
}

class Integral {
 public:
  explicit Integral(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  double operator()(const Window& window) const {
    // What is not known does not raise the area.
    const auto known = [](double value) { return std::isnan(value) ? 0 : value; };
    KahanSum area;
    for (size_t i = 1; i < window.size(); ++i) {
      const KahanSum height =
          HeightOf(rules_[window.step], known(window.values[i - 1]), known(window.values[i]));
      if (height.sum == 0 && height.compensation == 0) continue;
      const double seconds = SecondsOf(window.times_ms[i] - window.times_ms[i - 1]);
      area.compensation += height.compensation * seconds;
      area.Add(height.sum * seconds);
    }
    return std::isinf(area.sum) ? area.sum : area.Total();
  }

 private:
  const std::vector<Rule> rules_;  // by step
};

}  // namespace

absl::Status IntegralRows(Evaluator* evaluator, const Call& call, RowSink sink) {
  std::vector<Rule> rules(evaluator->grid().count, Rule::kTrapezoid);
  std::vector<double> given;
  if (call.args.size() > 1) {
    BARO_TRY_ASSIGN(given, evaluator->Scalars(*call.args[1]));
  }
  std::vector<double> wrong;
  for (size_t step = 0; step < given.size(); ++step) {
    if (given[step] == 0 || given[step] == 1 || given[step] == 2) {
      rules[step] = static_cast<Rule>(static_cast<int>(given[step]));
    } else {
      wrong.push_back(given[step]);
    }
  }
  bool any = false;
  BARO_TRY(RunWindows(evaluator, call, true, Integral(std::move(rules)), [&](const Row& row) {
    any = true;
    return sink(row);
  }));
  for (const double strategy : wrong) {
    if (any)
      evaluator->query().annotations().InvalidStrategy(strategy, NoteOn(*call.args[1], call.place));
  }
  return absl::OkStatus();
}

}  // namespace baro::promql
