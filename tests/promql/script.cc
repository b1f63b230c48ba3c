#include "script.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/memory_source.h"
#include "baro/promql/engine.h"
#include "baro/promql/parse.h"
#include "expectation.h"
#include "series_text.h"

namespace baro::promql_script {
namespace {

std::vector<std::string> ReadLines(std::string_view script) {
  std::vector<std::string> lines;
  while (!script.empty()) {
    const size_t end = std::min(script.find('\n'), script.size());
    std::string_view line = script.substr(0, end);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.front()))) {
      line.remove_prefix(1);
    }
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) {
      line.remove_suffix(1);
    }
    lines.emplace_back(line.starts_with('#') ? std::string_view() : line);
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  return lines;
}

class Runner {
 public:
  Runner(std::string_view script, double tolerance)
      : lines_(ReadLines(script)), tolerance_(tolerance) {}
  std::vector<Outcome> Run();

 private:
  // The lines of a command: its own and those below it up to an empty one.
  struct Command {
    size_t line = 0;  // index
    std::vector<std::string_view> below;
  };
  struct Eval {
    std::string query;
    bool range = false;
    RangeTimes times;
    Expectation expected;
  };

  void Report(const Command& command, Outcome::Kind kind, std::string reason) {
    outcomes_.push_back({kind, command.line + 1, lines_[command.line], std::move(reason)});
  }
  absl::Status Execute(const Command& command);
  absl::Status Load(const Command& command);
  absl::StatusOr<Eval> ReadEval(const Command& command);
  absl::Status RunEval(const Eval& eval);
  absl::Status RunInstant(const Eval& eval);
  const model::MemorySource& Source();

  const std::vector<std::string> lines_;
  const double tolerance_;
  std::vector<Outcome> outcomes_;
  std::map<model::Labels, std::map<int64_t, double>> samples_;
  std::optional<model::MemorySource> source_;  // made from samples_ when first needed
  bool unsupported_loaded_ = false;
};

std::vector<Outcome> Runner::Run() {
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].empty()) continue;
    Command command{i, {}};
    while (i + 1 < lines_.size() && !lines_[i + 1].empty()) {
      // Commands need not have an empty line between them.
      const std::string& next = lines_[i + 1];
      if (next == "clear" || next.starts_with("load ") || next.starts_with("eval")) break;
      command.below.push_back(lines_[++i]);
    }
    const absl::Status status = Execute(command);
    if (!status.ok()) {
      Report(command, Outcome::Kind::kFailed, std::string(base::FromAbsl(status.message())));
    }
  }
  return std::move(outcomes_);
}

absl::Status Runner::Execute(const Command& command) {
  const std::string& line = lines_[command.line];
  if (line == "clear") {
    samples_.clear();
    source_.reset();
    unsupported_loaded_ = false;
    return absl::OkStatus();
  }
  if (line.starts_with("load")) return Load(command);
  if (!line.starts_with("eval")) {
    return absl::InvalidArgumentError(base::StrCat("invalid command \"", line, "\""));
  }
  BARO_TRY_ASSIGN(const Eval eval, ReadEval(command));
  const absl::Status status = RunEval(eval);
  if (status.ok() && !eval.expected.IsUnsupported()) {
    Report(command, Outcome::Kind::kPassed, "");
  } else if (eval.expected.IsUnsupported() || unsupported_loaded_) {
    Report(command, Outcome::Kind::kUnsupported, "native histograms or start timestamps");
  } else {
    Report(command, Outcome::Kind::kFailed, std::string(base::FromAbsl(status.message())));
  }
  return absl::OkStatus();
}

absl::Status Runner::Load(const Command& command) {
  std::string gap;
  std::string nhcb;
  static const RE2 pattern(R"(load(_with_nhcb)?\s+(.+))");
  if (!RE2::FullMatch(lines_[command.line], pattern, &nhcb, &gap)) {
    return absl::InvalidArgumentError("cannot read load command");
  }
  BARO_TRY_ASSIGN(const int64_t gap_ms, ParseTimeMs(gap));
  if (!nhcb.empty()) unsupported_loaded_ = true;
  source_.reset();
  for (const std::string_view line : command.below) {
    BARO_TRY_ASSIGN(const SeriesText series, ParseSeriesText(line));
    unsupported_loaded_ = unsupported_loaded_ || series.unsupported;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i]) continue;
      samples_[series.labels][static_cast<int64_t>(i) * gap_ms] = *series.values[i];
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Runner::Eval> Runner::ReadEval(const Command& command) {
  static const RE2 instant(
      R"(eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+))");
  static const RE2 range(
      R"(eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+))");
  const std::string& line = lines_[command.line];
  Eval eval;
  eval.expected.tolerance = tolerance_;
  std::string mode;
  std::string from;
  std::string to;
  std::string step;
  if (RE2::FullMatch(line, range, &mode, &from, &to, &step, &eval.query)) {
    eval.range = true;
    BARO_TRY_ASSIGN(eval.times.end_ms, ParseTimeMs(to));
    BARO_TRY_ASSIGN(eval.times.step_ms, ParseTimeMs(step));
  } else if (!RE2::FullMatch(line, instant, &mode, &from, &eval.query)) {
    return absl::InvalidArgumentError("cannot read eval command");
  }
  if (!from.empty()) {
    BARO_TRY_ASSIGN(eval.times.start_ms, ParseTimeMs(from));
  }
  for (const std::string_view below : command.below) BARO_TRY(eval.expected.AddLine(below));
  eval.expected.fail = eval.expected.fail || mode == "fail";
  eval.expected.ordered = eval.expected.ordered || mode == "ordered";
  if (mode == "warn") eval.expected.warnings.emplace_back();
  if (mode == "info") eval.expected.infos.emplace_back();
  return eval;
}

const model::MemorySource& Runner::Source() {
  if (!source_) {
    source_.emplace();
    for (const auto& [labels, samples] : samples_) {
      for (const auto& [time_ms, value] : samples) source_->Append(labels, {time_ms, value});
    }
  }
  return *source_;
}

absl::Status Runner::RunEval(const Eval& eval) {
  if (!eval.range) return RunInstant(eval);
  const promql::Engine engine({});
  const auto result = engine.Range(Source(), eval.query, eval.times.start_ms, eval.times.end_ms,
                                   eval.times.step_ms, {});
  if (eval.expected.fail) {
    if (result.ok()) return absl::FailedPreconditionError("does not fail, but should");
    return CheckFailure(eval.expected, result.status());
  }
  BARO_TRY(result.status());
  BARO_TRY(CheckAnnotations(eval.expected, *result));
  return CheckRange(eval.expected, eval.times, *result);
}

absl::Status Runner::RunInstant(const Eval& eval) {
  const promql::Engine engine({});
  const int64_t time_ms = eval.times.start_ms;
  const auto result = engine.Instant(Source(), eval.query, time_ms, {});
  if (eval.expected.fail) {
    if (result.ok()) return absl::FailedPreconditionError("does not fail, but should");
    return CheckFailure(eval.expected, result.status());
  }
  BARO_TRY(result.status());
  BARO_TRY(CheckAnnotations(eval.expected, *result));
  BARO_TRY(CheckInstant(eval.expected, *result));
  const bool repeatable = std::holds_alternative<promql::Vector>(result->value) ||
                          std::holds_alternative<promql::Scalar>(result->value);
  // What depends on the query's own range or step means something else in a range query.
  static const RE2 own_times(R"(\b(start|end|range|step)\(\))");
  if (!repeatable || RE2::PartialMatch(eval.query, own_times)) return absl::OkStatus();
  const auto around =
      engine.Range(Source(), eval.query, time_ms - 60'000, time_ms + 60'000, 60'000, {});
  BARO_TRY(around.status());
  Expectation unordered = eval.expected;
  unordered.ordered = false;
  return CheckInstantInRange(unordered, time_ms, *around);
}

}  // namespace

std::vector<Outcome> RunScript(std::string_view script, double tolerance) {
  return Runner(script, tolerance).Run();
}

}  // namespace baro::promql_script
