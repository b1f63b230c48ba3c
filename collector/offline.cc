#include "offline.h"

#include <cstdio>
#include <string>

#include "baro/base/strings.h"
#include "baro/tsdb/store_admin.h"
#include "rules/rule_loader.h"
#include "slo/slo_loader.h"

namespace baro::collector {
namespace {

std::string ReportText(const tsdb::VerifyReport& report) {
  std::string text = base::StrCat(
      "files            ", report.files, " (", report.file_bytes, " bytes)\n", "index records    ",
      report.index_records, "\n", "parts            ", report.parts, "\n", "values           ",
      report.values, "\n", "samples          ", report.samples, "\n", "journals         ",
      report.journals, " (", report.journal_records, " records)\n", "damaged places   ",
      report.damages_total, "\n");
  for (const tsdb::Damage& damage : report.damages) {
    base::StrAppend(&text, "damaged: ", damage.place, ": ", damage.what, "\n");
  }
  return text;
}

int Finish(const absl::StatusOr<tsdb::VerifyReport>& report, const std::string& good) {
  if (!report.ok()) {
    std::fprintf(stderr, "baro-collector: %s\n", std::string(report.status().message()).c_str());
    return 1;
  }
  const bool is_good = report->damages_total == 0;
  std::printf("%s%s\n", ReportText(*report).c_str(),
              is_good ? good.c_str() : "the store is damaged");
  return is_good ? 0 : 1;
}

}  // namespace

int RunOffline(const CollectorOptions& options) {
  if (options.verify) return Finish(tsdb::VerifyFolder(options.storage_path), "the store is good");
  return Finish(
      tsdb::RestoreBackup({options.restore_from, options.restore_name, options.storage_path}),
      base::StrCat("restored to ", options.storage_path));
}

int CheckConfig(const CollectorOptions& options) {
  const auto config = ReadConfig(options.config_file);
  absl::Status status = config.status();
  size_t groups = 0;
  size_t slos = 0;
  if (status.ok()) {
    const auto rules = LoadRules(*config, options.config_file, options.external_url);
    status = rules.status();
    if (rules.ok()) groups = rules->groups.size();
  }
  if (status.ok()) {
    const auto specs = LoadSlos(*config, options.config_file);
    status = specs.status();
    if (specs.ok()) slos = specs->size();
  }
  if (!status.ok()) {
    std::fprintf(stderr, "baro-collector: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  std::printf("the configuration is good: %zu rule groups, %zu objectives\n", groups, slos);
  return 0;
}

}  // namespace baro::collector
