#include "baro/collector/ingest_service.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <set>
#include <utility>

#include "agent_registry.h"
#include "baro/base/bounded_queue.h"
#include "baro/base/mutex.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "push_stream.h"
#include "spdlog/spdlog.h"
#include "takeover_watch.h"

namespace baro::collector {
namespace {

// Only timeouts wait for a tick; each costs a wake-up.
constexpr int64_t kTickMs = 100;
constexpr int kKeepaliveMs = 30'000;
constexpr int kWindowBytes = 1 << 20;
constexpr size_t kLoggedNameBytesMax = 256;

class Service final : public IngestService, public StreamOwner, public v1::Ingest::CallbackService {
 public:
  Service(IngestOptions options, tsdb::Store* store)
      : options_(std::move(options)),
        store_(store),
        pool_(options_.credits),
        turns_(2 * options_.streams_max + 16) {}
  ~Service() override { Stop(); }

  absl::Status Listen();
  int port() const override { return port_; }
  void Stop() override ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<AgentFacts> Agents() const override { return registry_.Agents(); }
  IngestServiceStats GetStats() const override ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::ServerBidiReactor<v1::AgentMessage, v1::CollectorMessage>* Push(
      grpc::CallbackServerContext* context) override;

  void Schedule(std::shared_ptr<PushStream> stream) override {
    // There is room for every stream: each waits for a turn at most once. Closed: the process ends.
    turns_.TryPush(std::move(stream));
  }
  absl::StatusOr<bool> Claim(const AgentUuid& uuid, std::string_view node_name,
                             PushStream* stream) override;
  void OnGreeted(const PushStream& stream) override {
    registry_.OnGreeted(stream.session().position(), stream.address());
  }
  void OnProgress(const PushStream& stream) override {
    registry_.OnProgress(stream.session().position(), stream.session().stats());
  }
  void OnRetired(const PushStream& stream, const std::string& reason) override;
  void OnClosed(PushStream* stream) override;
  int64_t NowMs() const override { return options_.clock->NowMs(); }

 private:
  struct Owner {
    PushStream* stream = nullptr;
    std::string node_name;
  };

  absl::Status Conflict(const AgentUuid& uuid, const Owner& owner, std::string_view node_name,
                        const PushStream& newcomer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();
  void TickUntilStopped() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::shared_ptr<PushStream>> LiveStreams() const ABSL_LOCKS_EXCLUDED(mutex_);

  const IngestOptions options_;
  tsdb::Store* const store_;
  CreditPool pool_;
  AgentRegistry registry_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  base::BoundedQueue<std::shared_ptr<PushStream>> turns_;
  base::TaskGroup tasks_;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<PushStream>> streams_ ABSL_GUARDED_BY(mutex_);  // until retired
  std::set<PushStream*> open_ ABSL_GUARDED_BY(mutex_);                     // until gRPC lets go
  std::map<AgentUuid, Owner> owners_ ABSL_GUARDED_BY(mutex_);
  TakeoverWatch takeovers_ ABSL_GUARDED_BY(mutex_);
  IngestServiceStats stats_ ABSL_GUARDED_BY(mutex_);
};

// Answers a call that is refused before it has begun.
class RefusedStream final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::CollectorMessage> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

absl::Status Service::Listen() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  for (grpc::Service* const service : options_.services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.limits.message_bytes_max));
  // A peer that has vanished is noticed within a minute, and agents may ping as often.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs / 2);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
  // gRPC unpacks a message whole before it looks at its size: 16 MiB of gzip would be 16 GiB.
  // Agents pack inside their messages; a service whose clients use gRPC's own packing unpacks by
  // itself.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // Credits bound what is under way. Probing for the bandwidth would answer every few messages with
  // a ping, and a small window would cost an update each.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  // Without this a second server on the same port would silently take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0)
    return absl::UnavailableError(base::StrCat("cannot listen on ", options_.listen));
  for (int i = 0; i < options_.worker_count; ++i)
    tasks_.Start(base::StrCat("ingest-", i), [this] { Work(); });
  tasks_.Start("ingest-tick", [this] { TickUntilStopped(); });
  return absl::OkStatus();
}

void Service::Work() {
  while (auto stream = turns_.Pop()) (*stream)->Run();
}

std::vector<std::shared_ptr<PushStream>> Service::LiveStreams() const {
  base::MutexLock lock(&mutex_);
  return {streams_.begin(), streams_.end()};
}

void Service::TickUntilStopped() {
  while (true) {
    {
      base::MutexLock lock(&mutex_);
      if (stopping_ && streams_.empty() && open_.empty()) return;
      changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(kTickMs));
    }
    const int64_t now_ms = NowMs();
    for (const auto& stream : LiveStreams()) stream->Tick(now_ms);
  }
}

grpc::ServerBidiReactor<v1::AgentMessage, v1::CollectorMessage>* Service::Push(
    grpc::CallbackServerContext* context) {
  std::shared_ptr<PushStream> stream;
  {
    base::MutexLock lock(&mutex_);
    if (stopping_ || open_.size() >= options_.streams_max) {
      ++stats_.streams_refused_total;
      return new RefusedStream(grpc::Status(
          grpc::StatusCode::UNAVAILABLE, stopping_ ? "the collector stops" : "too many streams"));
    }
    stream = std::make_shared<PushStream>(options_.limits, options_.version, context->peer(),
                                          store_, &pool_, this);
    ++stats_.streams_total;
    streams_.insert(stream);
    open_.insert(stream.get());
  }
  stream->Open();
  return stream.get();
}

absl::StatusOr<bool> Service::Claim(const AgentUuid& uuid, std::string_view node_name,
                                    PushStream* stream) {
  base::MutexLock lock(&mutex_);
  Owner& owner = owners_[uuid];
  if (owner.stream == nullptr || owner.stream == stream) {
    owner = {stream, std::string(node_name.substr(0, kLoggedNameBytesMax))};
    return true;
  }
  for (const auto& live : streams_) {
    if (live.get() != owner.stream) continue;
    // A peer that has vanished does not stay: keepalive ends its stream.
    if (!live->closing() && takeovers_.Refuses(uuid, NowMs())) {
      return Conflict(uuid, owner, node_name, *stream);
    }
    ++stats_.streams_superseded_total;
    if (live->Close(grpc::Status(grpc::StatusCode::ABORTED, "the agent has connected again"))) {
      takeovers_.OnTakeover(uuid, NowMs());
    }
  }
  return false;
}

absl::Status Service::Conflict(const AgentUuid& uuid, const Owner& owner,
                               std::string_view node_name, const PushStream& newcomer) {
  ++stats_.identity_conflicts_total;
  if (takeovers_.ShallWarn(uuid, NowMs())) {
    spdlog::warn(
        "two agents have one identity: uuid={} first={} (node {}) second={} (node {}); the second "
        "is refused: was its spool copied? stop it and empty its spool folder",
        UuidText(uuid), owner.stream->address(), owner.node_name, newcomer.address(),
        std::string(node_name.substr(0, kLoggedNameBytesMax)));
  }
  return absl::AlreadyExistsError(base::StrCat(
      "cannot take Hello: agent ", UuidText(uuid), " is connected already from ",
      owner.stream->address(), " (node ", owner.node_name,
      "): two agents have one identity; was the spool copied? empty one's spool folder"));
}

void Service::OnRetired(const PushStream& stream, const std::string& reason) {
  const IngestSession& session = stream.session();
  if (session.greeted()) {
    registry_.OnGone(session.position(), session.stats(), reason, NowMs());
  } else {
    registry_.OnStranger(session.stats());
  }
  std::shared_ptr<PushStream> last;  // its destructor must not run under the lock
  base::MutexLock lock(&mutex_);
  // By what was claimed: a session whose Hello was refused does not know its agent.
  if (stream.claimed()) {
    const auto owner = owners_.find(*stream.claimed());
    if (owner != owners_.end() && owner->second.stream == &stream) owners_.erase(owner);
  }
  for (auto live = streams_.begin(); live != streams_.end(); ++live) {
    if (live->get() != &stream) continue;
    last = *live;
    streams_.erase(live);
    break;
  }
  changed_.SignalAll();
}

void Service::OnClosed(PushStream* stream) {
  base::MutexLock lock(&mutex_);
  open_.erase(stream);
  changed_.SignalAll();
}

void Service::Stop() {
  {
    base::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (const auto& stream : LiveStreams())
    stream->Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the collector stops"));
  if (server_ != nullptr) server_->Shutdown();
  {
    base::MutexLock lock(&mutex_);
    while (!streams_.empty() || !open_.empty()) changed_.Wait(&mutex_);
  }
  turns_.Close();
  tasks_.Stop();
}

IngestServiceStats Service::GetStats() const {
  IngestServiceStats stats;
  {
    base::MutexLock lock(&mutex_);
    stats = stats_;
  }
  registry_.FillStats(&stats);
  return stats;
}

}  // namespace

absl::StatusOr<std::unique_ptr<IngestService>> IngestService::Start(IngestOptions options,
                                                                    tsdb::Store* store) {
  auto service = std::make_unique<Service>(std::move(options), store);
  if (absl::Status status = service->Listen(); !status.ok()) return status;
  return service;
}

}  // namespace baro::collector
