// What was typed: one structure per verb, filled from argv by CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "render/screen.h"

namespace baro::cli {

enum class ExitCode : int { kOk = 0, kError = 1, kUsage = 2, kAuth = 3, kPartial = 4 };

enum class Format {
  kAuto,   // table on a terminal, wide elsewhere
  kTable,  // rounded and cut to the screen, for eyes
  kWide,   // a table with everything exact and nothing cut
  kJson,
  kJsonLines,
  kCsv,
};

struct GlobalOptions {
  std::string server = "http://127.0.0.1:9490";
  Format format = Format::kAuto;
  bool headers = true;
  std::optional<double> watch_seconds;
  int64_t timeout_ms = 30'000;
  ColorChoice color = ColorChoice::kAuto;
};

struct QueryArguments {
  std::string expression;
  std::string at = "now";
};
struct RangeArguments {
  std::string expression;
  std::string since = "1h";
  std::string from;
  std::string to = "now";
  std::string step;
  bool graph = false;
};
struct LabelsArguments {
  std::string name;
  std::string match;
};
struct SeriesArguments {
  std::string selector;
  std::string since = "1h";
};
struct MetricsArguments {
  std::string pattern;
};
struct TargetsArguments {};
struct AgentsArguments {};
struct StatusArguments {};
struct TsdbDeleteArguments {
  std::vector<std::string> selectors;
  std::string from;
  std::string to;
  bool yes = false;      // without it nothing is deleted
  bool dry_run = false;  // say what would go, and be content with that
};
struct TsdbCleanArguments {};
struct TsdbCompactArguments {};
struct TsdbSnapshotArguments {
  bool skip_head = false;
};
struct TsdbBackupArguments {};
struct TsdbRestoreArguments {};
struct TsdbVerifyArguments {};
struct TsdbCardinalityArguments {
  int limit = 10;
};
struct TsdbStatusArguments {};
struct CompletionArguments {
  std::string shell;
};
struct VersionArguments {};

using Verb = std::variant<QueryArguments, RangeArguments, LabelsArguments, SeriesArguments,
                          MetricsArguments, TargetsArguments, AgentsArguments, StatusArguments,
                          TsdbDeleteArguments, TsdbCleanArguments, TsdbCompactArguments,
                          TsdbSnapshotArguments, TsdbBackupArguments, TsdbRestoreArguments,
                          TsdbVerifyArguments, TsdbCardinalityArguments, TsdbStatusArguments,
                          CompletionArguments, VersionArguments>;

struct CommandLine {
  GlobalOptions options;
  Verb verb;
};

// Either a command, or what to print and the code to exit with (help, a usage error).
struct ParsedCommandLine {
  std::optional<CommandLine> command;
  ExitCode exit_code = ExitCode::kOk;
  std::string out;
  std::string err;
};

// `arguments` without the program's name. Reads $BARO_SERVER.
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments);

// The verbs and options as they are, for shell completion.
struct OptionDescription {
  std::vector<std::string> names;  // "-o", "--output"
  std::string help;
  std::vector<std::string> values;  // when only these are allowed
  bool takes_value = false;
};
struct VerbDescription {
  std::string name;  // empty for the options of all verbs
  std::string help;
  std::vector<OptionDescription> options;
  std::vector<std::string> parts;  // of a verb that has verbs of its own (tsdb delete, …)
};
std::vector<VerbDescription> DescribeVerbs();

}  // namespace baro::cli
