// What was typed: one structure per verb, filled from argv by CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "render/screen.h"

namespace baro::cli {

enum class ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,
  kAuth = 3,
  kPartial = 4,
  kFiring = 10,  // with --exit-code: the answer holds a firing alert
  kNoData = 11,  // with --exit-code: the answer is empty
};

enum class Format {
  kAuto,   // table on a terminal, wide elsewhere
  kTable,  // rounded and cut to the screen, for eyes
  kWide,   // a table with everything exact and nothing cut
  kJson,
  kJsonLines,
  kCsv,
};

inline constexpr double kWatchSecondsDefault = 2;

struct GlobalOptions {
  std::string server = "http://127.0.0.1:9490";
  Format format = Format::kAuto;
  bool headers = true;
  std::optional<double> watch_seconds;
  int64_t timeout_ms = 30'000;
  ColorChoice color = ColorChoice::kAuto;
  bool exit_code = false;  // say by the exit code what the answer holds
};

// Limits are rows, 0 for all.
struct QueryArguments {
  std::string expression;
  std::string at = "now";
  int limit = 0;
  bool stats = false;
};
struct RangeOptions {
  std::string since = "1h";
  std::string from;
  std::string to = "now";
  std::string step;
};
struct RangeArguments : RangeOptions {
  std::string expression;
  int limit = 0;
  bool stats = false;
  bool graph = false;
};
struct LabelsArguments {
  std::string name;
  std::string match;
  std::string since;  // empty: whenever
  int limit = 0;
};
struct SeriesArguments {
  std::string selector;
  std::string since = "1h";
  int limit = 0;
};
struct MetricsArguments {
  std::string pattern;
  int limit = 0;
};
struct ExplainArguments : RangeOptions {
  std::string expression;
  std::string at = "now";
  bool over_time = false;  // explain the range, not the instant
};
struct DiffArguments {
  std::string expression;
  std::string offset = "1d";
  std::string at = "now";
  std::string by = "change";  // or "ratio"
  int limit = 0;
};
struct TopQueriesArguments {
  std::string by = "duration";
  std::string since = "1h";
  int limit = 10;
  bool once = false;   // on a terminal: do not repeat
  std::string cancel;  // the id of a query to end; nothing else is done
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
// What leaves the collector: series by selector and range.
struct ExportArguments {
  std::string place;     // a folder; a file, "-" for standard output
  std::string selector;  // empty: everything
  std::string since;
  std::string from;
  std::string to = "now";
  std::string block = "2h";
};
struct TsdbExportBlocksArguments : ExportArguments {};
struct TsdbExportOpenMetricsArguments : ExportArguments {};
struct TsdbImportBlocksArguments {
  std::string place;
};
struct TsdbImportOpenMetricsArguments {
  std::string place;
};
struct CompletionArguments {
  std::string shell;
};
// Asked by the completion scripts: what the last word of a command line may become.
struct CompleteArguments {
  std::string line;     // up to the cursor
  std::string replace;  // the part of the last word that the shell will replace; empty: all
  bool plain = false;   // print whole words without quoting: the shell quotes by itself
};
struct VersionArguments {};
// POSTs a test alert past the queues and says what came of it.
struct NotifyTestArguments {
  std::string receiver;  // empty: all
  bool resolved = false;
  std::vector<std::string> labels;  // name=value
};
struct NotifyStatusArguments {};
struct AlertHistoryArguments {
  std::vector<std::string> matchers;
  std::string since = "24h";
  int limit = 100;
};

using Verb = std::variant<
    QueryArguments, RangeArguments, LabelsArguments, SeriesArguments, MetricsArguments,
    TargetsArguments, AgentsArguments, StatusArguments, TsdbDeleteArguments, TsdbCleanArguments,
    TsdbCompactArguments, TsdbSnapshotArguments, TsdbBackupArguments, TsdbRestoreArguments,
    TsdbVerifyArguments, TsdbCardinalityArguments, TsdbStatusArguments, TsdbExportBlocksArguments,
    TsdbExportOpenMetricsArguments, TsdbImportBlocksArguments, TsdbImportOpenMetricsArguments,
    CompletionArguments, CompleteArguments, ExplainArguments, DiffArguments, TopQueriesArguments,
    VersionArguments, NotifyTestArguments, NotifyStatusArguments, AlertHistoryArguments>;

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
  std::vector<VerbDescription> parts;  // of a verb that has verbs of its own (tsdb delete, …)
};
std::vector<VerbDescription> DescribeVerbs();

}  // namespace baro::cli
