// Moving series out of a collector and into it: blocks of Prometheus' TSDB, OpenMetrics text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "transfer/remote_reader.h"
#include "transfer/sample_sender.h"

namespace baro::cli {

struct TransferCount {
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t left_out = 0;  // samples that the other side cannot hold
};

struct BlockExport {
  std::string selector;  // empty: everything
  int64_t start_ms = 0;  // both ends are part of the range
  int64_t end_ms = 0;
  int64_t block_ms = 2 * 3600 * 1000;  // blocks begin at multiples of it
  std::string folder;
};
// Adds the folders of the blocks written to `blocks`, oldest first. Errors: RemoteReader's and
// BlockWriter's; what was finished before one stays.
absl::Status ExportBlocks(const BlockExport& what, Client* client, RemoteReader* reader,
                          std::vector<std::string>* blocks, TransferCount* count);

// `folder`: a block, or one that holds blocks. Errors: BlockReader's and SampleSender's.
absl::Status ImportBlocks(const std::string& folder, SampleSender* sender, TransferCount* count);

// Text is handed to `write` piece by piece. Histograms have no place in it and are left out.
absl::Status ExportOpenMetrics(const BlockExport& what, RemoteReader* reader,
                               const std::function<absl::Status(std::string_view)>& write,
                               TransferCount* count);

// Errors: InvalidArgument (line and column; a sample without a time), SampleSender's.
absl::Status ImportOpenMetrics(std::string_view text, SampleSender* sender, TransferCount* count);

}  // namespace baro::cli
