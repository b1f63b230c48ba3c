// Operations on the store: Prometheus' /api/v1/admin/tsdb, and our own below /api/v1/baro/admin.
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promql/engine.h"
#include "baro/tsdb/store_admin.h"
#include "http_api/answer.h"
#include "http_api/handlers.h"
#include "http_api/json_object.h"
#include "http_api/parameters.h"

namespace baro::collector {
namespace {

// Unlike for queries, a selector that matches everything is taken: Prometheus does so.
absl::StatusOr<tsdb::DeleteRequest> DeleteRequestOf(const net::ServerRequest& request) {
  const Parameters parameters(request);
  BARO_TRY(parameters.form_error());
  tsdb::DeleteRequest wanted;
  const std::vector<std::string> texts = parameters.All("match[]");
  if (texts.empty()) return absl::InvalidArgumentError("no match[] parameter provided");
  BARO_TRY_ASSIGN(wanted.start_ms, TimeParameter(parameters, "start", model::kTimeMsMin));
  BARO_TRY_ASSIGN(wanted.end_ms, TimeParameter(parameters, "end", model::kTimeMsMax));
  for (const std::string& text : texts) {
    auto matchers = promql::ParseSelector(text);
    if (!matchers.ok()) return InvalidParameter("match[]", matchers.status());
    if (matchers->empty()) continue;  // {} is nothing to Prometheus, and would be all to us
    wanted.selectors.push_back(*std::move(matchers));
  }
  return wanted;
}

// As Go's strconv.ParseBool.
absl::StatusOr<bool> BoolParameter(const Parameters& parameters, std::string_view name) {
  const std::string_view text = parameters.Get(name);
  if (text.empty()) return false;
  for (const char* word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == word) return true;
  }
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == word) return false;
  }
  return InvalidParameter(
      name, absl::InvalidArgumentError(base::StrCat("unable to parse boolean: strconv.ParseBool: "
                                                    "parsing ",
                                                    GoQuoted(text), ": invalid syntax")));
}

absl::StatusOr<tsdb::StoreAdmin*> AdminOf(const ApiParts& parts) {
  if (parts.admin != nullptr) return parts.admin;
  return absl::UnavailableError("the store takes no orders");
}

void WriteReport(const tsdb::VerifyReport& report, JsonWriter* writer) {
  JsonObject object(writer);
  object.Add("good", report.damages_total == 0);
  object.Add("files", report.files);
  object.Add("fileBytes", report.file_bytes);
  object.Add("indexRecords", report.index_records);
  object.Add("parts", report.parts);
  object.Add("values", report.values);
  object.Add("samples", report.samples);
  object.Add("journals", report.journals);
  object.Add("journalRecords", report.journal_records);
  object.Add("damagesTotal", report.damages_total);
  JsonList list(object.Key("damages"));
  for (const tsdb::Damage& damage : report.damages) {
    JsonObject entry(list.Next());
    entry.Add("place", damage.place);
    entry.Add("what", damage.what);
  }
}

}  // namespace

Answer DeleteSeries(const ApiParts& parts, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const tsdb::DeleteRequest wanted, DeleteRequestOf(request));
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  BARO_TRY(admin->Delete(wanted));
  return NoContentAnswer();
}

Answer CleanTombstones(const ApiParts& parts, const net::ServerRequest&) {
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  BARO_TRY(admin->CleanTombstones());
  return NoContentAnswer();
}

Answer TakeSnapshot(const ApiParts& parts, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const bool skip_head, BoolParameter(Parameters(request), "skip_head"));
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  const std::string name = tsdb::SnapshotName(parts.clock->NowMs());
  BARO_TRY(
      admin->Snapshot({base::StrCat(parts.facts.storage_path, "/snapshots/", name), !skip_head}));
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("name", name);
  }
  return FinishAnswer(&writer);
}

Answer CountDelete(const ApiParts& parts, const net::ServerRequest& request) {
  BARO_TRY_ASSIGN(const tsdb::DeleteRequest wanted, DeleteRequestOf(request));
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  BARO_TRY_ASSIGN(const tsdb::DeleteCount count, admin->CountDelete(wanted));
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("series", count.series);
    object.Add("samples", count.samples);
  }
  return FinishAnswer(&writer);
}

Answer BackUp(const ApiParts& parts, const net::ServerRequest&) {
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  if (parts.facts.backup_path.empty()) {
    return absl::FailedPreconditionError(
        "no folder for backups is set: start the collector with --storage.backup-path");
  }
  BARO_TRY_ASSIGN(const tsdb::BackupReport report, admin->Backup(parts.facts.backup_path));
  JsonWriter writer = StartAnswer();
  {
    JsonObject object(&writer);
    object.Add("name", report.name);
    object.Add("folder", parts.facts.backup_path);
    object.Add("files", report.files);
    object.Add("bytes", report.bytes);
    object.Add("filesCopied", report.files_copied);
    object.Add("bytesCopied", report.bytes_copied);
    object.Add("damagesTotal", report.damages.size());
  }
  return FinishAnswer(&writer);
}

Answer VerifyStore(const ApiParts& parts, const net::ServerRequest&) {
  BARO_TRY_ASSIGN(tsdb::StoreAdmin* const admin, AdminOf(parts));
  BARO_TRY_ASSIGN(const tsdb::VerifyReport report, admin->Verify());
  JsonWriter writer = StartAnswer();
  WriteReport(report, &writer);
  return FinishAnswer(&writer);
}

}  // namespace baro::collector
