// Command line options of a fleet, the same for every replay.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "corpus.h"

namespace baro::bench {

struct CorpusOptions {
  std::string folder;
  std::vector<std::string> only;
};

inline void AddPlanOptions(CLI::App* app, CorpusOptions* corpus, Plan* plan) {
  app->add_option("--data", corpus->folder, "Folder of *.columns")->required();
  app->add_option("--exporters", corpus->only, "Only these, separated by commas")->delimiter(',');
  app->add_option("--instances", plan->instances, "Of each exporter");
  app->add_option("--first-instance", plan->first_instance, "Number of the first");
  app->add_option("--rows", plan->rows, "Samples of each series");
  app->add_option("--first-row", plan->first_row, "Number of the first");
  app->add_option("--interval-ms", plan->interval_ms, "Between two rows");
  app->add_option("--start-ms", plan->start_ms, "Time of row 0")->required();
}

}  // namespace baro::bench
