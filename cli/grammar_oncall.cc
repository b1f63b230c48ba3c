// What people who are on call type: alerts, silences, who uses most; and which collector is asked.

#include "grammar.h"

namespace baro::cli {
namespace {

void AddMatchers(CLI::App* verb, std::vector<std::string>* matchers, const char* help) {
  verb->add_option("MATCHER", *matchers, help);
}

void AddPerson(CLI::App* verb, std::string* author, std::string* comment) {
  verb->add_option("--comment", *comment, "why")->type_name("TEXT");
  verb->add_option("--author", *author, "who ($USER)")->type_name("NAME");
}

void AddSilenceVerbs(CLI::App* app, Verb* verb) {
  CLI::App* silence = AddVerbFamily(app, "silence", "silences of Alertmanager");
  const auto add =
      AddVerbTo<SilenceAddArguments>(silence, "add", "silence the alerts that match", verb);
  add.app->add_option("MATCHER", add.arguments->matchers, "such as alertname=X or pod=~web-.*")
      ->required();
  add.app->add_option("--for", add.arguments->lasts, "how long (2h)")->type_name("DURATION");
  add.app->add_option("--start", add.arguments->start, "from when (now)")->type_name("TIME");
  AddPerson(add.app, &add.arguments->author, &add.arguments->comment);
  add.app->add_flag("--dry-run", add.arguments->dry_run, "only say what would be silenced");
  const auto list = AddVerbTo<SilenceListArguments>(silence, "ls", "silences in force", verb);
  AddMatchers(list.app, &list.arguments->matchers, "only those with such a matcher");
  list.app->add_flag("--expired", list.arguments->expired, "those that are over, too");
  const auto expire = AddVerbTo<SilenceExpireArguments>(silence, "expire", "end silences", verb);
  expire.app->add_option("ID", expire.arguments->ids, "as ls shows them; the beginning will do")
      ->required();
}

}  // namespace

std::vector<std::string> CostOrders() { return {"duration", "samples", "count", "memory"}; }

void AddTopVerbs(CLI::App* app, Verb* verb) {
  CLI::App* top = AddVerbFamily(app, "top", "who uses most, live");
  struct Kind {
    const char* name;
    const char* help;
    std::vector<std::string> orders;
  };
  const std::vector<Kind> kinds = {
      {"pods", "pods by CPU or memory", {"cpu", "memory", "restarts"}},
      {"nodes", "nodes by CPU, memory, disk or pressure", {"cpu", "memory", "disk", "pressure"}},
      {"targets", "targets by samples or by how long a scrape takes", {"samples", "duration"}},
      {"series", "metrics with most series", {"series"}},
      {"rules", "rules by what their evaluation takes", {"duration"}}};
  for (const Kind& kind : kinds) {
    const auto one = AddVerbTo<TopArguments>(top, kind.name, kind.help, verb);
    one.arguments->kind = kind.name;
    one.arguments->by = kind.orders.front();
    one.app->add_option("--by", one.arguments->by, "largest first of this")
        ->check(CLI::IsMember(kind.orders))
        ->type_name("ORDER")
        ->capture_default_str();
    AddLimitOption(one.app, &one.arguments->limit, "rows (15)");
    one.app->add_flag("--once", one.arguments->once, "print once, also on a terminal");
  }
  const auto queries = AddVerbTo<TopQueriesArguments>(
      top, "queries", "queries that run, and those that cost most", verb);
  queries.app
      ->add_option("--by", queries.arguments->by, "duration (default), samples, count or memory")
      ->check(CLI::IsMember(CostOrders()))
      ->type_name("ORDER");
  queries.app->add_option("--since", queries.arguments->since, "queries of the last (1h)")
      ->type_name("DURATION");
  AddLimitOption(queries.app, &queries.arguments->limit, "rows (10)");
  queries.app->add_flag("--once", queries.arguments->once, "print once, also on a terminal");
  queries.app->add_option("--cancel", queries.arguments->cancel, "end the query with this id")
      ->type_name("ID");
}

void AddAlertVerbs(CLI::App* app, Verb* verb) {
  const auto alerts = AddVerbTo<AlertsArguments>(app, "alerts", "what fires, and since when", verb);
  AddMatchers(alerts.app, &alerts.arguments->matchers,
              "an alert's name, or such as severity=page, pod=~web-.*");
  alerts.app->add_option("-g,--group-by", alerts.arguments->group_by, "one row per value")
      ->type_name("LABEL");
  alerts.app->add_option("--state", alerts.arguments->state, "firing or pending (both)")
      ->check(CLI::IsMember({"firing", "pending"}))
      ->type_name("STATE");
  AddLimitOption(alerts.app, &alerts.arguments->limit, "rows (all)");

  CLI::App* alert = AddVerbFamily(app, "alert", "one alert's life");
  const auto explain = AddVerbTo<AlertExplainArguments>(
      alert, "explain", "why it fires: the expression with values, silences, rollouts", verb);
  explain.app->add_option("ID", explain.arguments->id, "an id of baro alerts, or an alert's name")
      ->required();
  explain.app->add_option("--at", explain.arguments->at, "as it was then (now)")->type_name("TIME");
  AddLimitOption(explain.app, &explain.arguments->limit, "series of each part (5)");
  const auto history =
      AddVerbTo<AlertHistoryArguments>(alert, "history", "what fired, and who was told", verb);
  AddMatchers(history.app, &history.arguments->matchers, "such as 'alertname=\"X\"'");
  history.app->add_option("--since", history.arguments->since, "a time, or how long ago")
      ->type_name("TIME")
      ->capture_default_str();
  AddLimitOption(history.app, &history.arguments->limit, "records (100)");

  const auto ack = AddVerbTo<AckArguments>(app, "ack", "say that you look after an alert", verb);
  ack.app->add_option("ID", ack.arguments->id, "an id of baro alerts, or an alert's name")
      ->required();
  ack.app->add_option("--for", ack.arguments->lasts, "how long it is silenced meanwhile (4h)")
      ->type_name("DURATION");
  AddPerson(ack.app, &ack.arguments->author, &ack.arguments->comment);
  ack.app->add_flag("--dry-run", ack.arguments->dry_run, "only say what would be silenced");
  ack.app->add_flag("--no-silence", ack.arguments->quiet_only, "tell the collector only");
  AddSilenceVerbs(app, verb);
}

void AddContextVerbs(CLI::App* app, Verb* verb) {
  CLI::App* contexts = AddVerbFamily(app, "ctx", "several collectors by name");
  const auto add = [&](const char* name, const char* help) {
    const auto one = AddVerbTo<ContextArguments>(contexts, name, help, verb);
    one.arguments->action = name;
    return one;
  };
  add("ls", "names and URLs; * is the current one");
  const auto use = add("use", "ask this one from now on");
  use.app->add_option("NAME", use.arguments->name)->required();
  const auto set = add("set", "give a collector a name, or change it");
  set.app->add_option("NAME", set.arguments->name)->required();
  set.app->add_option("URL", set.arguments->server, "the collector's")->required();
  set.app->add_option("AM_URL", set.arguments->alertmanager, "its Alertmanager's");
  const auto rm = add("rm", "forget a name");
  rm.app->add_option("NAME", rm.arguments->name)->required();
}

}  // namespace baro::cli
