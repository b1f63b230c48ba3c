// baro tsdb export-…, import-…: series out of a collector and into it.

#include <cstdio>
#include <memory>

#include "baro/base/disk.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "time_text.h"
#include "transfer/transfer.h"
#include "verbs/verbs.h"

namespace baro::cli {
namespace {

// Files larger than this are imported in pieces by whoever made them.
constexpr size_t kTextBytesMax = size_t{4} << 30;

void PrintCounts(const Record& record, Session* session) {
  List list;
  list.records.push_back(record);
  for (const Field& field : record) list.table.columns.push_back({field.name});
  std::vector<Cell> row;
  for (const Field& field : record) row.push_back({field.text});
  list.table.rows.push_back(std::move(row));
  PrintList(list, session);
}

Field Number(const char* name, uint64_t value) { return {name, base::StrCat(value), false}; }

absl::StatusOr<BlockExport> ReadRange(const ExportArguments& arguments, int64_t now_ms) {
  BlockExport what;
  what.selector = arguments.selector;
  what.folder = arguments.place;
  BARO_TRY_ASSIGN(what.end_ms, ParseInstant(arguments.to, now_ms));
  BARO_TRY_ASSIGN(what.block_ms, ParseDuration(arguments.block));
  if (!arguments.from.empty()) {
    BARO_TRY_ASSIGN(what.start_ms, ParseInstant(arguments.from, now_ms));
  } else if (!arguments.since.empty()) {
    BARO_TRY_ASSIGN(const int64_t since_ms, ParseDuration(arguments.since));
    what.start_ms = what.end_ms - since_ms;
  }
  if (what.start_ms <= what.end_ms && what.block_ms > 0) return what;
  return absl::InvalidArgumentError("--from lies after --to, or --block-duration is 0");
}

// What is not there is here, not at the collector: error_text.h would blame that.
absl::Status OnThisMachine(const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  return absl::InvalidArgumentError(status.message());
}

// A file, or standard output.
class TextOut {
 public:
  static absl::StatusOr<TextOut> Open(const std::string& place) {
    if (place == "-") return TextOut(nullptr);
    std::FILE* const file = std::fopen(place.c_str(), "wbe");
    if (file != nullptr) return TextOut(file);
    return absl::UnavailableError(base::StrCat("cannot write to ", place));
  }
  absl::Status Write(std::string_view text) {
    std::FILE* const file = file_ != nullptr ? file_.get() : stdout;
    if (std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0) {
      return absl::OkStatus();
    }
    return absl::UnavailableError("cannot write: the disk is full or nobody reads");
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit TextOut(std::FILE* file) : file_(file) {}
  std::unique_ptr<std::FILE, Close> file_;
};

// Counts of an import, and the collector's words when it took only a part.
absl::Status PrintImport(const TransferCount& count, const SampleSender& sender, Session* session) {
  PrintCounts({Number("series", count.series), Number("samples", sender.samples_sent()),
               Number("requests_refused_in_part", sender.requests_refused())},
              session);
  if (sender.requests_refused() == 0) return absl::OkStatus();
  base::StrAppend(&session->notes,
                  "baro: warning: the collector refused a part: ", Harmless(sender.refusal()),
                  "\n");
  session->failed = true;
  return absl::OkStatus();
}

}  // namespace

absl::Status Run(const TsdbExportBlocksArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const BlockExport what, ReadRange(arguments, session->clock->NowMs()));
  RemoteReader reader(session->transport, session->client);
  std::vector<std::string> blocks;
  TransferCount count;
  BARO_TRY(ExportBlocks(what, session->client, &reader, &blocks, &count));
  PrintCounts({Number("blocks", blocks.size()), Number("series", count.series),
               Number("samples", count.samples)},
              session);
  for (const std::string& block : blocks) {
    base::StrAppend(&session->notes, "baro: ", Harmless(block), "\n");
  }
  return absl::OkStatus();
}

absl::Status Run(const TsdbExportOpenMetricsArguments& arguments, Session* session) {
  BARO_TRY_ASSIGN(const BlockExport what, ReadRange(arguments, session->clock->NowMs()));
  BARO_TRY_ASSIGN(TextOut out, TextOut::Open(arguments.place));
  RemoteReader reader(session->transport, session->client);
  TransferCount count;
  BARO_TRY(ExportOpenMetrics(
      what, &reader, [&](std::string_view text) { return out.Write(text); }, &count));
  base::StrAppend(&session->notes, "baro: ", count.samples, " samples of ", count.series,
                  " series\n");
  if (count.left_out == 0) return absl::OkStatus();
  base::StrAppend(&session->notes, "baro: warning: ", count.left_out,
                  " native histograms are left out: OpenMetrics text has no place for them\n");
  return absl::OkStatus();
}

absl::Status Run(const TsdbImportBlocksArguments& arguments, Session* session) {
  SampleSender sender(session->transport);
  TransferCount count;
  BARO_TRY(OnThisMachine(ImportBlocks(arguments.place, &sender, &count)));
  return PrintImport(count, sender, session);
}

absl::Status Run(const TsdbImportOpenMetricsArguments& arguments, Session* session) {
  const absl::StatusOr<std::string> read =
      base::RealDisk()->Read(arguments.place, 0, kTextBytesMax);
  BARO_TRY(OnThisMachine(read.status()));
  const std::string& text = *read;
  if (text.size() == kTextBytesMax) {
    return absl::ResourceExhaustedError(
        base::StrCat("cannot import ", arguments.place, ": larger than 4 GiB"));
  }
  SampleSender sender(session->transport);
  TransferCount count;
  BARO_TRY(ImportOpenMetrics(text, &sender, &count));
  return PrintImport(count, sender, session);
}

}  // namespace baro::cli
