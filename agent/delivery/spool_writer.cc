#include "baro/agent/spool_writer.h"

#include <zstd.h>

#include <algorithm>

#include "baro/base/check.h"
#include "baro/base/crc32c.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/extras.h"
#include "declaration.h"

namespace baro::agent {
namespace {

// On a full disk each attempt gives up a segment of the spool. When others fill the disk faster
// than that, the rows wait for the next write.
constexpr int kAttemptsMax = 8;
// Series with extras that close a batch: some hundred bytes each before compression.
constexpr size_t kBatchExtrasMax = 1'000;

}  // namespace

SpoolWriter::SpoolWriter(SpoolWriterOptions options, RowQueue* queue, spool::Spool* spool)
    : options_(options), queue_(queue), spool_(spool), compressor_(ZSTD_createCCtx()) {
  BARO_CHECK(compressor_ != nullptr);
}

SpoolWriter::~SpoolWriter() { ZSTD_freeCCtx(compressor_); }

absl::Status SpoolWriter::Write(int64_t now_ms) {
  if (has_rows()) BARO_TRY(WriteHeld(now_ms));
  held_.Clear();
  durable_rows_ = 0;
  queue_->Take(&held_);
  BARO_TRY(WriteHeld(now_ms));
  return absl::OkStatus();
}

absl::Status SpoolWriter::WriteHeld(int64_t now_ms) {
  absl::Status status;
  for (int attempt = 0; has_rows() && attempt < kAttemptsMax; ++attempt) {
    status = EncodeHeld(now_ms);
    if (status.ok()) status = spool_->Sync();
    if (status.ok()) {
      ++stats_.syncs_total;
      durable_rows_ = held_.rows.size();
      break;
    }
    ++stats_.write_failures_total;
    roll_next_ = true;  // the chains were told rows that are not in the spool
    if (!absl::IsResourceExhausted(status) || !spool_->ShedOne("disk_full")) break;
  }
  return status;
}

absl::Status SpoolWriter::StartSegment(int64_t now_ms) {
  if (spool_->has_open_segment()) {
    BARO_TRY(spool_->Sync());
    durable_rows_ = written_rows_;
  }
  BARO_TRY(spool_->StartSegment(now_ms));
  roll_next_ = false;
  declared_layouts_.clear();
  return absl::OkStatus();
}

absl::Status SpoolWriter::EncodeHeld(int64_t now_ms) {
  batch_.Clear();
  frames_.clear();
  written_rows_ = durable_rows_;
  batch_extras_.clear();
  auto extras = held_.extras.cbegin();
  while (extras != held_.extras.cend() && extras->row < durable_rows_) ++extras;
  for (size_t i = durable_rows_; i < held_.rows.size(); ++i) {
    const bool at_batch_start = frames_.empty();
    if (at_batch_start && (roll_next_ || spool_->SegmentIsFull(now_ms)))
      BARO_TRY(StartSegment(now_ms));
    const QueuedRow& row = held_.rows[i];
    BARO_TRY(DeclareInSegment(row.target));
    row.target->encoder.Encode({.time_ms = row.time_ms, .values = held_.ValuesOf(row)}, false,
                               &frames_);
    batch_.add_target_refs(row.target->target_ref);
    batch_samples_ += static_cast<uint32_t>(row.target->layout->column_count);
    batch_priority_ = std::max(batch_priority_, row.target->priority);
    for (; extras != held_.extras.cend() && extras->row <= i; ++extras) {
      batch_extras_.insert(batch_extras_.end(), extras->series.begin(), extras->series.end());
    }
    if (frames_.size() >= options_.batch_bytes || batch_extras_.size() >= kBatchExtrasMax)
      BARO_TRY(FlushBatch(i + 1));
  }
  if (!frames_.empty()) BARO_TRY(FlushBatch(held_.rows.size()));
  return absl::OkStatus();
}

absl::Status SpoolWriter::DeclareInSegment(DeclaredTarget* target) {
  const uint64_t segment = spool_->open_segment();
  if (target->segment == segment) return absl::OkStatus();
  const DeclaredLayout& layout = *target->layout;
  if (declared_layouts_.insert(layout.hash).second) {
    for (const std::string& record : layout.declarations) {
      BARO_TRY(spool_->AppendDeclaration(0, record));
      stats_.declaration_bytes_total += record.size();
    }
  }
  if (target->target_ref == 0) {
    const uint64_t ref = spool_->next_declaration_id();
    if (ref > UINT32_MAX)
      return absl::ResourceExhaustedError(
          "cannot declare target: all numbers of the epoch are used");
    target->target_ref = static_cast<uint32_t>(ref);
  }
  const std::string record = TargetRecord(target->target_ref, target->labels, layout.hash);
  BARO_TRY(spool_->AppendDeclaration(target->target_ref, record));
  stats_.declaration_bytes_total += record.size();
  target->encoder.StartChain();
  target->segment = segment;
  return absl::OkStatus();
}

absl::Status SpoolWriter::FlushBatch(size_t next_row) {
  std::string* body = batch_.mutable_body();
  body->resize(ZSTD_compressBound(frames_.size()));
  const size_t size = ZSTD_compressCCtx(compressor_, body->data(), body->size(), frames_.data(),
                                        frames_.size(), options_.zstd_level);
  if (ZSTD_isError(size) == 0 && size < frames_.size()) {
    body->resize(size);
    batch_.set_encoding(v1::ENCODING_FRAME_V1_ZSTD);
  } else {
    *body = frames_;
    batch_.set_encoding(v1::ENCODING_FRAME_V1);
  }
  batch_.set_first_sequence(spool_->next_sequence());
  batch_.set_chain(spool_->open_segment());
  batch_.set_raw_size(static_cast<uint32_t>(frames_.size()));
  batch_.set_crc32c(base::Crc32c(*body));
  wire::PutExtras(batch_extras_, &batch_);
  const auto frame_count = static_cast<uint32_t>(batch_.target_refs_size());
  const absl::Status status =
      spool_->AppendBatch(frame_count, batch_samples_, batch_priority_, batch_.SerializeAsString());
  if (status.ok()) {
    stats_.frames_total += frame_count;
    stats_.samples_total += batch_samples_;
    ++stats_.batches_total;
    stats_.raw_bytes_total += frames_.size();
    stats_.body_bytes_total += body->size() + batch_.extras().size();
    stats_.extras_total += batch_extras_.size();
    written_rows_ = next_row;
  }
  batch_.Clear();
  frames_.clear();
  batch_extras_.clear();
  batch_samples_ = 0;
  batch_priority_ = 0;
  return status;
}

}  // namespace baro::agent
