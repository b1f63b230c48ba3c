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
  std::string context;       // a name of `baro ctx`; empty: the current one
  std::string alertmanager;  // its URL; empty: the one the collector tells
  bool exit_code = false;    // say by the exit code what the answer holds
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
// Of pods, nodes, targets, series or rules.
struct TopArguments {
  std::string kind;
  std::string by;
  int limit = 15;
  bool once = false;
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
struct CheckRulesArguments {
  std::vector<std::string> files;
  bool live = false;  // hold them against what the collector has
};
struct TestRulesArguments {
  std::vector<std::string> files;
  std::vector<std::string> run;  // regular expressions for names of tests
  std::string junit;             // a file; empty: no report
  bool coverage = false;
  double coverage_min = 0;  // percent; less fails
};
struct RulesArguments {
  std::string pattern;  // of names; a regular expression
  bool failing = false;
};
struct RulesBacktestArguments {
  std::vector<std::string> files;
  std::string since = "30d";
  std::string from;
  std::string to = "now";
  std::string step;
  int limit = 20;
};
struct RulesBackfillArguments {
  std::vector<std::string> files;
  std::string since = "1d";
  std::string from;
  std::string to = "now";
  bool yes = false;  // without it only what would be done is said
};
struct AlertsArguments {
  std::vector<std::string> matchers;
  std::string group_by;
  std::string state;
  int limit = 0;
};
struct AlertExplainArguments {
  std::string id;
  std::string at;  // empty: now
  int limit = 5;
};
struct AckArguments {
  std::string id;
  std::string lasts = "4h";
  std::string comment;
  std::string author;
  bool dry_run = false;
  bool quiet_only = false;  // tell the collector, silence nothing
};
struct SilenceAddArguments {
  std::vector<std::string> matchers;
  std::string lasts = "2h";
  std::string start = "now";
  std::string comment;
  std::string author;
  bool dry_run = false;
};
struct SilenceListArguments {
  std::vector<std::string> matchers;
  bool expired = false;
};
struct SilenceExpireArguments {
  std::vector<std::string> ids;
};
struct ContextArguments {
  std::string action;  // ls, use, set, rm
  std::string name;
  std::string server;
  std::string alertmanager;
};
// baro slo; `labels` are of a group, NAME=VALUE.
struct SloListArguments {
  std::vector<std::string> names;
  std::string service;
  std::string state;
};
struct SloGetArguments {
  std::string name;
};
struct SloExplainArguments {
  std::string name;
  std::string window = "1h";
  std::vector<std::string> labels;
  int limit = 10;
};
struct SloForecastArguments {
  std::string name;
  std::string horizon;
  std::vector<std::string> labels;
};
struct SloBacktestArguments {
  std::string name;
  std::string file;  // instead of what is in force
  std::string since;
  std::string objective;
  std::vector<std::string> labels;
};
struct SloExcludeArguments {
  std::string action;  // add, ls, rm
  std::string name;    // of the objective, or the exclusion's id
  std::string from = "now";
  std::string to;
  std::string author;
  std::string reason;
  std::vector<std::string> labels;
};
struct SloGateArguments {
  std::vector<std::string> names;
  std::string budget_min;
  std::vector<std::string> labels;
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
    VersionArguments, NotifyTestArguments, NotifyStatusArguments, AlertHistoryArguments,
    CheckRulesArguments, TestRulesArguments, TopArguments, RulesArguments, RulesBacktestArguments,
    RulesBackfillArguments, AlertsArguments, AlertExplainArguments, AckArguments,
    SilenceAddArguments, SilenceListArguments, SilenceExpireArguments, ContextArguments,
    SloListArguments, SloGetArguments, SloExplainArguments, SloForecastArguments,
    SloBacktestArguments, SloExcludeArguments, SloGateArguments>;

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
