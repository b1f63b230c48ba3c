#include "baro/agent/delivery.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "baro/base/mutex.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "push_call.h"

namespace baro::agent {
namespace {

constexpr int kMessageBytesMax = 16 << 20;
constexpr int kKeepaliveMs = 20'000;
constexpr int kReconnectMs = 250;
constexpr int64_t kLogPauseMs = 10'000;
constexpr int64_t kPublishPauseMs = 200;

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs / 2);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // PushSession decides when to try again; gRPC must not pause two minutes of its own.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 4 * kReconnectMs);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Milliseconds since 1970 as they were at start, then as steady as the monotonic clock: a clock
// that is set must not age segments or delay a reconnect.
class SteadyClock {
 public:
  explicit SteadyClock(const base::Clock* clock)
      : clock_(clock), wall_ms_(clock->NowMs()), start_ns_(clock->MonotonicNs()) {}
  int64_t NowMs() const { return wall_ms_ + (clock_->MonotonicNs() - start_ns_) / 1'000'000; }

 private:
  const base::Clock* const clock_;
  const int64_t wall_ms_;
  const int64_t start_ns_;
};

class GrpcDelivery final : public Delivery {
 public:
  GrpcDelivery(DeliveryOptions options, std::unique_ptr<spool::Spool> opened)
      : options_(std::move(options)),
        clock_(options_.clock),
        queue_(options_.queue),
        spool_(std::move(opened)),
        writer_(options_.writer, &queue_, spool_.get()),
        session_(options_.push, spool_.get()),
        stub_(v1::Ingest::NewStub(OpenChannel(options_.collector))) {
    session_.set_layout_hashes([this] { return queue_.LayoutHashes(10'000); });
    Publish();
    tasks_.Start("delivery", [this] { Run(); });
  }
  ~GrpcDelivery() override { Stop(); }

  absl::StatusOr<TargetHandle> Declare(const model::Labels& target,
                                       const model::Layout& layout) override {
    return queue_.Declare(target, layout);
  }
  absl::Status Append(TargetHandle target, int64_t time_ms,
                      std::span<const double> values) override {
    return queue_.Append(target, time_ms, values);
  }
  absl::Status AppendExtras(std::vector<SeriesExtras> extras) override {
    return queue_.AppendExtras(std::move(extras));
  }
  void Release(TargetHandle target) override { queue_.Release(target); }

  void Stop() override {
    stopping_.store(true);
    mailbox_.Wake();
    tasks_.Stop();
  }
  DeliveryStats GetStats() const override ABSL_LOCKS_EXCLUDED(stats_mutex_) {
    base::MutexLock lock(&stats_mutex_);
    DeliveryStats stats = stats_;
    stats.rows = queue_.GetStats();
    return stats;
  }

 private:
  void Run();
  void Round(int64_t now_ms);
  void HandleEvents(int64_t now_ms);
  void HandleMessage(int64_t now_ms);
  void WriteWhenDue(int64_t now_ms);
  void Connect(int64_t now_ms);
  void Send(int64_t now_ms);
  void Drain();
  void HangUp(std::string_view reason);
  void Publish() ABSL_LOCKS_EXCLUDED(stats_mutex_);
  bool IsDrained() const {
    return !session_.streaming() || spool_->GetStats().unacknowledged_frames == 0;
  }

  const DeliveryOptions options_;
  const SteadyClock clock_;
  RowQueue queue_;
  std::atomic<bool> stopping_ = false;
  CallMailbox mailbox_;

  // The delivery thread's.
  std::unique_ptr<spool::Spool> spool_;
  SpoolWriter writer_;
  PushSession session_;
  std::unique_ptr<v1::Ingest::Stub> stub_;
  std::unique_ptr<PushCall> call_;
  bool write_in_flight_ = false;
  std::string hang_up_reason_;
  int64_t next_write_ms_ = 0;
  int64_t next_publish_ms_ = 0;
  bool stats_are_old_ = true;
  int64_t next_log_ms_ = 0;
  std::string write_error_;

  mutable base::Mutex stats_mutex_;
  DeliveryStats stats_ ABSL_GUARDED_BY(stats_mutex_);

  base::TaskGroup tasks_;  // last: its thread uses all the others
};

void GrpcDelivery::Run() {
  while (!stopping_.load()) {
    const int64_t now_ms = clock_.NowMs();
    Round(now_ms);
    const int64_t publish_ms = stats_are_old_ ? next_publish_ms_ : INT64_MAX;
    const int64_t wake_ms = std::min({next_write_ms_, session_.NextWakeMs(), publish_ms});
    const int64_t wait_ms = std::clamp<int64_t>(wake_ms - clock_.NowMs(), 0, 1'000);
    mailbox_.Wait(absl::Milliseconds(wait_ms));
  }
  Drain();
}

void GrpcDelivery::Round(int64_t now_ms) {
  HandleEvents(now_ms);
  WriteWhenDue(now_ms);
  Connect(now_ms);
  Send(now_ms);
  if (call_ != nullptr) {
    if (const absl::Status alive = session_.CheckAlive(now_ms); !alive.ok())
      HangUp(base::FromAbsl(alive.message()));
  }
  if (stats_are_old_ && now_ms >= next_publish_ms_) Publish();
}

void GrpcDelivery::HandleEvents(int64_t now_ms) {
  const CallEvents events = mailbox_.Take();
  if (call_ == nullptr) return;
  stats_are_old_ = true;
  if (events.written) write_in_flight_ = false;
  if (events.message) HandleMessage(now_ms);
  if (events.broken) call_->HangUp();
  if (!events.done.has_value()) return;
  const std::string reason =
      hang_up_reason_.empty()
          ? base::StrCat("stream ended: ", events.done->error_message().empty()
                                               ? std::string("closed by the collector")
                                               : events.done->error_message())
          : hang_up_reason_;
  session_.OnDisconnected(reason, now_ms);
  call_.reset();
  hang_up_reason_.clear();
  write_in_flight_ = false;
  if (now_ms >= next_log_ms_) {
    next_log_ms_ = now_ms + kLogPauseMs;
    spdlog::warn("cannot deliver to {}: {}", options_.collector, reason);
  }
}

void GrpcDelivery::HandleMessage(int64_t now_ms) {
  const bool was_streaming = session_.streaming();
  const absl::Status status = session_.OnMessage(call_->inbound(), now_ms);
  if (!status.ok()) {
    HangUp(base::FromAbsl(status.message()));
    return;
  }
  if (!was_streaming && session_.streaming()) spdlog::info("delivering to {}", options_.collector);
  call_->Read();
}

void GrpcDelivery::HangUp(std::string_view reason) {
  if (hang_up_reason_.empty()) hang_up_reason_ = std::string(reason);
  call_->HangUp();
}

void GrpcDelivery::WriteWhenDue(int64_t now_ms) {
  if (session_.TakeRollRequest()) writer_.RollNext();
  if (now_ms < next_write_ms_) return;
  next_write_ms_ = now_ms + options_.write_interval_ms;
  stats_are_old_ = true;
  const absl::Status status = writer_.Write(now_ms);
  if (!status.ok() && write_error_.empty())
    spdlog::error("cannot write to the spool: {}", base::FromAbsl(status.message()));
  write_error_ = std::string(status.message());
  spool_->Collect(now_ms);
}

void GrpcDelivery::Connect(int64_t now_ms) {
  if (call_ != nullptr || !session_.WantsConnection(now_ms)) return;
  session_.OnConnecting(now_ms);
  call_ = std::make_unique<PushCall>(stub_.get(), &mailbox_);
  session_.OnConnected(now_ms);  // gRPC tells only when it fails
}

void GrpcDelivery::Send(int64_t now_ms) {
  if (call_ == nullptr || write_in_flight_ || !hang_up_reason_.empty()) return;
  if (!session_.NextMessage(now_ms, call_->outbound())) return;
  write_in_flight_ = true;
  call_->Write();
}

void GrpcDelivery::Drain() {
  next_write_ms_ = 0;
  Round(clock_.NowMs());
  const int64_t deadline_ms = clock_.NowMs() + options_.drain_ms;
  while (!IsDrained() && clock_.NowMs() < deadline_ms) {
    mailbox_.Wait(absl::Milliseconds(50));
    Round(clock_.NowMs());
  }
  if (call_ != nullptr) HangUp("the agent stops");
  while (call_ != nullptr) {
    mailbox_.Wait(absl::Milliseconds(50));
    HandleEvents(clock_.NowMs());
  }
  Publish();
}

void GrpcDelivery::Publish() {
  stats_are_old_ = false;
  next_publish_ms_ = clock_.NowMs() + kPublishPauseMs;
  DeliveryStats stats;
  stats.writer = writer_.stats();
  stats.spool = spool_->GetStats();
  stats.push = session_.GetStats();
  stats.identity = spool_->identity();
  stats.next_sequence = spool_->next_sequence();
  stats.last_write_error = write_error_;
  base::MutexLock lock(&stats_mutex_);
  stats_ = std::move(stats);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Delivery>> Delivery::Start(DeliveryOptions options) {
  BARO_TRY_ASSIGN(auto spool, spool::Spool::Open(options.spool));
  return std::make_unique<GrpcDelivery>(std::move(options), std::move(spool));
}

}  // namespace baro::agent
