// PushSession: the agent's half of the push protocol (docs/formats/protocol.md) as a state machine.
//
//   idle ─► connecting ─► greeting (Hello sent) ─► streaming (Welcome came) ─► idle, after a pause
//   …
//
// Pure: no socket, no clock, no thread. Time is passed in, messages are handed in and taken out;
// what to send is read from the spool. A message is made only when the transport can take it, so
// memory does not grow with the backlog.
//
// Two lanes share the collector's credits. The fresh lane follows the newest segment and goes
// first; the backlog lane sends older segments, oldest first, with what is left. Both skip what the
// collector has stored already.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/random.h"
#include "baro/model/layout.h"
#include "baro/spool/spool.h"
#include "baro/v1/ingest.pb.h"

namespace baro::agent {

struct PushOptions {
  std::string node_name;
  std::string version;
  // Pause before connecting again: a random part of min · 2^failures, at most max. Randomness keeps
  // a thousand agents from coming back at once.
  int64_t backoff_ms_min = 500;
  int64_t backoff_ms_max = 30'000;
  int64_t connect_timeout_ms = 20'000;  // until Welcome
  // Frames are out and no word comes back: the stream is dead, whatever TCP says.
  int64_t answer_timeout_ms = 60'000;
  uint64_t seed = base::RandomSeed();
};

struct PushStats {
  bool connected = false;
  uint64_t connections_total = 0;
  uint64_t failures_total = 0;
  std::string last_failure;
  uint64_t batches_sent_total = 0;
  uint64_t frames_sent_total = 0;
  uint64_t bytes_sent_total = 0;  // of batch bodies and extras
  uint64_t fresh_batches_sent_total = 0;
  uint64_t backlog_batches_sent_total = 0;
  uint64_t declarations_sent_total = 0;
  uint64_t declarations_asked_total = 0;  // by NeedDeclare
  uint64_t chains_resent_total = 0;
  uint64_t read_failures_total = 0;
  uint64_t undecodable_frames_total = 0;
  std::map<std::string, uint64_t> rejects_total;  // by reason
  std::string last_reject;
  int64_t credit_bytes = 0;
  uint64_t acknowledged_sequence = 0;
  int64_t last_ack_ms = 0;
};

// Thread-compatible. Does not own the spool.
class PushSession {
 public:
  PushSession(PushOptions options, spool::Spool* spool);

  // Asked when Hello is made: content hashes of the layouts in use.
  void set_layout_hashes(std::function<std::vector<model::ContentHash>()> source) {
    layout_hashes_ = std::move(source);
  }

  // True when a connection should be opened; OnConnecting() answers it.
  bool WantsConnection(int64_t now_ms) const;
  void OnConnecting(int64_t now_ms);
  void OnConnected(int64_t now_ms);
  void OnDisconnected(std::string_view reason, int64_t now_ms);
  // Errors: InvalidArgument (the collector broke the protocol), Aborted (a new epoch began),
  // Unavailable (the spool's disk). The caller disconnects.
  absl::Status OnMessage(const v1::CollectorMessage& message, int64_t now_ms);
  // Makes the next message for the wire. False when there is nothing to send or no credit for it.
  bool NextMessage(int64_t now_ms, v1::AgentMessage* message);
  // DeadlineExceeded when the other side has been silent for too long; the caller disconnects.
  absl::Status CheckAlive(int64_t now_ms) const;
  // True when a segment should be begun, so that fresh frames do not wait behind the backlog.
  bool TakeRollRequest() { return std::exchange(wants_roll_, false); }

  bool streaming() const { return state_ == State::kStreaming; }
  // When WantsConnection() or CheckAlive() may change by time alone.
  int64_t NextWakeMs() const;
  PushStats GetStats() const;

 private:
  enum class State { kIdle, kConnecting, kGreeting, kStreaming };
  struct Progress {
    uint64_t sent_last = 0;  // in this stream
    bool whole = false;      // send what is stored as well: the chain's state is lost
    uint32_t resends = 0;
  };
  using Lane = std::optional<spool::SegmentReader>;

  absl::Status OnWelcome(const v1::Welcome& welcome, int64_t now_ms);
  absl::Status OnAck(const v1::Ack& ack, int64_t now_ms);
  void OnReject(const v1::Reject& reject);
  absl::Status OnNeedDeclare(const v1::NeedDeclare& need);
  void ResendChain(uint64_t chain);

  void MakeHello(v1::Hello* hello);
  bool NextFromFresh(int64_t now_ms, v1::AgentMessage* message);
  bool NextFromBacklog(int64_t now_ms, v1::AgentMessage* message);
  // Reads on in a lane until there is something to send; false at the end of what is synced.
  bool NextFromLane(Lane* lane, int64_t now_ms, v1::AgentMessage* message);
  bool MakeDeclare(std::string_view record, v1::AgentMessage* message);
  bool MakeFrames(const spool::Record& record, uint64_t segment, v1::AgentMessage* message);
  void OnReadFailure(Lane* lane, const absl::Status& status, int64_t now_ms);
  bool HasUnsent(const spool::SegmentFacts& facts) const;
  bool IsBacklogged() const;
  bool FreshIsLate() const;
  void GiveUp(uint64_t segment, const std::string& reason);
  void ForgetStream();

  const PushOptions options_;
  spool::Spool* const spool_;
  std::mt19937_64 random_;
  std::function<std::vector<model::ContentHash>()> layout_hashes_;

  State state_ = State::kIdle;
  int64_t connect_at_ms_ = 0;
  int64_t heard_ms_ = 0;  // last word of the other side, or when it was first owed
  int64_t welcome_ms_ = 0;
  uint32_t failures_ = 0;  // since the last acknowledgement
  bool hello_sent_ = false;
  bool wants_roll_ = false;

  // Of this stream.
  int64_t credit_bytes_ = 0;
  std::set<model::ContentHash> known_layouts_;
  std::set<uint32_t> known_targets_;
  std::map<uint64_t, Progress> progress_;
  uint64_t sent_max_ = 0;        // largest sequence
  int64_t owed_since_ms_ = 0;    // an Ack, since then; 0: none
  uint64_t asked_in_a_row_ = 0;  // NeedDeclare without an Ack in between
  Lane fresh_;
  Lane backlog_;
  bool backlog_is_empty_ = false;  // until something changes
  int64_t read_again_ms_ = 0;
  uint32_t read_failures_ = 0;

  PushStats stats_;
};

}  // namespace baro::agent
