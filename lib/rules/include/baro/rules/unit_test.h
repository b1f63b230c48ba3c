// Unit tests of rules: promtool's test files, unchanged.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace baro::rules {

struct UnitTestOptions {
  // Regular expressions; a test runs when its name holds a match of any. Empty: all run.
  std::vector<std::string> run;
};

// How far tests have looked at a rule.
struct RuleCoverage {
  std::string where;  // file:line:column
  std::string name;
  bool alerting = false;
  bool gave = false;      // it fired, or recorded something
  bool expected = false;  // a test expects it to fire, or reads what it records
  bool covered() const { return gave && expected; }
};

struct UnitTestCase {
  std::string name;
  std::vector<std::string> failures;  // texts of several lines, expected and got
};

struct UnitTestFile {
  std::string file;
  absl::Status error;  // the file itself cannot be read; then no test ran
  std::vector<std::string> warnings;
  std::vector<UnitTestCase> cases;
  // Of every rule of the files that the tests name; in their order.
  std::vector<RuleCoverage> coverage;

  bool passed() const;
};

// Runs all tests of a file on data of their own, in memory.
UnitTestFile RunUnitTests(const std::string& path, const UnitTestOptions& options);

// All files together: a rule that several test files name is covered when one of them covers it.
std::vector<RuleCoverage> MergeCoverage(std::span<const UnitTestFile> files);

// The report that build servers read.
std::string JUnitXml(std::span<const UnitTestFile> files);

}  // namespace baro::rules
