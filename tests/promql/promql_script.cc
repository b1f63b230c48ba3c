// promql_script [--tolerance X] FILE…: runs test scripts of Prometheus' language; prints what has
// not passed. Exit code: 0 all passed, 1 some failed, 2 usage.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include "script.h"

namespace {

struct Counts {
  size_t passed = 0;
  size_t failed = 0;
};

void Tell(const char* path, const baro::promql_script::Outcome& outcome, Counts* counts) {
  using Kind = baro::promql_script::Outcome::Kind;
  switch (outcome.kind) {
    case Kind::kPassed:
      ++counts->passed;
      return;
    case Kind::kFailed:
      ++counts->failed;
      std::printf("%s:%zu: %s\n    %s\n", path, outcome.line, outcome.command.c_str(),
                  outcome.reason.c_str());
      return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  double tolerance = 1e-6;
  int first = 1;
  if (argc > 2 && std::string_view(argv[1]) == "--tolerance") {
    tolerance = std::strtod(argv[2], nullptr);
    first = 3;
  }
  if (argc <= first) {
    std::fprintf(stderr, "usage: promql_script [--tolerance X] FILE...\n");
    return 2;
  }
  Counts counts;
  for (int i = first; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 2;
    }
    const std::string script((std::istreambuf_iterator<char>(file)),
                             std::istreambuf_iterator<char>());
    for (const auto& outcome : baro::promql_script::RunScript(script, tolerance)) {
      Tell(argv[i], outcome, &counts);
    }
  }
  std::printf("%zu passed, %zu failed\n", counts.passed, counts.failed);
  return counts.failed == 0 ? 0 : 1;
}
