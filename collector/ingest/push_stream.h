// PushStream: one gRPC stream of an agent, between gRPC's threads, the workers and the store.
#pragma once

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/base/mutex.h"
#include "baro/collector/ingest_session.h"
#include "baro/v1/ingest.grpc.pb.h"

namespace baro::collector {

class PushStream;
using AgentUuid = std::array<uint8_t, 16>;

// What a stream needs of the service. Thread-safe.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  // Has a worker call stream->Run() soon.
  virtual void Schedule(std::shared_ptr<PushStream> stream) = 0;
  // True when the agent is this stream's from now on. False while an older stream of the same agent
  // is being ended; ask again. Errors: AlreadyExists (another agent has this identity, and stays).
  virtual absl::StatusOr<bool> Claim(const AgentUuid& uuid, std::string_view node_name,
                                     PushStream* stream) = 0;
  virtual void OnGreeted(const PushStream& stream) = 0;
  virtual void OnProgress(const PushStream& stream) = 0;
  // Nothing of the stream is under way any more; the agent is free.
  virtual void OnRetired(const PushStream& stream, const std::string& reason) = 0;
  // gRPC has let go of the stream.
  virtual void OnClosed(PushStream* stream) = 0;
  virtual int64_t NowMs() const = 0;
};

// Thread-safe. Lives until gRPC and the store have both let go of it.
class PushStream final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::CollectorMessage>,
                         public std::enable_shared_from_this<PushStream> {
 public:
  PushStream(IngestLimits limits, const std::string& version, std::string address,
             tsdb::Store* store, CreditPool* pool, StreamOwner* owner)
      : store_(store),
        owner_(owner),
        address_(std::move(address)),
        session_(limits, version, store, pool) {}

  // Once, right after creation: keeps itself alive until OnDone().
  void Open() ABSL_LOCKS_EXCLUDED(mutex_);
  // Does what has come up since; one thread at a time. Called by a worker.
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the stream with this status, once what is under way in the store is done. False when it
  // was ending already.
  bool Close(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Wakes the stream when its time has come.
  void Tick(int64_t now_ms) ABSL_LOCKS_EXCLUDED(mutex_);

  bool closing() const ABSL_LOCKS_EXCLUDED(mutex_);

  // For the owner, from inside Run().
  const IngestSession& session() const { return session_; }
  const std::string& address() const { return address_; }
  // The agent this stream has; it may have been claimed by a Hello that was refused afterwards.
  const std::optional<AgentUuid>& claimed() const { return claimed_; }

 private:
  enum class Turn { kIdle, kQueued, kRunning, kRunAgain };
  struct Result {
    uint64_t chain = 0;
    tsdb::AppendResult append;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellProgress();
  void RunOnce();
  void TakeResults();
  void TakeMessage();
  void StartJobs();
  void StartWriting();
  void EndIfDone();

  tsdb::Store* const store_;
  StreamOwner* const owner_;
  const std::string address_;

  // Of the thread inside Run().
  IngestSession session_;
  std::optional<AgentUuid> claimed_;
  bool finished_ = false;
  bool retired_ = false;
  int64_t progress_at_ms_ = 0;  // when the owner was told last

  mutable base::Mutex mutex_;
  std::shared_ptr<PushStream> self_ ABSL_GUARDED_BY(mutex_);
  Turn turn_ ABSL_GUARDED_BY(mutex_) = Turn::kIdle;
  bool message_is_here_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool more_to_write_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Result> results_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Status> closing_ ABSL_GUARDED_BY(mutex_);
  int64_t wake_at_ms_ ABSL_GUARDED_BY(mutex_) = INT64_MAX;
  // gRPC's while reading and writing, Run()'s in between.
  v1::AgentMessage inbound_;
  v1::CollectorMessage outbound_;
};

}  // namespace baro::collector
