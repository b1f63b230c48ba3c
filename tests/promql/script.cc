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
#include "classic_buckets.h"
#include "expectation.h"
#include "histogram_math.h"
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

// What Prometheus' storage says of resets: it keeps no sender's hint but that of gauges, and knows
// that a histogram has not been reset when it stands in one chunk with the one before it.
model::ResetHint StoredHint(const model::Histogram* before, const model::Histogram& now) {
  using model::ResetHint;
  if (now.reset_hint == ResetHint::kGauge) return ResetHint::kGauge;
  const bool one_chunk = before != nullptr && before->reset_hint != ResetHint::kGauge &&
                         now.reset_hint != ResetHint::kReset && before->schema == now.schema &&
                         before->zero_threshold == now.zero_threshold &&
                         before->custom_bounds == now.custom_bounds;
  if (!one_chunk) return ResetHint::kUnknown;
  model::Histogram bare = now;
  bare.reset_hint = ResetHint::kUnknown;
  return promql::DetectReset(*before, bare) ? ResetHint::kUnknown : ResetHint::kNotReset;
}

void AppendSeries(const model::Labels& labels, const LoadedSeries& samples,
                  model::MemorySource* source) {
  const model::Histogram* before = nullptr;
  for (const auto& [time_ms, sample] : samples) {
    if (sample.histogram == nullptr) {
      source->Append(labels, {time_ms, sample.value});
    } else {
      model::Histogram stored = *sample.histogram;
      stored.reset_hint = StoredHint(before, *sample.histogram);
      source->Append(labels, time_ms, std::move(stored));
    }
    before = sample.histogram.get();
    if (sample.start_ms != 0) source->SetStart(labels, sample.start_ms);
  }
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
  std::map<model::Labels, LoadedSeries> samples_;
  std::optional<model::MemorySource> source_;  // made from samples_ when first needed
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
    return absl::OkStatus();
  }
  if (line.starts_with("load")) return Load(command);
  if (!line.starts_with("eval")) {
    return absl::InvalidArgumentError(base::StrCat("invalid command \"", line, "\""));
  }
  BARO_TRY_ASSIGN(const Eval eval, ReadEval(command));
  const absl::Status status = RunEval(eval);
  if (status.ok()) {
    Report(command, Outcome::Kind::kPassed, "");
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
  source_.reset();
  std::map<model::Labels, LoadedSeries> loaded;
  std::optional<StartsText> starts;
  for (const std::string_view line : command.below) {
    if (IsStartsText(line)) {
      BARO_TRY_ASSIGN(starts, ParseStartsText(line));
      continue;
    }
    BARO_TRY_ASSIGN(const SeriesText series, ParseSeriesText(line));
    if (starts &&
        (starts->labels != series.labels || starts->offsets_ms.size() != series.values.size())) {
      return absl::InvalidArgumentError("an @st line is not of the series below it");
    }
    LoadedSeries& samples = loaded[series.labels];
    samples.clear();
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i].there) continue;
      const int64_t time_ms = static_cast<int64_t>(i) * gap_ms;
      int64_t start_ms = 0;
      if (starts && starts->offsets_ms[i]) start_ms = time_ms + *starts->offsets_ms[i];
      samples[time_ms] = {series.values[i].value, series.values[i].histogram, start_ms};
    }
    starts.reset();
  }
  if (!nhcb.empty()) BARO_TRY(AddCustomHistograms(&loaded));
  for (auto& [labels, samples] : loaded) {
    for (auto& [time_ms, sample] : samples) samples_[labels][time_ms] = std::move(sample);
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
    for (const auto& [labels, samples] : samples_) AppendSeries(labels, samples, &*source_);
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
