// The grammar in parts: each adds verbs of one kind. A verb owns its arguments and leaves them in
// `verb` when it is met.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "command_line.h"

namespace baro::cli {

template <typename Arguments>
struct VerbGrammar {
  CLI::App* app;
  Arguments* arguments;  // lives as long as the app
};

template <typename Arguments>
VerbGrammar<Arguments> AddVerbTo(CLI::App* above, const std::string& name, const std::string& help,
                                 Verb* verb) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* app = above->add_subcommand(name, help);
  app->fallthrough();
  // Of a verb with verbs of its own, those win: its callback is the last one.
  app->final_callback([arguments, verb, app] {
    if (app->get_subcommands().empty()) *verb = *arguments;
  });
  return {app, arguments.get()};
}

// A verb that only has verbs of its own.
inline CLI::App* AddVerbFamily(CLI::App* above, const std::string& name, const std::string& help) {
  CLI::App* app = above->add_subcommand(name, help);
  app->require_subcommand(1);
  app->fallthrough();
  return app;
}

inline void AddLimitOption(CLI::App* verb, int* limit, const std::string& help) {
  verb->add_option("-l,--limit", *limit, help)->check(CLI::Range(0, 1'000'000))->type_name("COUNT");
}

void AddTopVerbs(CLI::App* app, Verb* verb);
void AddAlertVerbs(CLI::App* app, Verb* verb);
void AddRuleVerbs(CLI::App* app, Verb* verb);
void AddSloVerbs(CLI::App* app, Verb* verb);
void AddContextVerbs(CLI::App* app, Verb* verb);

// What queries are ordered by.
std::vector<std::string> CostOrders();

}  // namespace baro::cli
