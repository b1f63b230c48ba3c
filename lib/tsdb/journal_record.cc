#include "journal_record.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "baro/base/strings.h"
#include "bytes.h"
#include "exemplars.h"

namespace baro::tsdb {
namespace {

constexpr char kFramesKind = 1;
constexpr char kSamplesKind = 2;
constexpr char kCheckpointKind = 3;
// The latest time accepted, then frames or samples as above.
constexpr char kBoundedKind = 4;
constexpr char kExemplarsKind = 5;
constexpr char kChainedSamplesKind = 6;  // sample_chain.h

// A sample's value in the journal: 0 … kSmallIntegerMax as one varint, everything else as
// kRawValue and its eight bytes. Half of all values are small whole numbers.
constexpr uint64_t kRawValue = 0;
constexpr uint64_t kSmallIntegerMax = uint64_t{1} << 41;

void PutValue(double value, std::string* bytes) {
  const bool small = value >= 0 && value <= static_cast<double>(kSmallIntegerMax);
  if (small) {
    const auto integer = static_cast<uint64_t>(value);
    if (std::bit_cast<uint64_t>(static_cast<double>(integer)) == std::bit_cast<uint64_t>(value)) {
      PutVarint(integer + 1, bytes);
      return;
    }
  }
  PutVarint(kRawValue, bytes);
  PutDouble(value, bytes);
}

bool TakeValue(std::string_view* bytes, double* value) {
  uint64_t word = 0;
  if (!TakeVarint(bytes, &word)) return false;
  if (word == kRawValue) return TakeDouble(bytes, value);
  if (word - 1 > kSmallIntegerMax) return false;
  *value = static_cast<double>(word - 1);
  return true;
}

void PutAgent(const AgentId& agent, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(agent.uuid.data()), agent.uuid.size());
  PutVarint(agent.epoch, bytes);
}

bool TakeAgent(std::string_view* bytes, AgentId* agent) {
  if (bytes->size() < agent->uuid.size()) return false;
  std::memcpy(agent->uuid.data(), bytes->data(), agent->uuid.size());
  bytes->remove_prefix(agent->uuid.size());
  return TakeVarint(bytes, &agent->epoch);
}

bool TakeFrameTarget(std::string_view* bytes, FrameBatch::FrameTarget* target) {
  return TakeVarint32(bytes, &target->target) && TakeVarint32(bytes, &target->layout);
}

bool TakeFrames(std::string_view* bytes, FrameBatch* batch) {
  uint64_t count = 0;
  uint64_t zstd = 0;
  std::string_view body;
  if (!TakeAgent(bytes, &batch->agent) || !TakeVarint(bytes, &batch->chain) ||
      !TakeVarint(bytes, &batch->first_sequence) || !TakeVarint(bytes, &count) ||
      count > bytes->size()) {
    return false;
  }
  batch->targets.resize(count);
  for (FrameBatch::FrameTarget& target : batch->targets) {
    if (!TakeFrameTarget(bytes, &target)) return false;
  }
  if (!TakeVarint(bytes, &zstd) || zstd > 1 || !TakeVarint32(bytes, &batch->raw_size) ||
      !TakeText(bytes, &body)) {
    return false;
  }
  batch->zstd = zstd == 1;
  batch->body = body;
  return true;
}

bool TakeSamples(std::string_view* bytes, SampleBatch* batch) {
  uint64_t count = 0;
  // A sample has four bytes at least.
  if (!TakeVarint(bytes, &count) || count > bytes->size() / 4) return false;
  batch->series.resize(count);
  batch->times_ms.resize(count);
  batch->values.resize(count);
  SeriesId series;
  uint64_t time_ms = 0;
  for (size_t i = 0; i < count; ++i) {
    uint64_t target = 0;
    uint64_t column = 0;
    uint64_t time = 0;
    if (!TakeVarint(bytes, &target) || !TakeVarint(bytes, &column) || !TakeVarint(bytes, &time)) {
      return false;
    }
    series.target += static_cast<uint32_t>(UnZigZag(target));
    series.column += static_cast<uint32_t>(UnZigZag(column));
    time_ms += static_cast<uint64_t>(UnZigZag(time));
    batch->series[i] = series;
    batch->times_ms[i] = static_cast<int64_t>(time_ms);
    if (!TakeValue(bytes, &batch->values[i])) return false;
  }
  return true;
}

bool TakeChain(std::string_view* bytes, Checkpoint::ChainState* chain) {
  uint64_t count = 0;
  if (!TakeAgent(bytes, &chain->agent) || !TakeVarint(bytes, &chain->chain) ||
      !TakeVarint(bytes, &chain->next_sequence) || !TakeVarint(bytes, &count) ||
      count > bytes->size()) {
    return false;
  }
  chain->targets.resize(count);
  for (Checkpoint::ChainState::TargetState& state : chain->targets) {
    std::string_view key_frame;
    if (!TakeFrameTarget(bytes, &state.target) || !TakeText(bytes, &key_frame)) return false;
    state.key_frame = key_frame;
  }
  return true;
}

bool TakeCheckpoint(std::string_view* bytes, Checkpoint* checkpoint) {
  uint64_t created = 0;
  uint64_t count = 0;
  if (!TakeVarint(bytes, &created)) return false;
  checkpoint->created_ms = UnZigZag(created);
  if (!TakeVarint(bytes, &count) || count > bytes->size()) return false;
  checkpoint->agents.resize(count);
  for (Checkpoint::AgentStored& agent : checkpoint->agents) {
    if (!TakeAgent(bytes, &agent.agent) || !SequenceSet::Decode(bytes, &agent.stored)) return false;
  }
  if (!TakeVarint(bytes, &count) || count > bytes->size()) return false;
  checkpoint->chains.resize(count);
  for (Checkpoint::ChainState& chain : checkpoint->chains) {
    if (!TakeChain(bytes, &chain)) return false;
  }
  return true;
}

bool TakeExemplarRecord(std::string_view* bytes, ExemplarRecord* record) {
  return TakeExemplars(bytes, &record->exemplars);
}

template <typename Record>
absl::StatusOr<JournalRecord> Take(std::string_view bytes,
                                   bool (*take)(std::string_view*, Record*)) {
  Record record;
  std::string_view rest = bytes.substr(1);
  if (!take(&rest, &record)) {
    return absl::DataLossError(base::StrCat("cannot decode journal record: byte ",
                                            bytes.size() - rest.size(), " of ", bytes.size()));
  }
  if (!rest.empty()) {
    return absl::DataLossError(
        base::StrCat("cannot decode journal record: ", rest.size(), " bytes too many"));
  }
  return record;
}

std::string Begin(char kind, int64_t time_ms_max) {
  std::string bytes;
  if (time_ms_max != model::kTimeMsMax) {
    bytes.push_back(kBoundedKind);
    PutVarint(ZigZag(time_ms_max), &bytes);
  }
  bytes.push_back(kind);
  return bytes;
}

absl::StatusOr<JournalRecord> TakeChained(std::string_view bytes, SampleDecoder* chain) {
  SampleDecoder alone;
  SampleBatch batch;
  std::string_view rest = bytes.substr(1);
  if (!(chain != nullptr ? chain : &alone)->Decode(&rest, &batch) || !rest.empty()) {
    return absl::DataLossError(base::StrCat("cannot decode journal record of samples: byte ",
                                            bytes.size() - rest.size(), " of ", bytes.size()));
  }
  return batch;
}

absl::StatusOr<JournalRecord> TakeBounded(std::string_view bytes, SampleDecoder* chain) {
  std::string_view rest = bytes.substr(1);
  uint64_t time_ms_max = 0;
  if (!TakeVarint(&rest, &time_ms_max) || rest.empty() ||
      (rest.front() != kFramesKind && rest.front() != kSamplesKind &&
       rest.front() != kChainedSamplesKind)) {
    return absl::DataLossError(base::StrCat("cannot decode journal record: byte ",
                                            bytes.size() - rest.size(), " of ", bytes.size()));
  }
  auto record = DecodeJournalRecord(rest, chain);
  if (!record.ok()) return record.status();
  if (auto* frames = std::get_if<FrameBatch>(&*record)) {
    frames->time_ms_max = UnZigZag(time_ms_max);
  } else {
    std::get<SampleBatch>(*record).time_ms_max = UnZigZag(time_ms_max);
  }
  return record;
}

}  // namespace

std::string EncodeJournalRecord(const FrameBatch& batch) {
  std::string bytes = Begin(kFramesKind, batch.time_ms_max);
  bytes.reserve(batch.body.size() + batch.targets.size() * 4 + 64);
  PutAgent(batch.agent, &bytes);
  PutVarint(batch.chain, &bytes);
  PutVarint(batch.first_sequence, &bytes);
  PutVarint(batch.targets.size(), &bytes);
  for (const FrameBatch::FrameTarget& target : batch.targets) {
    PutVarint(target.target, &bytes);
    PutVarint(target.layout, &bytes);
  }
  PutVarint(batch.zstd ? 1 : 0, &bytes);
  PutVarint(batch.raw_size, &bytes);
  PutText(batch.body, &bytes);
  return bytes;
}

std::string EncodeJournalRecord(const SampleBatch& batch) {
  std::string bytes = Begin(kSamplesKind, batch.time_ms_max);
  bytes.reserve(batch.series.size() * 9 + 16);
  PutVarint(batch.series.size(), &bytes);
  SeriesId before;
  uint64_t time_before = 0;
  for (size_t i = 0; i < batch.series.size(); ++i) {
    const SeriesId series = batch.series[i];
    const auto time_ms = static_cast<uint64_t>(batch.times_ms[i]);
    PutVarint(ZigZag(static_cast<int32_t>(series.target - before.target)), &bytes);
    PutVarint(ZigZag(static_cast<int32_t>(series.column - before.column)), &bytes);
    PutVarint(ZigZag(static_cast<int64_t>(time_ms - time_before)), &bytes);
    PutValue(batch.values[i], &bytes);
    before = series;
    time_before = time_ms;
  }
  return bytes;
}

std::string EncodeJournalRecord(const SampleBatch& batch, SampleEncoder* chain) {
  std::string bytes = Begin(kChainedSamplesKind, batch.time_ms_max);
  bytes.reserve(batch.series.size() * 2 + 64);
  chain->Encode(batch, &bytes);
  return bytes;
}

std::string EncodeJournalRecord(const Checkpoint& checkpoint) {
  std::string bytes(1, kCheckpointKind);
  PutVarint(ZigZag(checkpoint.created_ms), &bytes);
  PutVarint(checkpoint.agents.size(), &bytes);
  for (const Checkpoint::AgentStored& agent : checkpoint.agents) {
    PutAgent(agent.agent, &bytes);
    agent.stored.Encode(&bytes);
  }
  PutVarint(checkpoint.chains.size(), &bytes);
  for (const Checkpoint::ChainState& chain : checkpoint.chains) {
    PutAgent(chain.agent, &bytes);
    PutVarint(chain.chain, &bytes);
    PutVarint(chain.next_sequence, &bytes);
    PutVarint(chain.targets.size(), &bytes);
    for (const Checkpoint::ChainState::TargetState& state : chain.targets) {
      PutVarint(state.target.target, &bytes);
      PutVarint(state.target.layout, &bytes);
      PutText(state.key_frame, &bytes);
    }
  }
  return bytes;
}

std::string EncodeJournalRecord(const ExemplarRecord& record) {
  std::string bytes(1, kExemplarsKind);
  PutExemplars(record.exemplars, &bytes);
  return bytes;
}

absl::StatusOr<JournalRecord> DecodeJournalRecord(std::string_view bytes, SampleDecoder* chain) {
  if (bytes.empty()) return absl::DataLossError("cannot decode journal record: it is empty");
  switch (bytes.front()) {
    case kFramesKind:
      return Take(bytes, TakeFrames);
    case kSamplesKind:
      return Take(bytes, TakeSamples);
    case kCheckpointKind:
      return Take(bytes, TakeCheckpoint);
    case kBoundedKind:
      return TakeBounded(bytes, chain);
    case kChainedSamplesKind:
      return TakeChained(bytes, chain);
    case kExemplarsKind:
      return Take(bytes, TakeExemplarRecord);
    default:
      return absl::DataLossError(base::StrCat("cannot decode journal record: unknown kind ",
                                              static_cast<int>(bytes.front())));
  }
}

}  // namespace baro::tsdb
