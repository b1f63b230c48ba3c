// Runs scripts in the test language of Prometheus (promql/promqltest) against our engine: load,
// clear, eval and their expectations, the old spelling and the new one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baro::promql_script {

struct Outcome {
  enum class Kind { kPassed, kFailed };
  Kind kind = Kind::kPassed;
  size_t line = 0;      // of the command, from 1
  std::string command;  // its first line
  std::string reason;   // why it has not passed
};

// One outcome for each eval, and one for each line that cannot be read.
// Values may differ by `tolerance`, relatively.
std::vector<Outcome> RunScript(std::string_view script, double tolerance = 1e-6);

}  // namespace baro::promql_script
