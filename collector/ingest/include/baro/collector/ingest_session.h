// IngestSession: the collector's half of the push protocol (docs/formats/protocol.md) as a state
// machine.
//
//   Hello ─► Welcome; Declare ─► store; FrameBatch ─► checks ─► queue of its chain ─► store ─► Ack
//
// Pure: no socket, no clock, no thread. Messages and results are handed in; messages and batches
// for the store are taken out. Nothing that an agent sends is trusted: sizes, counts, checksums and
// references are held against limits before anything is kept.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/base/interval_set.h"
#include "baro/collector/credit_pool.h"
#include "baro/model/layout.h"
#include "baro/tsdb/store.h"
#include "baro/v1/ingest.pb.h"

namespace baro::collector {

struct IngestLimits {
  // One gRPC message; a row of a million columns fits.
  size_t message_bytes_max = size_t{16} << 20;
  // Of a batch once decompressed: what a decompression bomb can make the store allocate.
  size_t raw_bytes_max = size_t{32} << 20;
  size_t frames_per_batch_max = 100'000;
  size_t targets_per_agent_max = 200'000;
  size_t chains_max = 64;
  // Frames that wait for the store. Credits count bytes of bodies; a hostile body of one byte can
  // still name many frames.
  size_t queued_frames_max = 8'000'000;
  // Layouts declared, but by no target used so far (parents of others among them).
  size_t unused_layout_columns_max = 4'000'000;
};

struct IngestStats {
  uint64_t batches_total = 0;
  uint64_t frames_total = 0;
  uint64_t body_bytes_total = 0;
  uint64_t stored_batches_total = 0;
  uint64_t samples_stored_total = 0;
  uint64_t samples_duplicate_total = 0;
  uint64_t extras_refused_total = 0;     // histograms and exemplars
  uint64_t discarded_batches_total = 0;  // sent before the agent heard NeedDeclare
  uint64_t declarations_total = 0;
  uint64_t append_retries_total = 0;
  std::map<std::string, uint64_t> rejects_total;     // by reason
  std::map<std::string, uint64_t> violations_total;  // what ended a stream, by reason

  void Add(const IngestStats& other);
};

// Who is on the other side, and how far behind.
struct IngestPosition {
  std::string node_name;
  std::string version;
  tsdb::AgentId agent;
  int64_t connected_ms = 0;
  int64_t last_frame_ms = 0;       // wall clock, when a batch came
  uint64_t received_sequence = 0;  // largest
  uint64_t stored_sequence = 0;    // largest
  uint64_t stored_floor = 0;       // all up to here
  uint64_t queued_bytes = 0;
};

// Thread-compatible. Does not own store and pool.
class IngestSession {
 public:
  IngestSession(IngestLimits limits, std::string version, tsdb::Store* store, CreditPool* pool);
  ~IngestSession();
  IngestSession(const IngestSession&) = delete;
  IngestSession& operator=(const IngestSession&) = delete;

  // Errors end the stream with this status; each is counted under its reason.
  //   InvalidArgument     the agent broke the protocol, or sent what cannot be.
  //   DataLoss            wrong checksum.
  //   ResourceExhausted   beyond a limit or its credit.
  absl::Status OnMessage(v1::AgentMessage message, int64_t now_ms);

  // A batch for the store. One batch of a chain is under way at a time: if it fails, none that
  // stands on it has gone in.
  struct Job {
    uint64_t chain = 0;
    // Histograms and exemplars of the batch: to be stored before it. Empty: there are none.
    tsdb::SampleBatch extras;
    tsdb::FrameBatch batch;
  };
  std::optional<Job> NextJob(int64_t now_ms);
  // What became of the chain's job.
  void OnAppended(uint64_t chain, const tsdb::AppendResult& result, int64_t now_ms);
  size_t jobs_under_way() const { return jobs_under_way_; }
  // When NextJob() should be asked again after a failure of the store; INT64_MAX: no need.
  int64_t RetryAtMs() const;

  // The next message for the agent; false when there is none.
  bool NextMessage(v1::CollectorMessage* message);
  // Whether there is one.
  bool HasMessage() const;

  bool greeted() const { return greeted_; }
  const IngestPosition& position() const { return position_; }
  const IngestStats& stats() const { return stats_; }

 private:
  struct Chain {
    std::deque<v1::FrameBatch> batches;  // the front one may be under way
    bool under_way = false;
    uint64_t next_sequence = 0;  // 0: any
    // Not 0: batches are thrown away until one that starts here or before.
    uint64_t resume_at = 0;
    int64_t retry_at_ms = 0;
    uint32_t failures = 0;  // of the store, in a row
    uint64_t last_used = 0;
  };

  absl::Status Violation(const std::string& reason, absl::Status status);
  absl::Status OnHello(const v1::Hello& hello, int64_t now_ms);
  absl::Status OnDeclare(const v1::Declare& declare);
  void OnLayout(const v1::LayoutDeclaration& declaration);
  absl::Status OnTarget(const v1::TargetDeclaration& declaration);
  absl::StatusOr<tsdb::Declared> DeclareTarget(const model::Labels& labels,
                                               const model::ContentHash& layout);
  absl::Status OnFrames(v1::FrameBatch batch, int64_t now_ms);
  // False when the batch must wait for something the agent is told about.
  bool FitsChain(const v1::FrameBatch& batch, Chain* chain);
  bool TargetsAreDeclared(const v1::FrameBatch& batch, Chain* chain);
  Chain* ChainFor(uint64_t number);
  tsdb::FrameBatch ToStore(const v1::FrameBatch& batch) const;
  tsdb::SampleBatch ExtrasToStore(const v1::FrameBatch& batch);
  void DropQueue(Chain* chain);
  void OnStored(Chain* chain);
  void Unhold(const v1::FrameBatch& batch);
  void OnUndecodable(uint64_t number, Chain* chain, const tsdb::AppendResult& result);
  void Discard(const v1::FrameBatch& batch);
  int64_t Grant() const;
  int64_t TakeGrant();
  void RejectTarget(uint32_t target_ref, const absl::Status& status);
  void RejectColumns(uint32_t target_ref, const tsdb::Declared& declared);
  void Reject(v1::Reject reject);
  void ShelveLayout(const model::ContentHash& hash, model::Layout layout);
  void FillWelcome(v1::Welcome* welcome);
  void LoadStored();

  const IngestLimits limits_;
  const std::string version_;
  tsdb::Store* const store_;
  CreditPool* const pool_;

  bool greeted_ = false;
  IngestPosition position_;
  IngestStats stats_;
  base::IntervalSet stored_;

  // By target_ref.
  absl::flat_hash_map<uint32_t, tsdb::FrameBatch::FrameTarget> targets_;
  std::map<model::ContentHash, model::Layout> unused_layouts_;
  size_t unused_layout_columns_ = 0;
  // Asking for these again would never end. Bounded by the targets that can use them.
  std::set<model::ContentHash> refused_layouts_;

  std::map<uint64_t, Chain> chains_;
  uint64_t clock_ = 0;  // counts batches, for last_used
  size_t jobs_under_way_ = 0;

  int64_t granted_bytes_ = 0;  // and not yet used by the agent; below 0: one batch overdrawn
  int64_t held_bytes_ = 0;     // in chains
  size_t held_frames_ = 0;

  // What is to be told, merged: at most one of each kind waits.
  std::optional<v1::Hello> hello_;
  bool ack_is_due_ = false;
  std::set<std::string> need_layouts_;
  std::set<uint32_t> need_targets_;
  std::set<uint64_t> need_chains_;
  std::deque<v1::Reject> rejects_;
};

}  // namespace baro::collector
