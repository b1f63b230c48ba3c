// baro check rules and baro test rules: without a collector.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/rules/lint.h"
#include "baro/rules/rule_file.h"
#include "baro/rules/unit_test.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

size_t RuleCount(const std::vector<rules::GroupSpec>& groups) {
  size_t count = 0;
  for (const rules::GroupSpec& group : groups) count += group.rules.size();
  return count;
}

void PrintProblem(const rules::LintProblem& problem, Session* session) {
  session->failed = true;
  base::StrAppend(&session->out, "  ", problem.where, ": ", problem.rule, ": ", problem.text, "\n");
}

void CheckFile(const std::string& file, Session* session) {
  std::vector<std::string> problems;
  const auto groups = rules::ReadRuleFile(file, &problems);
  base::StrAppend(&session->out, "Checking ", file, "\n");
  if (!groups.ok()) {
    session->failed = true;
    base::StrAppend(&session->out, "  FAILED:\n");
    for (const std::string& problem : problems) {
      base::StrAppend(&session->out, "  ", problem, "\n");
    }
    return;
  }
  base::StrAppend(&session->out, "  SUCCESS: ", RuleCount(*groups), " rules found\n");
  for (const std::string& duplicate : rules::DuplicateRules(*groups)) {
    base::StrAppend(&session->out, "  WARNING: ", duplicate, "\n");
  }
  for (const rules::LintProblem& problem : rules::Lint(*groups)) PrintProblem(problem, session);
}

// What the collector has, asked once each.
class CollectorFacts final : public rules::LintFacts {
 public:
  explicit CollectorFacts(Session* session) : session_(session) {}

  absl::StatusOr<std::string> TypeOf(const std::string& metric) override {
    if (!known_) {
      BARO_TRY_ASSIGN(const std::vector<MetricMetadata> all, session_->client->AllMetadata());
      for (const MetricMetadata& one : all) types_[one.metric] = one.metadata.type;
      known_ = true;
    }
    const auto found = types_.find(metric);
    return found == types_.end() ? std::string() : found->second;
  }

  absl::StatusOr<bool> HasSeries(const std::vector<model::Matcher>& matchers) override {
    Client::Scope scope;
    for (const model::Matcher& matcher : matchers) {
      base::StrAppend(&scope.match, scope.match.empty() ? "{" : ",", matcher.ToString());
    }
    scope.match += "}";
    const int64_t now_ms = session_->clock->NowMs();
    scope.window = Client::Window{now_ms - kRecentMs, now_ms};
    scope.limit = 1;
    const auto asked = asked_.find(scope.match);
    if (asked != asked_.end()) return asked->second;
    BARO_TRY_ASSIGN(const std::vector<LabelSet> series, session_->client->SeriesOf(scope));
    return asked_[scope.match] = !series.empty();
  }

 private:
  static constexpr int64_t kRecentMs = 86'400'000;

  Session* const session_;
  bool known_ = false;
  std::map<std::string, std::string> types_;
  std::map<std::string, bool> asked_;
};

// All files together: what one records another may read.
absl::Status CheckLive(const std::vector<std::string>& files, Session* session) {
  std::vector<rules::GroupSpec> all;
  for (const std::string& file : files) {
    auto groups = rules::ReadRuleFile(file);
    if (!groups.ok()) continue;  // said before
    for (rules::GroupSpec& group : *groups) all.push_back(std::move(group));
  }
  CollectorFacts facts(session);
  BARO_TRY_ASSIGN(const std::vector<rules::LintProblem> problems, rules::LintLive(all, &facts));
  base::StrAppend(&session->out, "Holding them against ", session->server, "\n");
  for (const rules::LintProblem& problem : problems) PrintProblem(problem, session);
  if (problems.empty()) base::StrAppend(&session->out, "  SUCCESS: all that they read is there\n");
  return absl::OkStatus();
}

void PrintCoverage(const std::vector<rules::UnitTestFile>& files, double percent_min,
                   Session* session) {
  const std::vector<rules::RuleCoverage> all = rules::MergeCoverage(files);
  const auto covered = std::count_if(all.begin(), all.end(),
                                     [](const rules::RuleCoverage& one) { return one.covered(); });
  const double percent =
      all.empty() ? 100 : 100 * static_cast<double>(covered) / static_cast<double>(all.size());
  base::StrAppend(&session->out, "Coverage: ", covered, " of ", all.size(), " rules\n");
  for (const rules::RuleCoverage& one : all) {
    if (one.covered()) continue;
    const char* missing = one.alerting ? "no test expects it to fire" : "no test reads it";
    if (one.expected || !one.gave) {
      missing = one.alerting ? "no test makes it fire" : "no test makes it record anything";
    }
    base::StrAppend(&session->out, "  ", one.where, ": ", one.name, ": ", missing, "\n");
  }
  if (percent >= percent_min) return;
  session->failed = true;
  base::StrAppend(&session->out, "  FAILED: less than ", percent_min, " %\n");
}

void PrintTests(const rules::UnitTestFile& file, Session* session) {
  base::StrAppend(&session->out, "Unit Testing:  ", file.file, "\n");
  for (const std::string& warning : file.warnings) {
    base::StrAppend(&session->notes, "  WARNING: ", warning, "\n");
  }
  if (file.passed()) {
    base::StrAppend(&session->out, "  SUCCESS\n\n");
    return;
  }
  session->failed = true;
  base::StrAppend(&session->out, "  FAILED:\n");
  if (!file.error.ok()) {
    base::StrAppend(&session->out, base::FromAbsl(file.error.message()), "\n");
  }
  for (const rules::UnitTestCase& one : file.cases) {
    for (const std::string& failure : one.failures) {
      base::StrAppend(&session->out, failure, "\n\n");
    }
  }
  session->out += "\n";
}

}  // namespace

absl::Status Run(const CheckRulesArguments& arguments, Session* session) {
  for (const std::string& file : arguments.files) CheckFile(file, session);
  return arguments.live ? CheckLive(arguments.files, session) : absl::OkStatus();
}

absl::Status Run(const TestRulesArguments& arguments, Session* session) {
  std::vector<rules::UnitTestFile> files;
  for (const std::string& path : arguments.files) {
    files.push_back(rules::RunUnitTests(path, {arguments.run}));
    PrintTests(files.back(), session);
  }
  if (arguments.coverage || arguments.coverage_min > 0) {
    PrintCoverage(files, arguments.coverage_min, session);
  }
  if (arguments.junit.empty()) return absl::OkStatus();
  std::ofstream report(arguments.junit);
  report << rules::JUnitXml(files);
  report.close();
  if (report) return absl::OkStatus();
  return absl::UnavailableError(base::StrCat("cannot write ", arguments.junit));
}

}  // namespace baro::cli
