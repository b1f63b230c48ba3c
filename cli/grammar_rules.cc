// What people who write rules and objectives type.

#include "grammar.h"

namespace baro::cli {
namespace {

void AddPast(CLI::App* verb, std::string* since, std::string* from, std::string* to) {
  CLI::Option* option = verb->add_option("--since", *since, "how far back")
                            ->type_name("DURATION")
                            ->capture_default_str();
  verb->add_option("--from", *from, "the first instant")->type_name("TIME")->excludes(option);
  verb->add_option("--to", *to, "the last instant (now)")->type_name("TIME");
}

void AddGroupLabels(CLI::App* verb, std::vector<std::string>* labels) {
  verb->add_option("--label", *labels, "of the group")->type_name("NAME=VALUE");
}

}  // namespace

void AddRuleVerbs(CLI::App* app, Verb* verb) {
  const auto rules =
      AddVerbTo<RulesArguments>(app, "rules", "rules and how they fare; failing ones first", verb);
  rules.app->require_subcommand(0, 1);
  rules.app->add_option("PATTERN", rules.arguments->pattern, "only names that match (regex)");
  rules.app->add_flag("--failing", rules.arguments->failing, "only those that cannot be evaluated");
  const auto backtest = AddVerbTo<RulesBacktestArguments>(
      rules.app, "backtest", "what a file's alerts would have done, before it is enabled", verb);
  backtest.app->add_option("FILE", backtest.arguments->files, "rule files")->required();
  AddPast(backtest.app, &backtest.arguments->since, &backtest.arguments->from,
          &backtest.arguments->to);
  backtest.app
      ->add_option("--step", backtest.arguments->step, "between two evaluations (the groups')")
      ->type_name("DURATION");
  AddLimitOption(backtest.app, &backtest.arguments->limit, "alerts that are listed (20)");
  const auto backfill = AddVerbTo<RulesBackfillArguments>(
      rules.app, "backfill", "write what recording rules would have recorded", verb);
  backfill.app->add_option("FILE", backfill.arguments->files, "rule files")->required();
  AddPast(backfill.app, &backfill.arguments->since, &backfill.arguments->from,
          &backfill.arguments->to);
  backfill.app->add_flag("--yes", backfill.arguments->yes,
                         "do it; without, only say what would be");

  CLI::App* check = AddVerbFamily(app, "check", "look for mistakes in files");
  const auto check_rules = AddVerbTo<CheckRulesArguments>(
      check, "rules", "rule files: every mistake with its line and column", verb);
  check_rules.app->add_option("FILE", check_rules.arguments->files, "rule files")->required();
  check_rules.app->add_flag("--live", check_rules.arguments->live,
                            "hold them against the collector's series, too");
  CLI::App* test = AddVerbFamily(app, "test", "run unit tests");
  const auto test_rules = AddVerbTo<TestRulesArguments>(
      test, "rules", "unit tests of rules, as promtool's files have them", verb);
  TestRulesArguments* tests = test_rules.arguments;
  test_rules.app->add_option("FILE", tests->files, "unit-test files")->required();
  test_rules.app->add_option("--run", tests->run, "only tests whose names match")
      ->type_name("REGEX")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  test_rules.app->add_option("--junit", tests->junit, "write a JUnit report")->type_name("FILE");
  test_rules.app->add_flag("--coverage", tests->coverage, "say which rules no test sees firing");
  test_rules.app->add_option("--coverage-min", tests->coverage_min, "fail below")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("PERCENT");
}

void AddSloVerbs(CLI::App* app, Verb* verb) {
  CLI::App* slo = AddVerbFamily(app, "slo", "service level objectives");
  const auto list = AddVerbTo<SloListArguments>(slo, "ls", "budgets, the worst first", verb);
  list.app->add_option("NAME", list.arguments->names, "only these");
  list.app->add_option("--service", list.arguments->service, "only of this service")
      ->type_name("NAME");
  list.app->add_option("--state", list.arguments->state, "only in this state")
      ->check(CLI::IsMember({"ok", "no_traffic", "no_data", "firing", "exhausted"}))
      ->type_name("STATE");
  const auto get = AddVerbTo<SloGetArguments>(slo, "get", "one objective, all of it", verb);
  get.app->add_option("NAME", get.arguments->name)->required();
  const auto explain = AddVerbTo<SloExplainArguments>(slo, "explain", "who spent the budget", verb);
  explain.app->add_option("NAME", explain.arguments->name)->required();
  explain.app->add_option("--window", explain.arguments->window, "of the last (1h)")
      ->type_name("DURATION");
  AddGroupLabels(explain.app, &explain.arguments->labels);
  AddLimitOption(explain.app, &explain.arguments->limit, "rows (10)");
  const auto forecast =
      AddVerbTo<SloForecastArguments>(slo, "forecast", "when the budget is gone", verb);
  forecast.app->add_option("NAME", forecast.arguments->name)->required();
  forecast.app->add_option("--horizon", forecast.arguments->horizon, "how far (the window)")
      ->type_name("DURATION");
  AddGroupLabels(forecast.app, &forecast.arguments->labels);
  const auto backtest =
      AddVerbTo<SloBacktestArguments>(slo, "backtest", "what it would have paged", verb);
  backtest.app->add_option("NAME", backtest.arguments->name)->required();
  backtest.app->add_option("--file", backtest.arguments->file, "an SLO file that is not in force")
      ->type_name("FILE");
  backtest.app->add_option("--since", backtest.arguments->since, "how far back (the window)")
      ->type_name("DURATION");
  backtest.app->add_option("--objective", backtest.arguments->objective, "another one, in percent")
      ->type_name("PERCENT");
  AddGroupLabels(backtest.app, &backtest.arguments->labels);
  CLI::App* exclude = AddVerbFamily(slo, "exclude", "times that do not count");
  const auto add = AddVerbTo<SloExcludeArguments>(exclude, "add", "exclude a time", verb);
  add.arguments->action = "add";
  add.app->add_option("NAME", add.arguments->name, "the objective, or '*'")->required();
  add.app->add_option("--from", add.arguments->from, "the start (now)")->type_name("TIME");
  add.app->add_option("--to", add.arguments->to, "the end, or how long from now")
      ->required()
      ->type_name("TIME");
  add.app->add_option("--reason", add.arguments->reason, "why")->required()->type_name("TEXT");
  add.app->add_option("--author", add.arguments->author, "who ($USER)")->type_name("NAME");
  AddGroupLabels(add.app, &add.arguments->labels);
  const auto excluded = AddVerbTo<SloExcludeArguments>(exclude, "ls", "what is excluded", verb);
  excluded.arguments->action = "ls";
  excluded.app->add_option("NAME", excluded.arguments->name, "of this objective");
  const auto remove = AddVerbTo<SloExcludeArguments>(exclude, "rm", "count it again", verb);
  remove.arguments->action = "rm";
  remove.app->add_option("ID", remove.arguments->name, "as ls shows it")->required();
  const auto gate = AddVerbTo<SloGateArguments>(
      slo, "gate", "whether a change may go out; exit code 10 when not", verb);
  gate.app->add_option("NAME", gate.arguments->names)->required();
  gate.app->add_option("--budget-min", gate.arguments->budget_min, "remaining budget, 0 to 1 (0)")
      ->type_name("RATIO");
  AddGroupLabels(gate.app, &gate.arguments->labels);
}

}  // namespace baro::cli
