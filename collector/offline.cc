#include "offline.h"

#include <cstdio>
#include <string>

#include "baro/base/strings.h"
#include "baro/tsdb/store_admin.h"

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

}  // namespace baro::collector
