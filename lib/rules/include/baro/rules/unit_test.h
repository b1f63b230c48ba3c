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

struct UnitTestCase {
  std::string name;
  std::vector<std::string> failures;  // texts of several lines, expected and got
};

struct UnitTestFile {
  std::string file;
  absl::Status error;  // the file itself cannot be read; then no test ran
  std::vector<std::string> warnings;
  std::vector<UnitTestCase> cases;

  bool passed() const;
};

// Runs all tests of a file on data of their own, in memory.
UnitTestFile RunUnitTests(const std::string& path, const UnitTestOptions& options);

// The report that build servers read.
std::string JUnitXml(std::span<const UnitTestFile> files);

}  // namespace baro::rules
