#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "baro/base/strings.h"
#include "contexts.h"
#include "grammar.h"
#include "time_text.h"
#include "verbs/shell_words.h"

namespace baro::cli {
namespace {

const std::map<std::string, Format> kFormats = {{"table", Format::kTable},
                                                {"wide", Format::kWide},
                                                {"json", Format::kJson},
                                                {"jsonl", Format::kJsonLines},
                                                {"csv", Format::kCsv}};
const std::map<std::string, ColorChoice> kColors = {
    {"auto", ColorChoice::kAuto}, {"always", ColorChoice::kAlways}, {"never", ColorChoice::kNever}};
const std::vector<std::string> kChangeOrders = {"change", "ratio"};
constexpr const char* kFooter =
    "\nDurations: 90s, 15m, 1h30m, 2d. Times: now, -15m, \"2026-11-23 05:00\", 05:00, seconds "
    "since 1970; all UTC.\nExit codes: 0 ok, 1 error, 2 usage or a wrong expression, 3 not "
    "allowed, "
    "4 partial (answer with warnings); with --exit-code 10 (an alert fires), 11 (no data).\n";

// What CLI11 stores as text and is read after parsing.
struct RawOptions {
  std::string format;
  std::string color = "auto";
  std::string timeout = "30s";
  std::vector<std::string> watch;
  bool no_headers = false;
};

template <typename Value>
std::vector<std::string> NamesOf(const std::map<std::string, Value>& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

// The whole grammar. Parsing fills `command` and `raw`, which must outlive the app.
class Grammar {
 public:
  Grammar() : app_("Asks a Barograph collector: KPIs now and over time, targets, agents.", "baro") {
    app_.require_subcommand(1);
    app_.footer(kFooter);
    AddGlobalOptions();
    AddQuery();
    AddRange();
    AddLabels();
    AddSeries();
    AddMetrics();
    AddExplain();
    AddDiff();
    AddTopVerbs(&app_, &command_.verb);
    AddPlain<TargetsArguments>("targets", "what is scraped, and what of it is down");
    AddPlain<AgentsArguments>("agents", "the agents that push to this collector");
    AddPlain<StatusArguments>("status", "health and size of the collector");
    AddNotify();
    AddTsdb();
    AddAlertVerbs(&app_, &command_.verb);
    AddRuleVerbs(&app_, &command_.verb);
    AddSloVerbs(&app_, &command_.verb);
    AddContextVerbs(&app_, &command_.verb);
    AddCompletion();
    AddPlain<VersionArguments>("version", "the version of this program");
  }

  CLI::App& app() { return app_; }
  CommandLine& command() { return command_; }
  RawOptions& raw() { return raw_; }

 private:
  void AddGlobalOptions() {
    app_.add_option("--server", command_.options.server, "the collector's URL")
        ->envname("BARO_SERVER")
        ->type_name("URL")
        ->capture_default_str();
    app_.add_option("-o,--output", raw_.format,
                    "table (default on a terminal), wide (default elsewhere), json, jsonl, csv")
        ->check(CLI::IsMember(NamesOf(kFormats)))
        ->type_name("FORMAT");
    app_.add_flag("--no-headers", raw_.no_headers, "rows only, without titles and totals");
    app_.add_option("--watch", raw_.watch, "repeat every SECONDS (2)")
        ->expected(0, 1)
        ->type_name("[SECONDS]");
    app_.add_flag("--exit-code", command_.options.exit_code,
                  "exit with 10 when the answer holds a firing alert, 11 when it is empty");
    app_.add_option("--timeout", raw_.timeout, "give up after")
        ->type_name("DURATION")
        ->capture_default_str();
    app_.add_option("--color", raw_.color, "auto, always or never; NO_COLOR is obeyed")
        ->check(CLI::IsMember(NamesOf(kColors)))
        ->type_name("WHEN");
    app_.add_option("--context", command_.options.context, "a collector of baro ctx")
        ->envname("BARO_CONTEXT")
        ->type_name("NAME");
    app_.add_option("--alertmanager", command_.options.alertmanager,
                    "for silences (those that the collector tells)")
        ->envname("BARO_ALERTMANAGER")
        ->type_name("URL");
  }

  // A verb whose arguments start as `Arguments{}` and are chosen when it is met.
  template <typename Arguments>
  CLI::App* AddVerb(const std::string& name, const std::string& help, Arguments* arguments) {
    return AddVerb(&app_, name, help, arguments);
  }
  // The same; `finish` sees what was given before the arguments are taken.
  template <typename Arguments, typename Finish>
  CLI::App* AddVerb(const std::string& name, const std::string& help, Arguments* arguments,
                    Finish finish) {
    CLI::App* verb = app_.add_subcommand(name, help);
    verb->fallthrough();
    verb->final_callback([this, arguments, finish, verb] {
      finish(*verb);
      command_.verb = *arguments;
    });
    return verb;
  }
  template <typename Arguments>
  CLI::App* AddVerb(CLI::App* above, const std::string& name, const std::string& help,
                    Arguments* arguments) {
    CLI::App* verb = above->add_subcommand(name, help);
    verb->fallthrough();
    verb->final_callback([this, arguments] { command_.verb = *arguments; });
    return verb;
  }

  template <typename Arguments>
  void AddPlain(const std::string& name, const std::string& help) {
    static Arguments none;
    AddVerb(name, help, &none);
  }

  void AddQuery() {
    CLI::App* verb = AddVerb("query", "the value of a PromQL expression at one instant", &query_);
    verb->add_option("EXPR", query_.expression, "PromQL, quoted")->required();
    verb->add_option("--at", query_.at, "the instant (now)")->type_name("TIME");
    AddLimit(verb, &query_.limit, "rows (all)");
    verb->add_flag("--stats", query_.stats, "say what the query cost");
  }

  static void AddLimit(CLI::App* verb, int* limit, const std::string& help) {
    verb->add_option("-l,--limit", *limit, help)
        ->check(CLI::Range(0, 1'000'000))
        ->type_name("COUNT");
  }

  static void AddRangeOptions(CLI::App* verb, RangeOptions* range) {
    CLI::Option* since =
        verb->add_option("--since", range->since, "how far back (1h)")->type_name("DURATION");
    verb->add_option("--from", range->from, "the first instant")
        ->type_name("TIME")
        ->excludes(since);
    verb->add_option("--to", range->to, "the last instant (now)")->type_name("TIME");
    verb->add_option("--step", range->step, "between two values (fitted to the screen)")
        ->type_name("DURATION");
  }

  void AddRange() {
    CLI::App* verb = AddVerb("range", "a PromQL expression over time", &range_);
    verb->add_option("EXPR", range_.expression, "PromQL, quoted")->required();
    AddRangeOptions(verb, &range_);
    AddLimit(verb, &range_.limit, "series, those that are largest now (all)");
    verb->add_flag("--stats", range_.stats, "say what the query cost");
    verb->add_flag("--graph", range_.graph, "draw a chart");
  }

  void AddLabels() {
    CLI::App* verb = AddVerb("labels", "names of labels, or the values of one", &labels_);
    verb->add_option("NAME", labels_.name, "a label");
    verb->add_option("--match", labels_.match, "only of series that match")->type_name("SELECTOR");
    verb->add_option("--since", labels_.since, "only of series with samples within (whenever)")
        ->type_name("DURATION");
    AddLimit(verb, &labels_.limit, "rows (all)");
  }

  void AddSeries() {
    CLI::App* verb = AddVerb("series", "the series that match a selector", &series_);
    verb->add_option("SELECTOR", series_.selector, "such as 'up{job=\"node\"}'")->required();
    verb->add_option("--since", series_.since, "that had samples within (1h)")
        ->type_name("DURATION");
    AddLimit(verb, &series_.limit, "rows (all)");
  }

  void AddMetrics() {
    CLI::App* verb = AddVerb("metrics", "names, types, units and meanings of metrics", &metrics_);
    verb->add_option("PATTERN", metrics_.pattern, "a regular expression; part of a name will do");
    AddLimit(verb, &metrics_.limit, "rows (all)");
  }

  void AddExplain() {
    CLI::App* verb = AddVerb("explain", "how an expression is evaluated, and what it costs",
                             &explain_, [this](const CLI::App& app) {
                               explain_.over_time = app.count("--since") + app.count("--from") +
                                                        app.count("--step") + app.count("--to") >
                                                    0;
                             });
    verb->add_option("EXPR", explain_.expression, "PromQL, quoted")->required();
    verb->add_option("--at", explain_.at, "as a query at this instant (now)")->type_name("TIME");
    AddRangeOptions(verb, &explain_);
  }

  void AddDiff() {
    CLI::App* verb =
        AddVerb("diff", "what changed: an expression now and some time before", &diff_);
    verb->add_option("EXPR", diff_.expression, "PromQL, quoted")->required();
    verb->add_option("--offset", diff_.offset, "how long before (1d)")->type_name("DURATION");
    verb->add_option("--at", diff_.at, "the later instant (now)")->type_name("TIME");
    verb->add_option("--by", diff_.by, "largest first: change (default) or ratio")
        ->check(CLI::IsMember(kChangeOrders))
        ->type_name("ORDER");
    AddLimit(verb, &diff_.limit, "rows (all)");
  }

  template <typename Arguments>
  void AddPlainTsdb(CLI::App* tsdb, const std::string& name, const std::string& help) {
    static Arguments none;
    AddVerb(tsdb, name, help, &none);
  }

  // A verb below `tsdb`.
  template <typename Arguments>
  CLI::App* AddTsdbVerb(CLI::App* tsdb, const std::string& name, const std::string& help,
                        Arguments* arguments) {
    CLI::App* verb = tsdb->add_subcommand(name, help);
    verb->fallthrough();
    verb->final_callback([this, arguments] { command_.verb = *arguments; });
    return verb;
  }

  static void AddExportOptions(CLI::App* verb, ExportArguments* arguments) {
    verb->add_option("--match", arguments->selector, "only series that match (all)")
        ->type_name("SELECTOR");
    CLI::Option* since = verb->add_option("--since", arguments->since, "how far back (everything)")
                             ->type_name("DURATION");
    verb->add_option("--from", arguments->from, "the first instant")
        ->type_name("TIME")
        ->excludes(since);
    verb->add_option("--to", arguments->to, "the last instant (now)")->type_name("TIME");
  }

  void AddTransfer(CLI::App* tsdb) {
    CLI::App* blocks =
        AddTsdbVerb(tsdb, "export-blocks", "blocks of Prometheus' TSDB, into a folder", &blocks_);
    blocks->add_option("DIR", blocks_.place, "the folder for the blocks")->required();
    AddExportOptions(blocks, &blocks_);
    blocks->add_option("--block-duration", blocks_.block, "of each block (2h)")
        ->type_name("DURATION");
    CLI::App* text = AddTsdbVerb(tsdb, "export-openmetrics", "samples as OpenMetrics text", &text_);
    text->add_option("FILE", text_.place, "where to; - is standard output")->required();
    AddExportOptions(text, &text_);
    AddTsdbVerb(tsdb, "import-blocks", "blocks of Prometheus' TSDB, into the collector",
                &import_blocks_)
        ->add_option("DIR", import_blocks_.place, "a block, or a folder of blocks")
        ->required();
    AddTsdbVerb(tsdb, "import-openmetrics", "OpenMetrics text with timestamps, into the collector",
                &import_text_)
        ->add_option("FILE", import_text_.place, "a file")
        ->required();
  }

  void AddNotify() {
    CLI::App* notify = app_.add_subcommand("notify", "the receivers of alerts");
    notify->require_subcommand(1);
    notify->fallthrough();
    CLI::App* test =
        AddVerb(notify, "test", "post a test alert, say what came of it", &notify_test_);
    test->add_option("RECEIVER", notify_test_.receiver,
                     "an Alertmanager's URL or a webhook's name");
    test->add_flag("--resolved", notify_test_.resolved, "the end of the test alert");
    test->add_option("--label", notify_test_.labels, "such as team=core")->type_name("NAME=VALUE");
    static NotifyStatusArguments status;
    AddVerb(notify, "status", "queue, last success and last error of each receiver", &status);
  }

  void AddTsdb() {
    CLI::App* tsdb = app_.add_subcommand("tsdb", "operate the collector's store");
    tsdb->require_subcommand(1);
    tsdb->fallthrough();
    CLI::App* remove = AddVerb(tsdb, "delete", "samples of series, in a range of time", &delete_);
    remove->add_option("SELECTOR", delete_.selectors, "such as 'up{job=\"node\"}'")->required();
    remove->add_option("--from", delete_.from, "the first instant (all)")->type_name("TIME");
    remove->add_option("--to", delete_.to, "the last instant (all)")->type_name("TIME");
    remove->add_flag("--yes", delete_.yes, "do it; without, only say what would go");
    remove->add_flag("--dry-run", delete_.dry_run, "say what would go");
    AddPlainTsdb<TsdbCleanArguments>(tsdb, "clean", "free the space of deleted samples now");
    AddPlainTsdb<TsdbCompactArguments>(tsdb, "compact", "seal and merge everything now");
    CLI::App* snapshot = AddVerb(tsdb, "snapshot", "a copy of the store beside it", &snapshot_);
    snapshot->add_flag("--skip-head", snapshot_.skip_head, "leave out what is in memory only");
    AddPlainTsdb<TsdbBackupArguments>(tsdb, "backup", "a backup to --storage.backup-path");
    AddPlainTsdb<TsdbRestoreArguments>(tsdb, "restore", "how a backup is restored");
    AddPlainTsdb<TsdbVerifyArguments>(tsdb, "verify", "read everything and tell what is damaged");
    CLI::App* cardinality =
        AddVerb(tsdb, "cardinality", "which metrics and labels have most series", &cardinality_);
    cardinality->add_option("--limit", cardinality_.limit, "rows of each list (10)")
        ->check(CLI::Range(1, 10'000))
        ->type_name("COUNT");
    AddPlainTsdb<TsdbStatusArguments>(tsdb, "status", "figures of the store");
    AddTransfer(tsdb);
  }

  void AddCompletion() {
    CLI::App* verb = AddVerb("completion", "a script that completes commands", &completion_);
    verb->add_option("SHELL", completion_.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    CLI::App* complete = AddVerb("complete", "what a word may become", &complete_);
    complete->group("");  // for the scripts, not for people
    complete->add_option("LINE", complete_.line)->required();
    complete->add_option("REPLACE", complete_.replace);
    complete->add_flag("--plain", complete_.plain);
  }

  CommandLine command_;
  RawOptions raw_;
  QueryArguments query_;
  RangeArguments range_;
  LabelsArguments labels_;
  SeriesArguments series_;
  MetricsArguments metrics_;
  ExplainArguments explain_;
  DiffArguments diff_;
  CompleteArguments complete_;
  NotifyTestArguments notify_test_;
  TsdbDeleteArguments delete_;
  TsdbSnapshotArguments snapshot_;
  TsdbExportBlocksArguments blocks_;
  TsdbExportOpenMetricsArguments text_;
  TsdbImportBlocksArguments import_blocks_;
  TsdbImportOpenMetricsArguments import_text_;
  TsdbCardinalityArguments cardinality_;
  CompletionArguments completion_;
  CLI::App app_;
};

ParsedCommandLine UsageError(const std::string& text) {
  return {std::nullopt, ExitCode::kUsage, "", base::StrCat("baro: ", text, "; see baro --help\n")};
}

// Texts to values. Errors: InvalidArgument.
absl::Status ReadOptions(const RawOptions& raw, GlobalOptions* options) {
  if (!raw.format.empty()) options->format = kFormats.at(raw.format);
  options->color = kColors.at(raw.color);
  options->headers = !raw.no_headers;
  const auto timeout_ms = ParseDuration(raw.timeout);
  if (!timeout_ms.ok()) return timeout_ms.status();
  if (*timeout_ms == 0) return absl::InvalidArgumentError("--timeout must be more than 0");
  options->timeout_ms = *timeout_ms;
  return absl::OkStatus();
}

absl::Status ReadWatch(const CLI::App& app, const RawOptions& raw, GlobalOptions* options) {
  if (app.get_option("--watch")->count() == 0) return absl::OkStatus();
  options->watch_seconds = kWatchSecondsDefault;
  if (raw.watch.empty() || raw.watch.front().empty()) return absl::OkStatus();
  const auto every_ms = ParseDuration(raw.watch.front());
  if (!every_ms.ok()) return every_ms.status();
  if (*every_ms < 100) return absl::InvalidArgumentError("--watch must be at least 0.1 seconds");
  options->watch_seconds = static_cast<double>(*every_ms) / 1e3;
  return absl::OkStatus();
}

OptionDescription Describe(const CLI::Option& option) {
  OptionDescription described;
  for (const std::string& name : option.get_snames()) described.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) described.names.push_back("--" + name);
  described.help = option.get_description();
  described.takes_value = option.get_type_size_max() > 0 && option.get_items_expected_max() > 0;
  if (option.check_lname("output")) described.values = NamesOf(kFormats);
  if (option.check_lname("color")) described.values = NamesOf(kColors);
  return described;
}

std::vector<std::string> OrdersOf(const std::string& verb) {
  if (verb == "diff") return kChangeOrders;
  return verb == "queries" ? CostOrders() : std::vector<std::string>();
}

VerbDescription Describe(const CLI::App& app, const std::string& name) {
  VerbDescription verb{name, app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    verb.options.push_back(Describe(*option));
    if (option->check_lname("by")) verb.options.back().values = OrdersOf(name);
  }
  return verb;
}

// Completion asks the server that the line it completes asks.
void TakeServer(std::string_view line, GlobalOptions* options) {
  const std::vector<ShellWord> words = ShellWords(line);
  for (size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i].text == "--server") options->server = words[i + 1].text;
  }
}

// "-l10"
bool IsLimit(std::string_view argument) {
  return argument[1] == 'l' &&
         argument.find_first_not_of("0123456789", 2) == std::string_view::npos;
}

// An expression may begin with a minus (-up), which would look like an option: a blank before it
// means the same in PromQL and nothing to the grammar. What follows an option is its value.
std::vector<std::string> ShieldExpressions(std::vector<std::string> arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::string& argument = arguments[i];
    const bool is_short = argument.size() > 2 && argument[0] == '-' && argument[1] != '-';
    if (!is_short || argument[1] == 'o' || IsLimit(argument) || arguments[i - 1].starts_with("-"))
      continue;
    argument.insert(0, " ");
  }
  return arguments;
}

}  // namespace

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments) {
  Grammar grammar;
  std::vector<std::string> reversed = ShieldExpressions(arguments);
  std::reverse(reversed.begin(), reversed.end());  // CLI11 takes them from the back
  try {
    grammar.app().parse(std::move(reversed));
  } catch (const CLI::Success& success) {  // --help
    std::ostringstream out;
    grammar.app().exit(success, out, out);
    return {std::nullopt, ExitCode::kOk, out.str(), ""};
  } catch (const CLI::Error& error) {
    return UsageError(error.what());
  }
  GlobalOptions& options = grammar.command().options;
  if (const auto* complete = std::get_if<CompleteArguments>(&grammar.command().verb)) {
    TakeServer(complete->line, &options);
  }
  const bool server_given = grammar.app().get_option("--server")->count() > 0;
  absl::Status read = ReadOptions(grammar.raw(), &options);
  if (read.ok()) read = ApplyContext(server_given, &options);
  if (read.ok()) read = ReadWatch(grammar.app(), grammar.raw(), &options);
  if (!read.ok()) return UsageError(std::string(read.message()));
  while (options.server.ends_with('/')) options.server.pop_back();
  if (options.server.find("://") == std::string::npos) options.server.insert(0, "http://");
  return {std::move(grammar.command()), ExitCode::kOk, "", ""};
}

std::vector<VerbDescription> DescribeVerbs() {
  Grammar grammar;
  std::vector<VerbDescription> verbs = {Describe(grammar.app(), "")};
  for (const CLI::App* verb : grammar.app().get_subcommands({})) {
    if (verb->get_group().empty()) continue;  // not for people
    verbs.push_back(Describe(*verb, verb->get_name()));
    for (const CLI::App* part : verb->get_subcommands({})) {
      verbs.back().parts.push_back(Describe(*part, part->get_name()));
    }
  }
  return verbs;
}

}  // namespace baro::cli
