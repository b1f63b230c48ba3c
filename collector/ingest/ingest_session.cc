#include "baro/collector/ingest_session.h"

#include <algorithm>
#include <cstring>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/wire/extras.h"
#include "baro/wire/ingest.h"

namespace baro::collector {
namespace {

constexpr size_t kHelloLayoutsMax = 100'000;
constexpr int kAckRangesMax = 4'096;
// Beyond these, more of the same is counted but not told.
constexpr size_t kRejectsMax = 256;
constexpr size_t kRejectedColumnsMax = 32;
constexpr size_t kNeedsMax = 10'000;
constexpr int64_t kRetryPauseMsMin = 100;
constexpr int64_t kRetryPauseMsMax = 5'000;
constexpr size_t kNameBytesMax = 256;

std::string HashOf(const model::ContentHash& hash) { return std::string(wire::HashBytes(hash)); }

bool IsRetryable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status) || absl::IsCancelled(status);
}

size_t FramesOf(const v1::FrameBatch& batch) {
  return static_cast<size_t>(batch.target_refs_size());
}
// What a batch takes of the agent's credit.
int64_t BytesOf(const v1::FrameBatch& batch) {
  return static_cast<int64_t>(batch.body().size() + batch.extras().size());
}
uint64_t LastSequence(const v1::FrameBatch& batch) {
  return batch.first_sequence() + FramesOf(batch) - 1;
}

template <typename Message>
void FillStored(const base::IntervalSet& stored, Message* message) {
  message->set_last_sequence(stored.floor());
  for (const base::Interval& range : stored.intervals()) {
    if (range.last <= stored.floor()) continue;
    if (message->stored_size() == kAckRangesMax) break;
    v1::SequenceRange* out = message->add_stored();
    out->set_first(range.first);
    out->set_last(range.last);
  }
}

}  // namespace

void IngestStats::Add(const IngestStats& other) {
  batches_total += other.batches_total;
  frames_total += other.frames_total;
  body_bytes_total += other.body_bytes_total;
  stored_batches_total += other.stored_batches_total;
  samples_stored_total += other.samples_stored_total;
  samples_duplicate_total += other.samples_duplicate_total;
  extras_refused_total += other.extras_refused_total;
  discarded_batches_total += other.discarded_batches_total;
  declarations_total += other.declarations_total;
  append_retries_total += other.append_retries_total;
  for (const auto& [reason, count] : other.rejects_total) rejects_total[reason] += count;
  for (const auto& [reason, count] : other.violations_total) violations_total[reason] += count;
}

IngestSession::IngestSession(IngestLimits limits, std::string version, tsdb::Store* store,
                             CreditPool* pool)
    : limits_(limits), version_(std::move(version)), store_(store), pool_(pool) {
  pool_->Join();
}

IngestSession::~IngestSession() { pool_->Leave(); }

absl::Status IngestSession::Violation(const std::string& reason, absl::Status status) {
  ++stats_.violations_total[reason];
  return status;
}

absl::Status IngestSession::OnMessage(v1::AgentMessage message, int64_t now_ms) {
  const bool is_hello = message.kind_case() == v1::AgentMessage::kHello;
  if (is_hello == greeted_) {
    return Violation("order",
                     absl::InvalidArgumentError(greeted_ ? "cannot take a second Hello"
                                                         : "cannot take a message before Hello"));
  }
  switch (message.kind_case()) {
    case v1::AgentMessage::kHello:
      return OnHello(message.hello(), now_ms);
    case v1::AgentMessage::kDeclare:
      return OnDeclare(message.declare());
    case v1::AgentMessage::kFrames:
      return OnFrames(std::move(*message.mutable_frames()), now_ms);
    default:
      return absl::OkStatus();  // of a newer agent
  }
}

absl::Status IngestSession::OnHello(const v1::Hello& hello, int64_t now_ms) {
  if (hello.agent_uuid().size() != position_.agent.uuid.size()) {
    return Violation("hello", absl::InvalidArgumentError(
                                  base::StrCat("cannot take Hello: agent_uuid has ",
                                               hello.agent_uuid().size(), " bytes, not 16")));
  }
  if (static_cast<size_t>(hello.layout_hashes_size()) > kHelloLayoutsMax) {
    return Violation("hello", absl::ResourceExhaustedError(
                                  base::StrCat("cannot take Hello: ", hello.layout_hashes_size(),
                                               " layout hashes, limit ", kHelloLayoutsMax)));
  }
  std::memcpy(position_.agent.uuid.data(), hello.agent_uuid().data(), hello.agent_uuid().size());
  position_.agent.epoch = hello.epoch();
  position_.node_name = hello.node_name().substr(0, kNameBytesMax);
  position_.version = hello.version().substr(0, kNameBytesMax);
  position_.connected_ms = now_ms;
  greeted_ = true;
  hello_ = hello;
  LoadStored();
  return absl::OkStatus();
}

void IngestSession::LoadStored() {
  stored_ = base::IntervalSet();
  for (const tsdb::SequenceRange& range : store_->StoredSequences(position_.agent))
    stored_.Add({range.first, range.last});
  position_.stored_sequence = stored_.max();
  position_.stored_floor = stored_.floor();
}

absl::Status IngestSession::OnDeclare(const v1::Declare& declare) {
  ++stats_.declarations_total;
  if (declare.has_target()) return OnTarget(declare.target());
  if (declare.has_layout()) OnLayout(declare.layout());
  return absl::OkStatus();
}

// Layouts wait here until a target uses them: the parents that a large one was split into never
// reach the store.
void IngestSession::OnLayout(const v1::LayoutDeclaration& declaration) {
  const auto find_parent = [this](const model::ContentHash& hash) -> const model::Layout* {
    const auto found = unused_layouts_.find(hash);
    return found == unused_layouts_.end() ? nullptr : &found->second;
  };
  auto layout = wire::ReadLayout(declaration, find_parent);
  if (layout.ok()) {
    const auto hash = wire::HashFromBytes(declaration.content_hash(), "content_hash");
    if (hash.ok()) ShelveLayout(*hash, *std::move(layout));
    return;
  }
  if (absl::IsNotFound(layout.status())) {
    if (need_layouts_.size() < kNeedsMax) {
      need_layouts_.insert(declaration.parent_content_hash());
      need_layouts_.insert(declaration.content_hash());
    }
    return;
  }
  if (const auto hash = wire::HashFromBytes(declaration.content_hash(), "content_hash");
      hash.ok() && refused_layouts_.size() < kNeedsMax) {
    refused_layouts_.insert(*hash);
  }
  v1::Reject reject;
  reject.set_layout_content_hash(declaration.content_hash());
  reject.set_reason("invalid");
  reject.set_message(std::string(layout.status().message()));
  Reject(std::move(reject));
}

void IngestSession::ShelveLayout(const model::ContentHash& hash, model::Layout layout) {
  if (unused_layouts_.contains(hash)) return;
  unused_layout_columns_ += layout.columns.size();
  while (unused_layout_columns_ > limits_.unused_layout_columns_max && !unused_layouts_.empty()) {
    // Asked for again when a target needs it.
    unused_layout_columns_ -= unused_layouts_.begin()->second.columns.size();
    unused_layouts_.erase(unused_layouts_.begin());
  }
  unused_layouts_.emplace(hash, std::move(layout));
}

absl::StatusOr<tsdb::Declared> IngestSession::DeclareTarget(const model::Labels& labels,
                                                            const model::ContentHash& layout) {
  if (refused_layouts_.contains(layout))
    return absl::InvalidArgumentError("cannot declare target: its layout was refused");
  if (!store_->KnowsLayout(layout)) {
    const auto shelved = unused_layouts_.find(layout);
    if (shelved == unused_layouts_.end())
      return absl::NotFoundError("cannot declare target: its layout is not declared");
    BARO_TRY(store_->DeclareLayout(shelved->second));
    unused_layout_columns_ -= shelved->second.columns.size();
    unused_layouts_.erase(shelved);
  }
  return store_->DeclareTarget(labels, layout);
}

absl::Status IngestSession::OnTarget(const v1::TargetDeclaration& declaration) {
  const uint32_t target_ref = declaration.target_ref();
  if (targets_.size() >= limits_.targets_per_agent_max && !targets_.contains(target_ref)) {
    return Violation("targets", absl::ResourceExhaustedError(
                                    base::StrCat("cannot take target ", target_ref, ": limit ",
                                                 limits_.targets_per_agent_max, " reached")));
  }
  const auto target = wire::ReadTarget(declaration);
  if (!target.ok()) {
    RejectTarget(target_ref, target.status());
    return absl::OkStatus();
  }
  const auto declared = DeclareTarget(target->labels, target->layout);
  if (absl::IsNotFound(declared.status())) {
    if (need_targets_.size() < kNeedsMax) {
      need_layouts_.insert(HashOf(target->layout));
      need_targets_.insert(target_ref);
    }
    return absl::OkStatus();
  }
  if (!declared.ok()) {
    RejectTarget(target_ref, declared.status());
    return absl::OkStatus();
  }
  targets_[target_ref] = {.target = declared->target, .layout = declared->layout};
  if (!declared->rejected.empty()) RejectColumns(target_ref, *declared);
  return absl::OkStatus();
}

void IngestSession::RejectTarget(uint32_t target_ref, const absl::Status& status) {
  // Its frames are skipped; those of others in the same batches go on.
  targets_[target_ref] = {.target = tsdb::kNoTarget, .layout = 0};
  v1::Reject reject;
  reject.set_target_ref(target_ref);
  reject.set_reason(absl::IsResourceExhausted(status) ? "limit" : "invalid");
  reject.set_message(std::string(status.message()));
  Reject(std::move(reject));
}

void IngestSession::RejectColumns(uint32_t target_ref, const tsdb::Declared& declared) {
  v1::Reject reject;
  reject.set_target_ref(target_ref);
  reject.set_reason(declared.rejected.front().reason);
  reject.set_message(
      base::StrCat(declared.rejected.size(), " series refused, ", declared.rejected.front().what));
  for (const tsdb::Declared::Rejection& rejection : declared.rejected) {
    if (static_cast<size_t>(reject.columns_size()) == kRejectedColumnsMax) break;
    v1::RejectedColumn* column = reject.add_columns();
    column->set_column(static_cast<uint32_t>(rejection.column));
    column->set_reason(rejection.reason);
    column->set_what(rejection.what);
  }
  Reject(std::move(reject));
}

void IngestSession::Reject(v1::Reject reject) {
  ++stats_.rejects_total[reject.reason()];
  if (rejects_.size() < kRejectsMax) rejects_.push_back(std::move(reject));
}

absl::Status IngestSession::OnFrames(v1::FrameBatch batch, int64_t now_ms) {
  const int64_t body_bytes = BytesOf(batch);
  ++stats_.batches_total;
  stats_.frames_total += FramesOf(batch);
  stats_.body_bytes_total += batch.body().size();
  const absl::Status sound = wire::CheckFrameBatch(
      batch, {.frames_max = limits_.frames_per_batch_max, .raw_bytes_max = limits_.raw_bytes_max});
  if (!sound.ok()) return Violation(absl::IsDataLoss(sound) ? "crc" : "batch", sound);
  if (granted_bytes_ <= 0) {
    return Violation("credit", absl::ResourceExhaustedError(base::StrCat(
                                   "cannot take batch ", batch.first_sequence(),
                                   ": it came without credit (", granted_bytes_, " bytes left)")));
  }
  if (held_frames_ + FramesOf(batch) > limits_.queued_frames_max) {
    return Violation("frames", absl::ResourceExhaustedError(
                                   base::StrCat("cannot take batch ", batch.first_sequence(), ": ",
                                                held_frames_, " frames wait already")));
  }
  granted_bytes_ -= body_bytes;
  held_bytes_ += body_bytes;
  held_frames_ += FramesOf(batch);
  position_.last_frame_ms = now_ms;
  const uint64_t last = LastSequence(batch);
  position_.received_sequence = std::max(position_.received_sequence, last);
  position_.queued_bytes = static_cast<uint64_t>(held_bytes_);
  Chain* chain = ChainFor(batch.chain());
  if (chain == nullptr) {
    return Violation("chains", absl::ResourceExhaustedError(base::StrCat(
                                   "cannot take batch ", batch.first_sequence(), ": more than ",
                                   limits_.chains_max, " chains are under way")));
  }
  if (!FitsChain(batch, chain) || !TargetsAreDeclared(batch, chain)) {
    Discard(batch);
    return absl::OkStatus();
  }
  chain->next_sequence = last + 1;
  chain->batches.push_back(std::move(batch));
  return absl::OkStatus();
}

void IngestSession::Discard(const v1::FrameBatch& batch) {
  ++stats_.discarded_batches_total;
  Unhold(batch);
}

void IngestSession::Unhold(const v1::FrameBatch& batch) {
  held_bytes_ -= BytesOf(batch);
  held_frames_ -= FramesOf(batch);
  position_.queued_bytes = static_cast<uint64_t>(held_bytes_);
}

IngestSession::Chain* IngestSession::ChainFor(uint64_t number) {
  auto found = chains_.find(number);
  if (found == chains_.end() && chains_.size() >= limits_.chains_max) {
    auto oldest = chains_.end();
    for (auto entry = chains_.begin(); entry != chains_.end(); ++entry) {
      if (!entry->second.batches.empty()) continue;
      if (oldest == chains_.end() || entry->second.last_used < oldest->second.last_used)
        oldest = entry;
    }
    if (oldest == chains_.end()) return nullptr;
    chains_.erase(oldest);
  }
  Chain& chain = chains_[number];
  chain.last_used = ++clock_;
  return &chain;
}

bool IngestSession::FitsChain(const v1::FrameBatch& batch, Chain* chain) {
  if (chain->resume_at != 0) {
    if (batch.first_sequence() > chain->resume_at) return false;  // sent before it was told
    chain->resume_at = 0;
    return true;
  }
  if (chain->next_sequence == 0 || batch.first_sequence() <= chain->next_sequence) return true;
  need_chains_.insert(batch.chain());
  chain->resume_at = chain->next_sequence;
  return false;
}

bool IngestSession::TargetsAreDeclared(const v1::FrameBatch& batch, Chain* chain) {
  bool all = true;
  for (const uint32_t target_ref : batch.target_refs()) {
    if (targets_.contains(target_ref)) continue;
    all = false;
    if (need_targets_.size() < kNeedsMax) need_targets_.insert(target_ref);
  }
  if (!all) chain->resume_at = batch.first_sequence();
  return all;
}

tsdb::FrameBatch IngestSession::ToStore(const v1::FrameBatch& batch) const {
  tsdb::FrameBatch frames;
  frames.agent = position_.agent;
  frames.chain = batch.chain();
  frames.first_sequence = batch.first_sequence();
  frames.targets.reserve(static_cast<size_t>(batch.target_refs_size()));
  for (const uint32_t target_ref : batch.target_refs())
    frames.targets.push_back(targets_.at(target_ref));
  frames.zstd = batch.encoding() == v1::ENCODING_FRAME_V1_ZSTD;
  frames.raw_size = batch.raw_size();
  frames.body = batch.body();  // a copy: it is needed again when the store cannot take it now
  return frames;
}

// Whatever is wrong with extras costs them alone: the frames go on.
tsdb::SampleBatch IngestSession::ExtrasToStore(const v1::FrameBatch& batch) {
  tsdb::SampleBatch samples;
  size_t refused = 0;
  auto extras = wire::TakeExtras(batch, &refused);
  if (!extras.ok()) {
    ++stats_.extras_refused_total;
    return samples;
  }
  std::vector<model::Metadata> metadata;
  for (model::SeriesExtras& series : *extras) {
    const auto id = store_->DeclareSeries(series.labels);
    if (!id.ok()) {
      refused += series.histograms.size() + series.exemplars.size();
      continue;
    }
    for (auto& at : series.histograms) {
      samples.histograms.push_back({*id, at.time_ms, std::move(at.histogram)});
    }
    for (model::Exemplar& exemplar : series.exemplars) {
      samples.exemplars.push_back({*id, std::move(exemplar)});
    }
    const bool new_family = metadata.empty() || metadata.back() != series.metadata;
    if (!series.histograms.empty() && new_family) metadata.push_back(std::move(series.metadata));
  }
  if (!metadata.empty()) store_->Describe(metadata);
  stats_.extras_refused_total += refused;
  return samples;
}

std::optional<IngestSession::Job> IngestSession::NextJob(int64_t now_ms) {
  for (auto& [number, chain] : chains_) {
    if (chain.under_way || chain.batches.empty() || now_ms < chain.retry_at_ms) continue;
    chain.under_way = true;
    ++jobs_under_way_;
    const v1::FrameBatch& batch = chain.batches.front();
    return Job{.chain = number, .extras = ExtrasToStore(batch), .batch = ToStore(batch)};
  }
  return std::nullopt;
}

int64_t IngestSession::RetryAtMs() const {
  int64_t retry_at_ms = INT64_MAX;
  for (const auto& [number, chain] : chains_) {
    if (!chain.under_way && !chain.batches.empty())
      retry_at_ms = std::min(retry_at_ms, chain.retry_at_ms);
  }
  return retry_at_ms;
}

void IngestSession::OnAppended(uint64_t number, const tsdb::AppendResult& result, int64_t now_ms) {
  Chain& chain = chains_.at(number);
  BARO_CHECK(chain.under_way);
  chain.under_way = false;
  --jobs_under_way_;
  stats_.samples_stored_total += result.stored;
  stats_.samples_duplicate_total += result.duplicate;
  if (result.status.ok()) {
    OnStored(&chain);
  } else if (IsRetryable(result.status)) {
    // No credit is given back, so the agent slows down and what waits here stays bounded.
    ++stats_.append_retries_total;
    const int64_t pause_ms = kRetryPauseMsMin << std::min(chain.failures++, 10u);
    chain.retry_at_ms = now_ms + std::min(pause_ms, kRetryPauseMsMax);
  } else {
    OnUndecodable(number, &chain, result);
  }
}

void IngestSession::OnStored(Chain* chain) {
  const v1::FrameBatch& batch = chain->batches.front();
  stored_.Add({batch.first_sequence(), LastSequence(batch)});
  position_.stored_sequence = stored_.max();
  position_.stored_floor = stored_.floor();
  Unhold(batch);
  ++stats_.stored_batches_total;
  chain->batches.pop_front();
  chain->failures = 0;
  chain->retry_at_ms = 0;
  ack_is_due_ = true;
}

// The store has lost the chain's state, or the frames are damaged. The agent sends the chain again
// from its start, and gives it up when that does not help.
void IngestSession::OnUndecodable(uint64_t number, Chain* chain, const tsdb::AppendResult& result) {
  const v1::FrameBatch& batch = chain->batches.front();
  chain->resume_at = batch.first_sequence();
  need_chains_.insert(number);
  if (absl::IsFailedPrecondition(result.status)) {
    ++stats_.rejects_total["chain_lost"];
  } else {
    v1::Reject reject;
    reject.set_reason("undecodable");
    reject.set_message(std::string(result.status.message()));
    reject.mutable_undecodable()->set_first(batch.first_sequence());
    reject.mutable_undecodable()->set_last(LastSequence(batch));
    Reject(std::move(reject));
  }
  DropQueue(chain);
  LoadStored();  // its first frames may have gone in
  ack_is_due_ = true;
}

void IngestSession::DropQueue(Chain* chain) {
  for (const v1::FrameBatch& batch : chain->batches) Discard(batch);
  chain->batches.clear();
  chain->failures = 0;
  chain->retry_at_ms = 0;
}

// How much more the agent may send. Small grants wait, so that credits do not outnumber batches.
int64_t IngestSession::Grant() const {
  const int64_t share = pool_->Share();
  const int64_t room = share - held_bytes_ - granted_bytes_;
  if (room <= 0) return 0;
  const bool worth_it = room >= share / 4 || granted_bytes_ <= 0;
  return worth_it ? room : 0;
}

int64_t IngestSession::TakeGrant() {
  const int64_t room = Grant();
  granted_bytes_ += room;
  return room;
}

bool IngestSession::HasMessage() const {
  if (!greeted_) return false;
  return hello_.has_value() || ack_is_due_ || !need_layouts_.empty() || !need_targets_.empty() ||
         !need_chains_.empty() || !rejects_.empty() || Grant() > 0;
}

void IngestSession::FillWelcome(v1::Welcome* welcome) {
  FillStored(stored_, welcome);
  for (const std::string& bytes : hello_->layout_hashes()) {
    const auto hash = wire::HashFromBytes(bytes, "layout_hashes");
    if (hash.ok() && store_->KnowsLayout(*hash)) welcome->add_known_layout_hashes(bytes);
  }
  const int64_t grant = TakeGrant();
  welcome->set_credit_bytes(static_cast<uint64_t>(grant));
  welcome->add_encodings(v1::ENCODING_FRAME_V1);
  welcome->add_encodings(v1::ENCODING_FRAME_V1_ZSTD);
  welcome->set_version(version_);
}

bool IngestSession::NextMessage(v1::CollectorMessage* message) {
  message->Clear();
  if (hello_.has_value()) {
    FillWelcome(message->mutable_welcome());
    hello_.reset();
    return true;
  }
  if (!greeted_) return false;
  if (ack_is_due_) {
    FillStored(stored_, message->mutable_ack());
    ack_is_due_ = false;
    return true;
  }
  if (!need_layouts_.empty() || !need_targets_.empty() || !need_chains_.empty()) {
    v1::NeedDeclare* need = message->mutable_need_declare();
    for (const std::string& hash : need_layouts_) need->add_layout_hashes(hash);
    for (const uint32_t target_ref : need_targets_) need->add_target_refs(target_ref);
    for (const uint64_t chain : need_chains_) need->add_chains(chain);
    need_layouts_.clear();
    need_targets_.clear();
    need_chains_.clear();
    return true;
  }
  if (!rejects_.empty()) {
    *message->mutable_reject() = std::move(rejects_.front());
    rejects_.pop_front();
    return true;
  }
  if (const int64_t grant = TakeGrant(); grant > 0) {
    message->mutable_credit()->set_bytes(static_cast<uint64_t>(grant));
    return true;
  }
  return false;
}

}  // namespace baro::collector
