// baro tsdb …: orders to the collector's store. What is changed there needs a collector that was
// started with --web.enable-admin-api.

#include <algorithm>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "time_text.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// A record as a table of two columns, and as itself in the exact formats.
void PrintRecord(const Record& record, Session* session) {
  List list;
  list.records.push_back(record);
  list.table.columns = {{"WHAT"}, {"VALUE", Align::kLeft, Cut::kEnd}};
  for (const Field& field : record) {
    list.table.rows.push_back({{Harmless(field.name)}, {Harmless(field.text)}});
  }
  PrintList(list, session);
}

absl::StatusOr<Parameters> DeleteParameters(const TsdbDeleteArguments& arguments, int64_t now_ms) {
  Parameters parameters;
  for (const std::string& selector : arguments.selectors) {
    parameters.emplace_back("match[]", selector);
  }
  for (const auto& [name, text] :
       {std::pair("start", arguments.from), std::pair("end", arguments.to)}) {
    if (text.empty()) continue;
    BARO_TRY_ASSIGN(const int64_t time_ms, ParseInstant(text, now_ms));
    parameters.emplace_back(name, SecondsText(time_ms));
  }
  return parameters;
}

}  // namespace

absl::Status Run(const TsdbDeleteArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const Parameters parameters,
                  DeleteParameters(arguments, session->clock->NowMs()));
  BARO_TRY_ASSIGN(Record record,
                  session->client->OrderRecord("/api/v1/baro/admin/count_delete", parameters));
  const bool doing = arguments.yes && !arguments.dry_run;
  if (doing) {
    BARO_TRY(session->client->Order("/api/v1/admin/tsdb/delete_series", parameters));
  }
  record.push_back({"deleted", doing ? "true" : "false", false});
  PrintRecord(record, session);
  if (doing || arguments.dry_run) return absl::OkStatus();
  return absl::InvalidArgumentError("nothing is deleted: add --yes to delete these samples");
}

absl::Status Run(const TsdbCleanArguments&, Session* session) {
  BARO_TRY(session->client->Order("/api/v1/admin/tsdb/clean_tombstones", {}));
  session->notes += "baro: the space of deleted samples is free\n";
  return absl::OkStatus();
}

absl::Status Run(const TsdbCompactArguments&, Session* session) {
  BARO_TRY(session->client->Order("/api/v1/baro/admin/compact", {}));
  session->notes += "baro: all that was in memory is sealed and merged\n";
  return absl::OkStatus();
}

absl::Status Run(const TsdbSnapshotArguments& arguments, Session* session) {
  Parameters parameters;
  if (arguments.skip_head) parameters.emplace_back("skip_head", "true");
  BARO_TRY_ASSIGN(const Record record,
                  session->client->OrderRecord("/api/v1/admin/tsdb/snapshot", parameters));
  PrintRecord(record, session);
  return absl::OkStatus();
}

absl::Status Run(const TsdbBackupArguments&, Session* session) {
  BARO_TRY_ASSIGN(const Record record,
                  session->client->OrderRecord("/api/v1/baro/admin/backup", {}));
  PrintRecord(record, session);
  const std::string_view damages = Member(record, "damagesTotal");
  if (damages.empty() || damages == "0") return absl::OkStatus();
  session->failed = true;
  base::StrAppend(&session->notes, "baro: ", damages,
                  " damaged files are in the backup as they are; see baro tsdb verify\n");
  return absl::OkStatus();
}

absl::Status Run(const TsdbRestoreArguments&, Session*) {
  return absl::InvalidArgumentError(
      "a backup is restored where the new store will be, by its collector: baro-collector "
      "--storage.path NEW --tsdb.restore BACKUPS [--tsdb.restore-name NAME]");
}

absl::Status Run(const TsdbVerifyArguments&, Session* session) {
  BARO_TRY_ASSIGN(const Client::Verification verification, session->client->Verify());
  PrintRecord(verification.figures, session);
  session->failed = Member(verification.figures, "good") != "true";
  for (const Record& damage : verification.damages) {
    base::StrAppend(&session->notes, "baro: damaged: ", Harmless(Member(damage, "place")), ": ",
                    Harmless(Member(damage, "what")), "\n");
  }
  return absl::OkStatus();
}

absl::Status Run(const TsdbStatusArguments&, Session* session) {
  BARO_TRY_ASSIGN(const Record page, session->client->StatusPage("/api/v1/baro/status"));
  constexpr std::string_view kStore = "store.";
  Record record;
  for (const Field& field : page) {
    if (!field.name.starts_with(kStore)) continue;
    record.push_back({field.name.substr(kStore.size()), field.text, field.is_text});
  }
  PrintRecord(record, session);
  session->failed = Member(record, "writable") == "false";
  return absl::OkStatus();
}

}  // namespace baro::cli
