#include "ingest.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/model/histogram.h"
#include "baro/model/sample.h"
#include "bytes.h"

namespace baro::tsdb {
namespace {

std::string AgentKey(const AgentId& agent) {
  std::string key(reinterpret_cast<const char*>(agent.uuid.data()), agent.uuid.size());
  PutBigEndian(agent.epoch, &key);
  return key;
}

uint64_t TargetKey(const FrameBatch::FrameTarget& target) {
  return uint64_t{target.target} << 32 | target.layout;
}

uint64_t LastSequence(const FrameBatch& batch) {
  return batch.first_sequence + batch.targets.size() - 1;
}

// `raw` is scratch that keeps its memory between batches.
absl::StatusOr<std::string_view> Decompress(const FrameBatch& batch, std::string* raw) {
  if (!batch.zstd) return std::string_view(batch.body);
  raw->resize(batch.raw_size);
  const size_t size =
      ZSTD_decompress(raw->data(), raw->size(), batch.body.data(), batch.body.size());
  if (ZSTD_isError(size) != 0) {
    return absl::DataLossError(base::StrCat("cannot decompress frames: ", ZSTD_getErrorName(size)));
  }
  if (size != batch.raw_size) {
    return absl::DataLossError(
        base::StrCat("cannot decompress frames: ", size, " bytes, told ", batch.raw_size));
  }
  return std::string_view(*raw);
}

}  // namespace

Ingest::Ingest(Dictionary* dictionary, size_t chains_per_agent_max, int64_t retention_ms,
               const base::Clock* clock)
    : dictionary_(dictionary),
      chains_per_agent_max_(std::max<size_t>(1, chains_per_agent_max)),
      retention_ms_(retention_ms),
      clock_(clock) {}

int64_t Ingest::OldestMs() const {
  const int64_t retention_ms = retention_ms_.load(std::memory_order_relaxed);
  return retention_ms == 0 ? model::kTimeMsMin : clock_->NowMs() - retention_ms;
}

std::pair<Ingest::Plan::Verdict, absl::Status> Ingest::Check(const FrameBatch& batch,
                                                             Plan* plan) const {
  using Verdict = Plan::Verdict;
  if (batch.targets.empty() || batch.first_sequence == 0 ||
      batch.first_sequence > UINT64_MAX - batch.targets.size() || batch.raw_size > kBodyBytesMax ||
      batch.body.size() > kBodyBytesMax) {
    return {Verdict::kRefuse, absl::InvalidArgumentError(base::StrCat(
                                  "cannot append frames: ", batch.targets.size(), " from sequence ",
                                  batch.first_sequence, ", ", batch.body.size(), " bytes, ",
                                  batch.raw_size, " decompressed"))};
  }
  uint64_t next = 0;
  const auto key = std::pair(AgentKey(batch.agent), batch.chain);
  base::MutexLock lock(&mutex_);
  const auto agent = agents_.find(batch.agent);
  if (const auto planned = plan->next_by_chain_.find(key); planned != plan->next_by_chain_.end()) {
    next = planned->second;
  } else if (agent != agents_.end()) {
    for (const Chain& chain : agent->second.chains) {
      if (chain.number == batch.chain) next = chain.next_sequence;
    }
  }
  if (next != 0 && batch.first_sequence > next) {
    return {Verdict::kRefuse,
            absl::FailedPreconditionError(base::StrCat("cannot append frames: chain ", batch.chain,
                                                       " goes on at sequence ", next, ", not at ",
                                                       batch.first_sequence))};
  }
  // Of an unknown chain even stored frames are wanted: those after them are told against them.
  if (next != 0 && LastSequence(batch) < next && agent != agents_.end() &&
      agent->second.stored.HasAll(batch.first_sequence, LastSequence(batch))) {
    return {Verdict::kDuplicate, absl::OkStatus()};
  }
  plan->next_by_chain_[key] = LastSequence(batch) + 1;
  return {Verdict::kJournal, absl::OkStatus()};
}

absl::Status Ingest::Check(const SampleBatch& batch) const {
  if (batch.series.size() != batch.times_ms.size() || batch.series.size() != batch.values.size()) {
    return absl::InvalidArgumentError(base::StrCat("cannot append samples: ", batch.series.size(),
                                                   " series, ", batch.times_ms.size(), " times, ",
                                                   batch.values.size(), " values"));
  }
  const std::optional<SeriesId> unknown = dictionary_->FindUnknown(batch.series);
  if (!unknown) return absl::OkStatus();
  // Once known: whoever kept the number declares the series again.
  if (dictionary_->WasGivenOut(*unknown)) {
    return absl::UnavailableError(base::StrCat("cannot append samples: series ", unknown->target,
                                               "/", unknown->column, " was removed meanwhile"));
  }
  return absl::InvalidArgumentError(base::StrCat("cannot append samples: unknown series ",
                                                 unknown->target, "/", unknown->column));
}

AppendResult Ingest::Duplicate(const FrameBatch& batch) const {
  AppendResult result;
  for (const FrameBatch::FrameTarget& target : batch.targets) {
    const auto binding = dictionary_->FindBinding(target.target, target.layout);
    if (binding != nullptr) result.duplicate += binding->stored->columns.size();
  }
  return result;
}

Ingest::Chain* Ingest::ChainOf(const FrameBatch& batch, Agent* agent) const {
  auto it = std::find_if(agent->chains.begin(), agent->chains.end(),
                         [&](const Chain& chain) { return chain.number == batch.chain; });
  if (it == agent->chains.end()) {
    if (agent->chains.size() >= chains_per_agent_max_) agent->chains.pop_front();
    it = agent->chains.insert(agent->chains.end(), Chain{batch.chain, batch.first_sequence, {}});
  }
  // Sent again from its start: the decoders start anew as well.
  if (it->next_sequence != batch.first_sequence) *it = Chain{batch.chain, batch.first_sequence, {}};
  agent->chains.splice(agent->chains.end(), agent->chains, it);
  return &agent->chains.back();
}

AppendResult Ingest::Apply(const FrameBatch& batch, Head* head) {
  AppendResult result;
  Agent* agent = nullptr;
  {
    base::MutexLock lock(&mutex_);
    agent = &agents_[batch.agent];
    result.status = absl::OkStatus();
  }
  const bool all_stored = agent->stored.HasAll(batch.first_sequence, LastSequence(batch));
  Chain* chain = nullptr;
  {
    base::MutexLock lock(&mutex_);
    chain = ChainOf(batch, agent);
  }
  size_t decoded = 0;
  if (const auto body = Decompress(batch, &raw_); body.ok()) {
    result.status = DecodeFrames(batch, *body, agent->stored, chain, head, &result, &decoded);
  } else {
    result.status = body.status();
  }
  base::MutexLock lock(&mutex_);
  if (decoded > 0) agent->stored.Add(batch.first_sequence, batch.first_sequence + decoded - 1);
  chain->next_sequence = batch.first_sequence + decoded;
  if (!result.status.ok()) {
    agent->chains.pop_back();  // ChainOf() moved it there
    // A second copy that starts in the middle of a forgotten chain: nothing is missing.
    if (all_stored) result.status = absl::OkStatus();
  }
  return result;
}

absl::StatusOr<Ingest::TargetChain*> Ingest::TargetOf(const FrameBatch::FrameTarget& target,
                                                      Chain* chain) const {
  const uint64_t key = TargetKey(target);
  if (const auto it = chain->targets.find(key); it != chain->targets.end()) return &it->second;
  const StoredLayout* layout = dictionary_->FindLayout(target.layout);
  auto binding = dictionary_->FindBinding(target.target, target.layout);
  if (layout == nullptr || binding == nullptr) {
    return absl::FailedPreconditionError(base::StrCat("cannot append frames: target ",
                                                      target.target, " or layout ", target.layout,
                                                      " is not declared"));
  }
  TargetChain state{codec::FrameDecoder(layout->columns.size()), std::move(binding), {}, false};
  return &chain->targets.emplace(key, std::move(state)).first->second;
}

absl::Status Ingest::DecodeFrames(const FrameBatch& batch, std::string_view body,
                                  const SequenceSet& stored, Chain* chain, Head* head,
                                  AppendResult* result, size_t* decoded) {
  const size_t body_size = body.size();
  for (size_t i = 0; i < batch.targets.size(); ++i) {
    const size_t offset = body_size - body.size();
    if (batch.targets[i].target == kNoTarget) {
      std::string_view refused;
      BARO_TRY(codec::NextFrame(&body, &refused));
      result->frames_refused_target += stored.Has(batch.first_sequence + i) ? 0 : 1;
      *decoded = i + 1;
      continue;
    }
    BARO_TRY_ASSIGN(TargetChain * target, TargetOf(batch.targets[i], chain));
    codec::Row row;
    if (absl::Status status = target->decoder.Decode(&body, &row, &changed_); !status.ok()) {
      return {status.code(),
              base::ToAbsl(base::StrCat("cannot decode frame ", batch.first_sequence + i, " (byte ",
                                        offset, "): ", status.message()))};
    }
    target->reserved = target->reserved || HasReserved(row);
    const size_t columns = target->binding->stored->columns.size();
    if (stored.Has(batch.first_sequence + i)) {
      result->duplicate += columns;
      target->hint = {};
    } else if (IsTimeRefused(row.time_ms, batch.time_ms_max, columns, result)) {
      target->hint = {};
    } else {
      ApplyRow(batch.targets[i].target, target, row, head, result);
    }
    *decoded = i + 1;
  }
  if (!body.empty()) {
    return absl::DataLossError(
        base::StrCat("cannot decode frames: ", body.size(), " bytes after the last"));
  }
  return absl::OkStatus();
}

bool Ingest::IsTimeRefused(int64_t time_ms, int64_t time_ms_max, size_t samples,
                           AppendResult* result) const {
  if (time_ms < OldestMs()) {
    result->too_old += samples;
    return true;
  }
  if (time_ms <= time_ms_max) return false;
  result->too_new += samples;
  return true;
}

// A column that did not change is not looked at: what it holds was looked at when it came.
bool Ingest::HasReserved(const codec::Row& row) const {
  for (size_t word = 0; word < changed_.size(); ++word) {
    for (uint64_t rest = changed_[word]; rest != 0; rest &= rest - 1) {
      const size_t i = word * 64 + static_cast<size_t>(std::countr_zero(rest));
      if (model::IsReserved(row.values[i])) return true;
    }
  }
  return false;
}

void Ingest::ApplyRow(TargetId target, TargetChain* chain, const codec::Row& row, Head* head,
                      AppendResult* result) {
  const Binding& binding = *chain->binding;
  const size_t size = binding.stored->columns.size();
  if (size == 0) return;
  codec::Row stored = row;
  std::span<const uint64_t> changed = changed_;
  if (!binding.all || chain->reserved) {
    uint64_t replaced = 0;
    row_.resize(size);
    for (size_t i = 0; i < size; ++i) {
      row_[i] = row.values[binding.all ? i : binding.kept[i]];
      if (!model::IsReserved(row_[i])) continue;
      row_[i] = model::kNormalNan;
      ++replaced;
    }
    nan_replaced_total_.fetch_add(replaced, std::memory_order_relaxed);
    stored.values = row_;
    changed = {};
  }
  const Applied applied = head->AppendRow(target, *binding.stored, stored, changed, &chain->hint);
  result->stored += applied.stored;
  result->duplicate += applied.duplicate;
  result->overwritten += applied.overwritten;
  result->out_of_order += applied.out_of_order;
}

AppendResult Ingest::Apply(const SampleBatch& batch, Head* head) {
  AppendResult result;
  const int64_t oldest_ms = OldestMs();
  // In a replay: samples refused when they came, of series that were removed then.
  const bool some_unknown =
      dictionary_->removals() != 0 && dictionary_->FindUnknown(batch.series).has_value();
  chosen_.clear();
  uint64_t reserved = 0;
  bool ordered = true;
  for (uint32_t i = 0; i < batch.series.size(); ++i) {
    const uint64_t counts = IsComponent(batch.series[i].column) ? 0 : 1;  // a histogram once
    const bool removed = some_unknown && !dictionary_->HasSeries(batch.series[i]);
    if (batch.times_ms[i] < oldest_ms || removed) {
      result.too_old += counts;
      continue;
    }
    if (batch.times_ms[i] > batch.time_ms_max) {
      result.too_new += counts;
      continue;
    }
    reserved += model::IsNoSample(batch.values[i]) ? 1 : 0;
    if (!chosen_.empty() && batch.series[chosen_.back()].target == batch.series[i].target) {
      ordered = ordered && batch.times_ms[chosen_.back()] <= batch.times_ms[i];
    }
    chosen_.push_back(i);
  }
  // Series that come one behind the other, each with many samples, make rows when sorted by time.
  if (!ordered) {
    std::sort(chosen_.begin(), chosen_.end(), [&](uint32_t a, uint32_t b) {
      return std::tuple(batch.series[a].target, batch.times_ms[a], a) <
             std::tuple(batch.series[b].target, batch.times_ms[b], b);
    });
  }
  Applied applied;
  if (reserved == 0) {
    applied = head->AppendSamples(batch, chosen_);
  } else {
    SampleBatch copy = batch;
    for (double& value : copy.values) {
      if (model::IsNoSample(value)) value = model::kNormalNan;
    }
    nan_replaced_total_.fetch_add(reserved, std::memory_order_relaxed);
    applied = head->AppendSamples(copy, chosen_);
  }
  result.stored = applied.stored;
  result.duplicate = applied.duplicate;
  result.overwritten = applied.overwritten;
  result.out_of_order = applied.out_of_order;
  result.histograms_stored = applied.histograms;
  return result;
}

void Ingest::AddLive(LiveNumbers* live) const {
  base::MutexLock lock(&mutex_);
  for (const auto& [id, agent] : agents_) {
    for (const Chain& chain : agent.chains) {
      for (const auto& [key, target] : chain.targets) {
        live->targets.add(static_cast<TargetId>(key >> 32));
        live->layouts.add(static_cast<LayoutId>(key));
        live->layouts.add(target.binding->stored->id);
      }
    }
  }
}

void Ingest::Adopt(Ingest* replayed) {
  std::map<AgentId, Agent> agents;
  {
    base::MutexLock lock(&replayed->mutex_);
    agents = std::move(replayed->agents_);
  }
  nan_replaced_total_.fetch_add(replayed->nan_replaced_total());
  base::MutexLock lock(&mutex_);
  agents_ = std::move(agents);
}

Checkpoint Ingest::TakeCheckpoint() const {
  Checkpoint checkpoint;
  base::MutexLock lock(&mutex_);
  for (const auto& [id, agent] : agents_) {
    checkpoint.agents.push_back({id, agent.stored});
    for (const Chain& chain : agent.chains) {
      Checkpoint::ChainState state{id, chain.number, chain.next_sequence, {}};
      for (const auto& [key, target] : chain.targets) {
        std::string key_frame;
        target.decoder.EncodeState(&key_frame);
        const FrameBatch::FrameTarget name{static_cast<TargetId>(key >> 32),
                                           static_cast<LayoutId>(key)};
        state.targets.push_back({name, std::move(key_frame)});
      }
      checkpoint.chains.push_back(std::move(state));
    }
  }
  return checkpoint;
}

absl::Status Ingest::Restore(const Checkpoint& checkpoint) {
  base::MutexLock lock(&mutex_);
  agents_.clear();
  for (const Checkpoint::AgentStored& agent : checkpoint.agents) {
    agents_[agent.agent].stored = agent.stored;
  }
  for (const Checkpoint::ChainState& state : checkpoint.chains) {
    Chain chain{state.chain, state.next_sequence, {}};
    for (const Checkpoint::ChainState::TargetState& target : state.targets) {
      // Removed since: its frames are asked for from the chain's start.
      if (dictionary_->FindLayout(target.target.layout) == nullptr) continue;
      BARO_TRY_ASSIGN(TargetChain * decoder, TargetOf(target.target, &chain));
      if (target.key_frame.empty()) continue;
      std::string_view bytes = target.key_frame;
      codec::Row row;
      BARO_TRY(decoder->decoder.Decode(&bytes, &row, &changed_));
      decoder->reserved = HasReserved(row);
    }
    agents_[state.agent].chains.push_back(std::move(chain));
  }
  return absl::OkStatus();
}

std::vector<SequenceRange> Ingest::StoredSequences(const AgentId& agent) const {
  base::MutexLock lock(&mutex_);
  const auto it = agents_.find(agent);
  return it == agents_.end() ? std::vector<SequenceRange>() : it->second.stored.Ranges();
}

}  // namespace baro::tsdb
