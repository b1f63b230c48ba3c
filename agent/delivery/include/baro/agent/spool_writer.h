// SpoolWriter: turns rows into frames, frames into batches, batches into synced spool records.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/agent/row_queue.h"
#include "baro/spool/spool.h"
#include "baro/v1/ingest.pb.h"

struct ZSTD_CCtx_s;

namespace baro::agent {

struct SpoolWriterOptions {
  // A batch is closed when its frames are this large before compression.
  size_t batch_bytes = size_t{64} << 10;
  int zstd_level = 3;
};

struct SpoolWriterStats {
  uint64_t frames_total = 0;
  uint64_t samples_total = 0;
  uint64_t extras_total = 0;  // series with histograms or exemplars
  uint64_t batches_total = 0;
  uint64_t raw_bytes_total = 0;   // of the frames before compression
  uint64_t body_bytes_total = 0;  // as they travel
  uint64_t declaration_bytes_total = 0;
  uint64_t syncs_total = 0;
  uint64_t write_failures_total = 0;
};

// Thread-compatible: the delivery thread's. Does not own queue and spool.
class SpoolWriter {
 public:
  SpoolWriter(SpoolWriterOptions options, RowQueue* queue, spool::Spool* spool);
  ~SpoolWriter();

  // Writes all that waits and syncs it: what OK promises survives a power cut. An error keeps the
  // rows for the next call (Unavailable: the disk fails; ResourceExhausted: it is full and nothing
  // is left to shed).
  absl::Status Write(int64_t now_ms);
  // The next Write() begins a segment, so that what comes now does not wait behind what is there.
  void RollNext() { roll_next_ = true; }
  bool has_rows() const { return durable_rows_ < held_.rows.size(); }

  SpoolWriterStats stats() const { return stats_; }

 private:
  absl::Status WriteHeld(int64_t now_ms);
  absl::Status EncodeHeld(int64_t now_ms);
  absl::Status StartSegment(int64_t now_ms);
  absl::Status DeclareInSegment(DeclaredTarget* target);
  absl::Status FlushBatch(size_t next_row);

  const SpoolWriterOptions options_;
  RowQueue* const queue_;
  spool::Spool* const spool_;
  ZSTD_CCtx_s* const compressor_;

  TakenRows held_;
  size_t durable_rows_ = 0;  // of held_: synced, will not be written again
  bool roll_next_ = false;

  // The open segment.
  std::set<model::ContentHash> declared_layouts_;
  size_t written_rows_ = 0;  // of held_: in the segment, not yet synced
  // The open batch.
  std::string frames_;
  v1::FrameBatch batch_;
  std::vector<SeriesExtras> batch_extras_;
  uint32_t batch_samples_ = 0;
  uint8_t batch_priority_ = 0;

  SpoolWriterStats stats_;
};

}  // namespace baro::agent
