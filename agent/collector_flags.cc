#include "agent/collector_flags.h"

#include <CLI/CLI.hpp>

#include "agent/node/collector.h"
#include "agent/node/name_filter.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::agent {
namespace {

struct FilterFlag {
  const char* flag;
  std::string NodeFilters::* expression;
};
constexpr FilterFlag kFilterFlags[] = {
    {"--collector.diskstats.device-exclude", &NodeFilters::diskstats_exclude},
    {"--collector.filesystem.mount-points-exclude", &NodeFilters::filesystem_mount_points_exclude},
    {"--collector.filesystem.fs-types-exclude", &NodeFilters::filesystem_types_exclude},
    {"--collector.netclass.ignored-devices", &NodeFilters::netclass_exclude},
    {"--collector.netdev.device-exclude", &NodeFilters::netdev_exclude},
    {"--collector.netstat.fields", &NodeFilters::netstat_include},
    {"--collector.vmstat.fields", &NodeFilters::vmstat_include},
};

}  // namespace

void DeclareCollectorFlags(CLI::App* app, CollectorFlags* flags) {
  constexpr const char* kGroup = "Node collectors";
  app->add_flag("--collector.disable-defaults", flags->disable_defaults,
                "Only collectors that are switched on by name")
      ->group(kGroup);
  for (const CollectorEntry& entry : AllCollectors()) {
    const std::string name(entry.name);
    app->add_flag_function(
           base::StrCat("--collector.", name, ",!--no-collector.", name),
           [flags, name](int64_t on) { flags->enabled[name] = on > 0; },
           base::StrCat("Collector ", name, entry.enabled_by_default ? " (on)" : " (off)"))
        ->group(kGroup);
    app->add_option_function<std::string>(
           base::StrCat("--collector.", name, ".interval"),
           [flags, name](const std::string& text) { flags->intervals[name] = text; },
           "How often; node.interval by default")
        ->type_name("DURATION")
        ->group("");  // one a collector: not in the help
  }
  for (const FilterFlag& filter : kFilterFlags) {
    app->add_option_function<std::string>(
           filter.flag,
           [flags, name = std::string(filter.flag)](const std::string& text) {
             flags->filters[name] = text;
           },
           "Regular expression (RE2)")
        ->type_name("REGEXP")
        ->group(kGroup);
  }
}

absl::Status ApplyCollectorFlags(const CollectorFlags& flags, NodeOptions* options) {
  if (flags.disable_defaults) {
    for (const CollectorEntry& entry : AllCollectors()) {
      options->collectors[std::string(entry.name)].enabled = false;
    }
  }
  for (const auto& [name, on] : flags.enabled) options->collectors[name].enabled = on;
  for (const auto& [name, text] : flags.intervals) {
    const auto interval = base::ParseDuration(text);
    if (!interval.ok() || interval->count() <= 0) {
      return absl::InvalidArgumentError(base::StrCat("cannot read --collector.", name,
                                                     ".interval \"", text,
                                                     "\": expected a duration above 0"));
    }
    options->collectors[name].interval = *interval;
  }
  for (const FilterFlag& filter : kFilterFlags) {
    const auto found = flags.filters.find(filter.flag);
    if (found == flags.filters.end()) continue;
    const absl::Status valid = NameFilter::Make(found->second).status();
    if (!valid.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat("cannot read ", filter.flag, ": ", base::FromAbsl(valid.message())));
    }
    options->filters.*filter.expression = found->second;
  }
  return absl::OkStatus();
}

}  // namespace baro::agent
