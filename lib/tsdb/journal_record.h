// JournalRecord: one value of a journal column family. Bytes: docs/formats/journal.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/tsdb/store.h"
#include "sample_chain.h"
#include "sequence_set.h"

namespace baro::tsdb {

// What a rotation hands on to the next journal: what is stored of each agent, and where the live
// chains stand, so that a chain may go on across it.
struct Checkpoint {
  struct AgentStored {
    AgentId agent;
    SequenceSet stored;
  };
  struct ChainState {
    AgentId agent;
    uint64_t chain = 0;
    uint64_t next_sequence = 0;
    struct TargetState {
      FrameBatch::FrameTarget target;
      std::string key_frame;  // codec::FrameDecoder::EncodeState
    };
    std::vector<TargetState> targets;
  };
  int64_t created_ms = 0;  // when the journal was begun
  std::vector<AgentStored> agents;
  std::vector<ChainState> chains;  // least recently used first
};

// Exemplars of a batch: a record of their own, behind that of its samples.
struct ExemplarRecord {
  std::vector<ExemplarSample> exemplars;
};

using JournalRecord = std::variant<FrameBatch, SampleBatch, Checkpoint, ExemplarRecord>;

std::string EncodeJournalRecord(const FrameBatch& batch);
std::string EncodeJournalRecord(const SampleBatch& batch);
// Told against the records before it in the same journal.
std::string EncodeJournalRecord(const SampleBatch& batch, SampleEncoder* chain);
std::string EncodeJournalRecord(const Checkpoint& checkpoint);
std::string EncodeJournalRecord(const ExemplarRecord& record);

// `bytes` may come from a damaged disk. Errors: DataLoss, with the byte offset.
// `chain` is that of the journal, whose records are decoded in order; null: a record that needs the
// ones before it is refused.
absl::StatusOr<JournalRecord> DecodeJournalRecord(std::string_view bytes,
                                                  SampleDecoder* chain = nullptr);

}  // namespace baro::tsdb
