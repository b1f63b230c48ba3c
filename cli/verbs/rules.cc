// baro check rules and baro test rules: without a collector.

#include <cstdio>
#include <fstream>

#include "baro/base/status.h"
#include "baro/base/strings.h"
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
  return absl::OkStatus();
}

absl::Status Run(const TestRulesArguments& arguments, Session* session) {
  std::vector<rules::UnitTestFile> files;
  for (const std::string& path : arguments.files) {
    files.push_back(rules::RunUnitTests(path, {arguments.run}));
    PrintTests(files.back(), session);
  }
  if (arguments.junit.empty()) return absl::OkStatus();
  std::ofstream report(arguments.junit);
  report << rules::JUnitXml(files);
  report.close();
  if (report) return absl::OkStatus();
  return absl::UnavailableError(base::StrCat("cannot write ", arguments.junit));
}

}  // namespace baro::cli
