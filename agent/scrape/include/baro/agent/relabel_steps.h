// A dry run of relabel_configs: what each rule does to an address, without scraping it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "baro/agent/scrape_config.h"
#include "baro/model/labels.h"

namespace baro::agent {

// JSON: the labels before, behind each rule and of the target that comes out; or what is wrong with
// it. `discovered` is what discovery would say beside the job's own (__address__, __meta_…).
std::string RelabelStepsJson(const ScrapeJob& job, const model::Labels& discovered);

// The same for a series of the job's targets and metric_relabel_configs.
std::string MetricRelabelStepsJson(const ScrapeJob& job, const model::Labels& series);

}  // namespace baro::agent
