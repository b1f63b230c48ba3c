#include "baro/agent/push_session.h"

#include <algorithm>
#include <cstring>

#include "baro/base/check.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "declaration.h"

namespace baro::agent {
namespace {

constexpr size_t kHelloLayoutsMax = 10'000;  // 160 KB of hashes
constexpr int kStoredRangesMax = 65'536;
constexpr int64_t kCreditBytesMax = int64_t{1} << 30;
constexpr uint32_t kResendsMax = 3;
constexpr uint64_t kAskedInARowMax = 64;
constexpr int64_t kReadPauseMs = 1'000;
constexpr uint32_t kReadFailuresMax = 5;
// Below this a backlog is sent in a moment and needs no lane of its own.
constexpr uint64_t kBacklogBytesMin = 256 << 10;

absl::Status Broken(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("cannot use collector's message: ", what));
}

// last_sequence and the ranges beyond it, as Welcome and Ack tell them.
template <typename Message>
absl::StatusOr<base::IntervalSet> ReadStored(const Message& message) {
  if (message.stored_size() > kStoredRangesMax)
    return Broken(base::StrCat(message.stored_size(), " stored ranges"));
  base::IntervalSet stored;
  if (message.last_sequence() > 0) stored.Add({1, message.last_sequence()});
  for (const v1::SequenceRange& range : message.stored()) {
    if (range.first() == 0 || range.first() > range.last())
      return Broken(base::StrCat("stored range ", range.first(), " to ", range.last()));
    stored.Add({range.first(), range.last()});
  }
  return stored;
}

std::optional<model::ContentHash> ReadHash(const std::string& bytes) {
  model::ContentHash hash;
  if (bytes.size() != hash.size()) return std::nullopt;
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

}  // namespace

PushSession::PushSession(PushOptions options, spool::Spool* spool)
    : options_(std::move(options)), spool_(spool), random_(options_.seed) {}

bool PushSession::WantsConnection(int64_t now_ms) const {
  return state_ == State::kIdle && now_ms >= connect_at_ms_;
}

void PushSession::OnConnecting(int64_t now_ms) {
  BARO_CHECK(state_ == State::kIdle);
  ForgetStream();
  state_ = State::kConnecting;
  heard_ms_ = now_ms;
}

void PushSession::OnConnected(int64_t now_ms) {
  BARO_CHECK(state_ == State::kConnecting);
  state_ = State::kGreeting;
  heard_ms_ = now_ms;
  ++stats_.connections_total;
}

void PushSession::OnDisconnected(std::string_view reason, int64_t now_ms) {
  // A stream that held for a while was a good one.
  const bool held = state_ == State::kStreaming && now_ms - welcome_ms_ >= options_.backoff_ms_max;
  failures_ = held ? 1 : failures_ + 1;
  state_ = State::kIdle;
  const int64_t ceiling =
      std::min(options_.backoff_ms_max, options_.backoff_ms_min << std::min(failures_ - 1, 20u));
  const auto spread = static_cast<uint64_t>(ceiling - options_.backoff_ms_min / 2 + 1);
  connect_at_ms_ = now_ms + options_.backoff_ms_min / 2 + static_cast<int64_t>(random_() % spread);
  ++stats_.failures_total;
  stats_.last_failure = std::string(reason);
  ForgetStream();
}

void PushSession::ForgetStream() {
  hello_sent_ = false;
  credit_bytes_ = 0;
  known_layouts_.clear();
  known_targets_.clear();
  progress_.clear();
  asked_in_a_row_ = 0;
  sent_max_ = 0;
  owed_since_ms_ = 0;
  fresh_.reset();
  backlog_.reset();
  backlog_is_empty_ = false;
}

absl::Status PushSession::OnMessage(const v1::CollectorMessage& message, int64_t now_ms) {
  heard_ms_ = now_ms;
  if (owed_since_ms_ != 0) owed_since_ms_ = now_ms;
  if (message.has_welcome()) return OnWelcome(message.welcome(), now_ms);
  if (state_ != State::kStreaming) return Broken("it came before Welcome");
  switch (message.kind_case()) {
    case v1::CollectorMessage::kAck:
      return OnAck(message.ack(), now_ms);
    case v1::CollectorMessage::kCredit: {
      const auto bytes = std::min<uint64_t>(message.credit().bytes(), kCreditBytesMax);
      credit_bytes_ = std::min(credit_bytes_ + static_cast<int64_t>(bytes), kCreditBytesMax);
      return absl::OkStatus();
    }
    case v1::CollectorMessage::kReject:
      OnReject(message.reject());
      return absl::OkStatus();
    case v1::CollectorMessage::kNeedDeclare:
      return OnNeedDeclare(message.need_declare());
    default:
      return absl::OkStatus();  // of a newer collector: it may say what we need not know
  }
}

absl::Status PushSession::OnWelcome(const v1::Welcome& welcome, int64_t now_ms) {
  if (state_ != State::kGreeting || !hello_sent_) return Broken("Welcome out of turn");
  BARO_TRY_ASSIGN(base::IntervalSet stored, ReadStored(welcome));
  if (stored.max() >= spool_->next_sequence()) {
    // The collector knows frames that this spool has never numbered: the spool's disk has gone back
    // in time. Numbers given since then may mean other frames.
    BARO_TRY(spool_->StartEpoch());
    return absl::AbortedError(base::StrCat("collector has stored sequence ", stored.max(),
                                           " but the spool is only at ", spool_->next_sequence(),
                                           ": starting epoch ", spool_->identity().epoch));
  }
  spool_->SetStored(std::move(stored), now_ms);
  for (const std::string& bytes : welcome.known_layout_hashes()) {
    if (const auto hash = ReadHash(bytes); hash.has_value()) known_layouts_.insert(*hash);
  }
  credit_bytes_ = static_cast<int64_t>(std::min<uint64_t>(welcome.credit_bytes(), kCreditBytesMax));
  state_ = State::kStreaming;
  welcome_ms_ = now_ms;
  stats_.acknowledged_sequence = spool_->stored().max();
  wants_roll_ = IsBacklogged();
  return absl::OkStatus();
}

bool PushSession::IsBacklogged() const {
  if (!spool_->has_open_segment()) return false;
  const auto facts = spool_->FindSegment(spool_->open_segment());
  return facts.has_value() && HasUnsent(*facts) && facts->bytes >= kBacklogBytesMin;
}

absl::Status PushSession::OnAck(const v1::Ack& ack, int64_t now_ms) {
  BARO_TRY_ASSIGN(base::IntervalSet stored, ReadStored(ack));
  if (stored.max() >= spool_->next_sequence())
    return Broken(base::StrCat("Ack of sequence ", stored.max(), ", never sent"));
  spool_->SetStored(std::move(stored), now_ms);
  stats_.acknowledged_sequence = spool_->stored().max();
  stats_.last_ack_ms = now_ms;
  failures_ = 0;
  asked_in_a_row_ = 0;
  if (spool_->stored().max() >= sent_max_) owed_since_ms_ = 0;
  return absl::OkStatus();
}

void PushSession::OnReject(const v1::Reject& reject) {
  ++stats_.rejects_total[reject.reason()];
  stats_.last_reject = base::StrCat(reject.reason(), ": ", reject.message());
  if (reject.has_undecodable()) {
    const uint64_t first = reject.undecodable().first();
    const uint64_t last = reject.undecodable().last();
    if (first <= last) stats_.undecodable_frames_total += last - first + 1;
  }
}

absl::Status PushSession::OnNeedDeclare(const v1::NeedDeclare& need) {
  // Declaring does not help, or we would have heard an Ack: start over with a fresh stream.
  if (++asked_in_a_row_ > kAskedInARowMax)
    return Broken(base::StrCat("NeedDeclare ", asked_in_a_row_, " times without an Ack"));
  for (const std::string& bytes : need.layout_hashes()) {
    if (const auto hash = ReadHash(bytes); hash.has_value()) known_layouts_.erase(*hash);
  }
  for (const uint32_t target_ref : need.target_refs()) known_targets_.erase(target_ref);
  stats_.declarations_asked_total +=
      static_cast<uint64_t>(need.layout_hashes_size() + need.target_refs_size());
  for (const uint64_t chain : need.chains()) ResendChain(chain);
  if (need.layout_hashes_size() + need.target_refs_size() > 0) {
    // Both lanes go back to the start of their segments; what is stored by then is skipped.
    for (auto& [segment, progress] : progress_) progress.sent_last = 0;
    fresh_.reset();
    backlog_.reset();
  }
  backlog_is_empty_ = false;
  return absl::OkStatus();
}

void PushSession::ResendChain(uint64_t chain) {
  if (!spool_->FindSegment(chain).has_value()) return;
  ++stats_.chains_resent_total;
  Progress& progress = progress_[chain];
  progress.sent_last = 0;
  progress.whole = true;
  if (++progress.resends > kResendsMax) GiveUp(chain, "undecodable");
  if (fresh_.has_value() && fresh_->number() == chain) fresh_.reset();
  if (backlog_.has_value() && backlog_->number() == chain) backlog_.reset();
}

void PushSession::GiveUp(uint64_t segment, const std::string& reason) {
  spool_->SetAside(segment, reason, true);
  // The newest cannot be set aside before there is a newer one.
  wants_roll_ = wants_roll_ || spool_->FindSegment(segment).has_value();
}

void PushSession::MakeHello(v1::Hello* hello) {
  const spool::Identity& identity = spool_->identity();
  hello->set_agent_uuid(identity.agent_uuid.data(), identity.agent_uuid.size());
  hello->set_epoch(identity.epoch);
  hello->set_node_name(options_.node_name);
  hello->set_version(options_.version);
  hello->add_encodings(v1::ENCODING_FRAME_V1);
  hello->add_encodings(v1::ENCODING_FRAME_V1_ZSTD);
  if (!layout_hashes_) return;
  std::vector<model::ContentHash> hashes = layout_hashes_();
  hashes.resize(std::min(hashes.size(), kHelloLayoutsMax));
  for (const model::ContentHash& hash : hashes) hello->add_layout_hashes(hash.data(), hash.size());
}

bool PushSession::NextMessage(int64_t now_ms, v1::AgentMessage* message) {
  message->Clear();
  if (state_ == State::kGreeting && !hello_sent_) {
    MakeHello(message->mutable_hello());
    hello_sent_ = true;
    return true;
  }
  if (state_ != State::kStreaming || credit_bytes_ <= 0 || now_ms < read_again_ms_) return false;
  if (!NextFromFresh(now_ms, message) && !NextFromBacklog(now_ms, message)) return false;
  if (message->has_frames() && owed_since_ms_ == 0) owed_since_ms_ = now_ms;
  return true;
}

bool PushSession::HasUnsent(const spool::SegmentFacts& facts) const {
  if (!facts.has_batches()) return false;
  const auto progress = progress_.find(facts.number);
  const bool whole = progress != progress_.end() && progress->second.whole;
  if (progress != progress_.end() && progress->second.sent_last >= facts.last_sequence)
    return false;
  return whole || !spool_->stored().Covers({facts.first_sequence, facts.last_sequence});
}

// The fresh lane has fallen far behind in a segment that is not the newest any more.
bool PushSession::FreshIsLate() const {
  if (!fresh_.has_value() || !spool_->has_open_segment()) return false;
  if (fresh_->number() == spool_->open_segment()) return false;
  const auto facts = spool_->FindSegment(fresh_->number());
  return facts.has_value() && facts->bytes > fresh_->offset() + kBacklogBytesMin;
}

bool PushSession::NextFromFresh(int64_t now_ms, v1::AgentMessage* message) {
  if (FreshIsLate()) fresh_.reset();
  while (true) {
    if (!fresh_.has_value()) {
      const auto segments = spool_->Segments();
      if (segments.empty()) return false;
      fresh_ = spool_->OpenReader(segments.back().number);
      backlog_is_empty_ = false;
      if (backlog_.has_value() && backlog_->number() == fresh_->number()) backlog_.reset();
    }
    if (NextFromLane(&fresh_, now_ms, message)) return true;
    if (!fresh_.has_value()) return false;  // it could not be read
    const auto facts = spool_->FindSegment(fresh_->number());
    if (facts.has_value() && !facts->sealed) return false;
    const auto newest = spool_->Segments();
    if (newest.empty() || newest.back().number == fresh_->number()) return false;
    fresh_.reset();  // go on in the newest; those in between are backlog
  }
}

bool PushSession::NextFromBacklog(int64_t now_ms, v1::AgentMessage* message) {
  while (!backlog_is_empty_) {
    if (!backlog_.has_value()) {
      for (const spool::SegmentFacts& facts : spool_->Segments()) {
        if (fresh_.has_value() && facts.number == fresh_->number()) continue;
        if (!HasUnsent(facts)) continue;
        backlog_ = spool_->OpenReader(facts.number);
        break;
      }
      backlog_is_empty_ = !backlog_.has_value();
      if (backlog_is_empty_) return false;
    }
    const uint64_t number = backlog_->number();
    if (NextFromLane(&backlog_, now_ms, message)) return true;
    if (!backlog_.has_value()) return false;  // it could not be read
    // At its end: what is left in it is not synced yet, or was skipped as stored.
    if (const auto facts = spool_->FindSegment(number); facts.has_value())
      progress_[number].sent_last = std::max(progress_[number].sent_last, facts->last_sequence);
    backlog_.reset();
  }
  return false;
}

bool PushSession::NextFromLane(Lane* lane, int64_t now_ms, v1::AgentMessage* message) {
  while (true) {
    const auto record = spool_->ReadNext(&**lane);
    if (!record.ok()) {
      OnReadFailure(lane, record.status(), now_ms);
      return false;
    }
    if (!record->has_value()) return false;
    read_failures_ = 0;
    const bool made = (*record)->kind == spool::RecordKind::kDeclaration
                          ? MakeDeclare((*record)->bytes, message)
                          : MakeFrames(**record, (*lane)->number(), message);
    if (made) {
      if (message->has_frames())
        ++(lane == &fresh_ ? stats_.fresh_batches_sent_total : stats_.backlog_batches_sent_total);
      return true;
    }
  }
}

bool PushSession::MakeDeclare(std::string_view record, v1::AgentMessage* message) {
  const auto key = ReadDeclarationKey(record);
  if (!key.ok()) return false;  // the collector will ask for what it misses
  const bool known = key->layout.has_value() ? known_layouts_.contains(*key->layout)
                                             : known_targets_.contains(*key->target_ref);
  if (known || !ReadDeclaration(record, message->mutable_declare()).ok()) {
    message->Clear();
    return false;
  }
  if (key->layout.has_value()) known_layouts_.insert(*key->layout);
  if (key->target_ref.has_value()) known_targets_.insert(*key->target_ref);
  ++stats_.declarations_sent_total;
  return true;
}

bool PushSession::MakeFrames(const spool::Record& record, uint64_t segment,
                             v1::AgentMessage* message) {
  Progress& progress = progress_[segment];
  if (record.last_sequence() <= progress.sent_last) return false;
  // A chain is sent without a gap from its first missing frame on.
  const bool stored = spool_->stored().Covers({record.first_sequence, record.last_sequence()});
  if (stored && !progress.whole && progress.sent_last == 0) return false;
  v1::FrameBatch* batch = message->mutable_frames();
  if (!batch->ParseFromArray(record.bytes.data(), static_cast<int>(record.bytes.size()))) {
    message->Clear();
    return false;
  }
  progress.sent_last = record.last_sequence();
  sent_max_ = std::max(sent_max_, record.last_sequence());
  const size_t bytes = batch->body().size() + batch->extras().size();
  credit_bytes_ -= static_cast<int64_t>(bytes);
  ++stats_.batches_sent_total;
  stats_.frames_sent_total += record.frame_count;
  stats_.bytes_sent_total += bytes;
  return true;
}

void PushSession::OnReadFailure(Lane* lane, const absl::Status& status, int64_t now_ms) {
  ++stats_.read_failures_total;
  const uint64_t number = (*lane)->number();
  // A passing I/O error is worth a few more tries; damage is not.
  const bool passing = absl::IsUnavailable(status) && ++read_failures_ < kReadFailuresMax;
  if (!passing) {
    read_failures_ = 0;
    GiveUp(number, "damaged");
  }
  read_again_ms_ = now_ms + kReadPauseMs;
  lane->reset();
}

absl::Status PushSession::CheckAlive(int64_t now_ms) const {
  const bool greeting = state_ == State::kConnecting || state_ == State::kGreeting;
  if (greeting && now_ms - heard_ms_ >= options_.connect_timeout_ms)
    return absl::DeadlineExceededError("no Welcome from the collector");
  if (owed_since_ms_ != 0 && now_ms - owed_since_ms_ >= options_.answer_timeout_ms)
    return absl::DeadlineExceededError("frames are out and the collector is silent");
  return absl::OkStatus();
}

int64_t PushSession::NextWakeMs() const {
  if (state_ == State::kIdle) return connect_at_ms_;
  if (state_ != State::kStreaming) return heard_ms_ + options_.connect_timeout_ms;
  return owed_since_ms_ != 0 ? owed_since_ms_ + options_.answer_timeout_ms : INT64_MAX;
}

PushStats PushSession::GetStats() const {
  PushStats stats = stats_;
  stats.connected = streaming();
  stats.credit_bytes = credit_bytes_;
  return stats;
}

}  // namespace baro::agent
