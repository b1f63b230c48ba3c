#include "baro/rules/lint.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/labels.h"
#include "baro/promql/functions.h"
#include "baro/promql/parse.h"
#include "baseline.h"
#include "go_format.h"
#include "value_range.h"

namespace baro::rules {
namespace {

using promql::As;
using promql::Expr;
using promql::FunctionId;

// Each expression of each rule, parsed.
void ForEachExpression(const std::vector<GroupSpec>& groups,
                       const std::function<void(const RuleSpec&, Expr*)>& visit) {
  for (const GroupSpec& group : groups) {
    for (const RuleSpec& rule : group.rules) {
      for (const std::string& query : {rule.query, rule.resolve_query}) {
        if (query.empty()) continue;
        const auto parsed = promql::ParseExpression(query);
        if (parsed.ok()) visit(rule, parsed->get());
      }
    }
  }
}

std::string RangeText(const ValueRange& range) {
  const bool low = std::isfinite(range.low);
  const bool high = std::isfinite(range.high);
  const std::string from = GoFloat(range.low, 'g', -1);
  const std::string to = GoFloat(range.high, 'g', -1);
  if (low && high && range.low == range.high) return base::StrCat("always ", from);
  if (low && high) return base::StrCat("between ", from, " and ", to);
  return low ? base::StrCat("at least ", from) : base::StrCat("at most ", to);
}

void FindNeverTrue(const RuleSpec& rule, Expr* expr, std::vector<LintProblem>* problems) {
  if (expr->kind == Expr::Kind::kBinary) {
    const auto& binary = As<promql::BinaryExpr>(*expr);
    if (promql::IsComparison(binary.op)) {
      const ValueRange left = RangeOf(*binary.lhs);
      const ValueRange right = RangeOf(*binary.rhs);
      if (NeverTrue(binary.op, left, right)) {
        problems->push_back(
            {rule.where, rule.name,
             base::StrCat(promql::Print(*expr), " is never true: ", promql::Print(*binary.lhs),
                          " is ", RangeText(left),
                          binary.rhs->kind == Expr::Kind::kNumber
                              ? ""
                              : base::StrCat(", the right side ", RangeText(right)))});
      }
    }
  }
  for (Expr* child : promql::Children(*expr)) FindNeverTrue(rule, child, problems);
}

bool IsAbsent(const Expr& expr) {
  if (expr.kind != Expr::Kind::kCall) return false;
  const FunctionId id = As<promql::Call>(expr).function->id;
  return id == FunctionId::kAbsent || id == FunctionId::kAbsentOverTime;
}

// What a function wants of the metric it reads; empty: anything will do.
std::string_view TypeWanted(FunctionId id) {
  switch (id) {
    case FunctionId::kRate:
    case FunctionId::kIrate:
    case FunctionId::kIncrease:
      return "counter";
    case FunctionId::kDelta:
    case FunctionId::kIdelta:
    case FunctionId::kDeriv:
    case FunctionId::kPredictLinear:
      return "gauge";
    default:
      return "";
  }
}

std::string NameOf(const promql::VectorSelector& selector) {
  for (const model::Matcher& matcher : selector.matchers) {
    if (matcher.name() == model::kMetricName && matcher.type() == model::MatchType::kEqual) {
      return matcher.value();
    }
  }
  return "";
}

class LiveLint {
 public:
  LiveLint(const std::vector<GroupSpec>& groups, LintFacts* facts) : facts_(facts) {
    for (const GroupSpec& group : groups) {
      for (const RuleSpec& rule : group.rules) {
        for (std::string& name : RecordedNames(rule)) recorded_.insert(std::move(name));
      }
    }
    recorded_.insert({"ALERTS", "ALERTS_FOR_STATE"});
  }

  void Visit(const RuleSpec& rule, Expr* expr) {
    if (!status_.ok() || IsAbsent(*expr)) return;
    if (expr->kind == Expr::Kind::kCall) CheckType(rule, As<promql::Call>(*expr));
    if (expr->kind == Expr::Kind::kVectorSelector) {
      CheckSelector(rule, As<promql::VectorSelector>(*expr), promql::Print(*expr));
    }
    if (expr->kind == Expr::Kind::kMatrixSelector) {
      const auto& selector = *As<promql::MatrixSelector>(*expr).selector;
      return CheckSelector(rule, selector, promql::Print(selector));
    }
    for (Expr* child : promql::Children(*expr)) Visit(rule, child);
  }

  absl::Status status() const { return status_; }
  std::vector<LintProblem> TakeProblems() { return std::move(problems_); }

 private:
  void Add(const RuleSpec& rule, std::string text) {
    if (said_.insert(base::StrCat(rule.where, text)).second) {
      problems_.push_back({rule.where, rule.name, std::move(text)});
    }
  }

  template <typename Value>
  Value Taken(absl::StatusOr<Value> answer) {
    if (answer.ok()) return *std::move(answer);
    status_.Update(answer.status());
    return Value();
  }

  void CheckSelector(const RuleSpec& rule, const promql::VectorSelector& selector,
                     const std::string& text) {
    const std::string name = NameOf(selector);
    if (recorded_.contains(name)) return;
    if (Taken(facts_->HasSeries(selector.matchers)) || !status_.ok()) return;
    if (name.empty()) return Add(rule, base::StrCat(text, " matches no series"));
    auto named =
        model::Matcher::Create(model::MatchType::kEqual, std::string(model::kMetricName), name);
    if (!named.ok()) return;
    const bool known = Taken(facts_->HasSeries({*named}));
    if (!status_.ok()) return;
    Add(rule, known ? base::StrCat(text, " matches no series, though ", name, " has some")
                    : base::StrCat("there is no metric ", name));
  }

  void CheckType(const RuleSpec& rule, const promql::Call& call) {
    const std::string_view wanted = TypeWanted(call.function->id);
    if (wanted.empty() || call.args.empty()) return;
    if (call.args[0]->kind != Expr::Kind::kMatrixSelector) return;
    const std::string name = NameOf(*As<promql::MatrixSelector>(*call.args[0]).selector);
    if (name.empty() || recorded_.contains(name)) return;
    const std::string type = Taken(facts_->TypeOf(name));
    const bool wrong =
        (wanted == "counter" && type == "gauge") || (wanted == "gauge" && type == "counter");
    if (!wrong) return;
    const char* instead = wanted == "counter" ? "delta() or deriv()" : "rate() or increase()";
    Add(rule, base::StrCat(call.function->name, "() of ", name, ", which is a ", type, ": use ",
                           instead));
  }

  LintFacts* const facts_;
  std::set<std::string> recorded_;
  absl::Status status_;
  std::set<std::string> said_;
  std::vector<LintProblem> problems_;
};

}  // namespace

std::vector<LintProblem> Lint(const std::vector<GroupSpec>& groups) {
  std::vector<LintProblem> problems;
  ForEachExpression(
      groups, [&](const RuleSpec& rule, Expr* expr) { FindNeverTrue(rule, expr, &problems); });
  return problems;
}

absl::StatusOr<std::vector<LintProblem>> LintLive(const std::vector<GroupSpec>& groups,
                                                  LintFacts* facts) {
  LiveLint lint(groups, facts);
  ForEachExpression(groups, [&](const RuleSpec& rule, Expr* expr) { lint.Visit(rule, expr); });
  BARO_TRY(lint.status());
  return lint.TakeProblems();
}

}  // namespace baro::rules
