#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "baro/base/clock.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/promblock/block_reader.h"
#include "baro/promblock/block_writer.h"
#include "transfer/transfer.h"

namespace baro::cli {
namespace {

using promblock::BlockSeries;
using promblock::BlockWriter;

int64_t FloorTo(int64_t value, int64_t step) { return value - ((value % step) + step) % step; }

uint64_t RandomBits() {
  uint64_t bits = 0;
  // A name without chance in it would still be told from others by its time.
  if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits)) return 0;
  return bits;
}

struct BlockExporter {
  const BlockExport& what;
  Client* client;
  RemoteReader* reader;
  std::vector<std::string>* blocks;
  TransferCount* count;

  // Whole windows of [start_ms, end_ms): halves without series are not looked into any further.
  absl::Status Export(int64_t start_ms, int64_t end_ms);
  absl::Status ExportWindow(int64_t start_ms);
};

absl::Status BlockExporter::Export(int64_t start_ms, int64_t end_ms) {
  BARO_TRY_ASSIGN(
      const std::vector<std::string> names,
      client->LabelValues("__name__",
                          {what.selector, Client::Window{std::max(start_ms, what.start_ms),
                                                         std::min(end_ms - 1, what.end_ms)}}));
  if (names.empty()) return absl::OkStatus();
  const int64_t windows = (end_ms - start_ms) / what.block_ms;
  if (windows == 1) return ExportWindow(start_ms);
  const int64_t middle_ms = start_ms + windows / 2 * what.block_ms;
  BARO_TRY(Export(start_ms, middle_ms));
  return Export(middle_ms, end_ms);
}

absl::Status BlockExporter::ExportWindow(int64_t start_ms) {
  const int64_t end_ms = start_ms + what.block_ms;
  BARO_TRY_ASSIGN(const auto writer,
                  BlockWriter::Create({what.folder, start_ms, end_ms, RandomBits(), RandomBits(),
                                       base::RealClock()->NowMs()}));
  BARO_TRY(reader->Read(what.selector, std::max(start_ms, what.start_ms),
                        std::min(end_ms - 1, what.end_ms), [&](const SeriesSamples& series) {
                          ++count->series;
                          count->samples += series.values.size();
                          return writer->Add(series.labels, EncodeChunks(series));
                        }));
  BARO_TRY_ASSIGN(std::string block, writer->Finish());
  if (!block.empty()) blocks->push_back(std::move(block));
  return absl::OkStatus();
}

bool IsDeleted(const std::vector<BlockSeries::Deleted>& deleted, int64_t time_ms) {
  return std::any_of(deleted.begin(), deleted.end(), [time_ms](const BlockSeries::Deleted& range) {
    return range.time_ms_min <= time_ms && time_ms <= range.time_ms_max;
  });
}

// Chunks may overlap where Prometheus took samples late: in time order, of equal times the last.
SeriesSamples InOrder(SeriesSamples series, const std::vector<BlockSeries::Deleted>& deleted) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < series.times_ms.size(); ++i) {
    if (!IsDeleted(deleted, series.times_ms[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(series.times_ms[a], a) < std::pair(series.times_ms[b], b);
  });
  SeriesSamples sorted;
  sorted.labels = std::move(series.labels);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t at = order[i];
    if (i + 1 < order.size() && series.times_ms[order[i + 1]] == series.times_ms[at]) continue;
    if (!series.histograms.empty() && series.histograms[at] != nullptr) {
      sorted.Add(series.times_ms[at], *series.histograms[at]);
    } else {
      sorted.Add(series.times_ms[at], series.values[at]);
    }
  }
  return sorted;
}

// Series of one target side by side, so that what is gathered at a time makes whole rows.
bool TargetLess(const BlockSeries& a, const BlockSeries& b) {
  for (const char* name : {"job", "instance"}) {
    const std::string_view left = a.labels.Get(name);
    const std::string_view right = b.labels.Get(name);
    if (left != right) return left < right;
  }
  return a.labels < b.labels;
}

absl::Status ImportBlock(const std::string& folder, SampleSender* sender, TransferCount* count) {
  BARO_TRY_ASSIGN(const auto reader, promblock::BlockReader::Open(folder));
  std::vector<BlockSeries> all;
  for (BlockSeries series;; all.push_back(std::move(series))) {
    BARO_TRY_ASSIGN(const bool there, reader->Next(&series));
    if (!there) break;
  }
  std::sort(all.begin(), all.end(), TargetLess);
  for (BlockSeries& one : all) {
    SeriesSamples series;
    series.labels = std::move(one.labels);
    for (const promblock::Chunk& chunk : one.chunks) BARO_TRY(AddChunk(chunk, &series));
    one.chunks.clear();
    series = InOrder(std::move(series), one.deleted);
    ++count->series;
    count->samples += series.values.size();
    BARO_TRY(sender->Add(std::move(series)));
  }
  return sender->Flush();
}

}  // namespace

absl::Status ExportBlocks(const BlockExport& what, Client* client, RemoteReader* reader,
                          std::vector<std::string>* blocks, TransferCount* count) {
  if (what.block_ms <= 0 || what.end_ms < what.start_ms) {
    return absl::InvalidArgumentError(base::StrCat("cannot export blocks of ", what.block_ms,
                                                   " ms from ", what.start_ms, " to ",
                                                   what.end_ms));
  }
  BlockExporter exporter{what, client, reader, blocks, count};
  return exporter.Export(FloorTo(what.start_ms, what.block_ms),
                         FloorTo(what.end_ms, what.block_ms) + what.block_ms);
}

absl::Status ImportBlocks(const std::string& folder, SampleSender* sender, TransferCount* count) {
  BARO_TRY_ASSIGN(const std::vector<std::string> blocks, promblock::ListBlocks(folder));
  if (blocks.empty()) {
    return absl::NotFoundError(base::StrCat("cannot import: no block in ", folder));
  }
  for (const std::string& block : blocks) BARO_TRY(ImportBlock(block, sender, count));
  return absl::OkStatus();
}

}  // namespace baro::cli
