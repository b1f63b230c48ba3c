// Ingest: turns durable batches into samples in the head. The live path and the replay after a
// start run the same code over the same records, so they come to the same state.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/base/mutex.h"
#include "baro/codec/frame.h"
#include "baro/tsdb/store.h"
#include "dictionary.h"
#include "head.h"
#include "journal_record.h"
#include "sequence_set.h"

namespace baro::tsdb {

// Largest body of a batch when decompressed: what a lying sender can make us allocate.
inline constexpr uint32_t kBodyBytesMax = 64U << 20;

// One writer (the committer, or the replay); StoredSequences() from any thread.
class Ingest {
 public:
  Ingest(Dictionary* dictionary, size_t chains_per_agent_max, int64_t retention_ms,
         const base::Clock* clock);

  // Earlier samples are too old; kTimeMsMin when all are kept for ever. Any thread.
  int64_t OldestMs() const;
  int64_t retention_ms() const { return retention_ms_.load(std::memory_order_relaxed); }
  void SetRetention(int64_t retention_ms) {
    retention_ms_.store(retention_ms, std::memory_order_relaxed);
  }

  // Chains as they will be when the batches of a commit, not yet applied, have been.
  class Plan {
   public:
    enum class Verdict { kJournal, kDuplicate, kRefuse };

   private:
    friend class Ingest;
    absl::flat_hash_map<std::pair<std::string, uint64_t>, uint64_t> next_by_chain_;
  };
  // What to do with a batch before it is journaled. kRefuse comes with a FailedPrecondition: there
  // is a gap in its chain. InvalidArgument: the batch makes no sense.
  std::pair<Plan::Verdict, absl::Status> Check(const FrameBatch& batch, Plan* plan) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Check(const SampleBatch& batch) const;

  AppendResult Apply(const FrameBatch& batch, Head* head) ABSL_LOCKS_EXCLUDED(mutex_);
  AppendResult Apply(const SampleBatch& batch, Head* head);
  AppendResult Duplicate(const FrameBatch& batch) const;

  // Takes over all that another knows of agents: the replay's, when it is complete.
  void Adopt(Ingest* replayed) ABSL_LOCKS_EXCLUDED(mutex_);
  Checkpoint TakeCheckpoint() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Targets and layouts that chains refer to.
  void AddLive(LiveNumbers* live) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors: DataLoss (a state that cannot be decoded, an unknown target).
  absl::Status Restore(const Checkpoint& checkpoint) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<SequenceRange> StoredSequences(const AgentId& agent) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t nan_replaced_total() const { return nan_replaced_total_.load(); }

 private:
  struct TargetChain {
    codec::FrameDecoder decoder;
    std::shared_ptr<const Binding> binding;
    RowHint hint;
    bool reserved = false;  // a value of its rows has kNoSample's bits, or had
  };
  struct Chain {
    uint64_t number = 0;
    uint64_t next_sequence = 0;
    absl::flat_hash_map<uint64_t, TargetChain> targets;
  };
  struct Agent {
    SequenceSet stored;
    std::list<Chain> chains;  // least recently used first
  };

  // `stored`: what is stored of the agent.
  absl::Status DecodeFrames(const FrameBatch& batch, std::string_view body,
                            const SequenceSet& stored, Chain* chain, Head* head,
                            AppendResult* result, size_t* decoded);
  absl::StatusOr<TargetChain*> TargetOf(const FrameBatch::FrameTarget& target, Chain* chain) const;
  // `result` gets a whole row's samples in one of its counts when the row's time is refused.
  bool IsTimeRefused(int64_t time_ms, int64_t time_ms_max, size_t samples,
                     AppendResult* result) const;
  bool HasReserved(const codec::Row& row) const;
  // `changed_` has what differs from the chain's row before.
  void ApplyRow(TargetId target, TargetChain* chain, const codec::Row& row, Head* head,
                AppendResult* result);
  // The chain a batch goes on with; a new one when it does not.
  Chain* ChainOf(const FrameBatch& batch, Agent* agent) const;

  Dictionary* const dictionary_;
  const size_t chains_per_agent_max_;
  std::atomic<int64_t> retention_ms_;
  const base::Clock* const clock_;
  mutable base::Mutex mutex_;
  // Only the writer changes it, and only `stored` is read by others.
  std::map<AgentId, Agent> agents_ ABSL_GUARDED_BY(mutex_);
  std::vector<double> row_;        // scratch
  std::vector<uint64_t> changed_;  // scratch
  std::vector<uint32_t> chosen_;   // scratch
  std::string raw_;                // scratch
  std::atomic<uint64_t> nan_replaced_total_{0};
};

}  // namespace baro::tsdb
