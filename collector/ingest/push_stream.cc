#include "push_stream.h"

#include <utility>

namespace baro::collector {
namespace {

// How often a stream asks again whether its predecessor has gone.
constexpr int64_t kClaimPauseMs = 20;
// How often the owner is told how far the stream is; it copies all counters.
constexpr int64_t kProgressMs = 200;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace

void PushStream::Open() {
  {
    base::MutexLock lock(&mutex_);
    self_ = shared_from_this();
  }
  StartRead(&inbound_);
}

void PushStream::Wake() {
  if (turn_ == Turn::kIdle) {
    turn_ = Turn::kQueued;
    owner_->Schedule(shared_from_this());
  } else if (turn_ == Turn::kRunning) {
    turn_ = Turn::kRunAgain;
  }
}

void PushStream::OnReadDone(bool ok) {
  const std::shared_ptr<PushStream> self = shared_from_this();  // Run() may end the stream
  {
    base::MutexLock lock(&mutex_);
    message_is_here_ = ok;
    if (!ok && !closing_.has_value()) closing_ = grpc::Status::OK;  // the agent has gone
    // Frames are checked and handed to the store right here, which costs less than waking a worker;
    // a declaration may be a million columns, and a Hello waits for others.
    if (turn_ != Turn::kIdle || !ok || !inbound_.has_frames()) {
      Wake();
      return;
    }
    turn_ = Turn::kQueued;
  }
  Run();
}

void PushStream::OnWriteDone(bool ok) {
  base::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok && !closing_.has_value())
    closing_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "cannot write to the agent");
  if (more_to_write_ || closing_.has_value()) Wake();
}

void PushStream::OnCancel() {
  base::MutexLock lock(&mutex_);
  if (!closing_.has_value())
    closing_ = grpc::Status(grpc::StatusCode::CANCELLED, "the agent has gone");
  Wake();
}

void PushStream::OnDone() {
  owner_->OnClosed(this);
  std::shared_ptr<PushStream> last;
  base::MutexLock lock(&mutex_);
  last.swap(self_);
  if (turn_ == Turn::kIdle && !retired_) Wake();
}

bool PushStream::Close(const grpc::Status& status) {
  base::MutexLock lock(&mutex_);
  const bool lives = !closing_.has_value();
  if (lives) closing_ = status;
  Wake();
  return lives;
}

void PushStream::Tick(int64_t now_ms) {
  base::MutexLock lock(&mutex_);
  if (now_ms >= wake_at_ms_) Wake();
}

bool PushStream::closing() const {
  base::MutexLock lock(&mutex_);
  return closing_.has_value();
}

void PushStream::Run() {
  bool again = true;
  while (again) {
    {
      base::MutexLock lock(&mutex_);
      turn_ = Turn::kRunning;
      wake_at_ms_ = INT64_MAX;
    }
    RunOnce();
    base::MutexLock lock(&mutex_);
    again = turn_ == Turn::kRunAgain;
    if (!again) turn_ = Turn::kIdle;
  }
}

void PushStream::RunOnce() {
  TakeResults();
  TakeMessage();
  StartJobs();
  StartWriting();
  if (claimed_ && !retired_) TellProgress();
  EndIfDone();
}

// At most every kProgressMs; what came meanwhile is told at the next tick after that.
void PushStream::TellProgress() {
  const int64_t now_ms = owner_->NowMs();
  const int64_t due_ms = progress_at_ms_ + kProgressMs;
  if (now_ms >= due_ms || now_ms < progress_at_ms_) {
    progress_at_ms_ = now_ms;
    owner_->OnProgress(*this);
    return;
  }
  base::MutexLock lock(&mutex_);
  wake_at_ms_ = std::min(wake_at_ms_, due_ms);
}

void PushStream::TakeResults() {
  std::vector<Result> results;
  {
    base::MutexLock lock(&mutex_);
    results.swap(results_);
  }
  for (const Result& result : results)
    session_.OnAppended(result.chain, result.append, owner_->NowMs());
}

void PushStream::TakeMessage() {
  {
    base::MutexLock lock(&mutex_);
    if (!message_is_here_ || closing_.has_value()) return;
  }
  // What is stored of the agent is known when the store has loaded its journals.
  if (!claimed_ && inbound_.has_hello() && !store_->ReplayComplete()) {
    base::MutexLock lock(&mutex_);
    wake_at_ms_ = owner_->NowMs() + kClaimPauseMs;
    return;
  }
  // An older stream of this agent may have batches in the store's queue: only when they are through
  // does Welcome tell the truth about what is stored.
  if (!claimed_ && inbound_.has_hello() && inbound_.hello().agent_uuid().size() == 16) {
    AgentUuid uuid{};
    inbound_.hello().agent_uuid().copy(reinterpret_cast<char*>(uuid.data()), uuid.size());
    const auto claimed = owner_->Claim(uuid, inbound_.hello().node_name(), this);
    if (!claimed.ok()) {
      Close(ToGrpc(claimed.status()));
      return;
    }
    if (!*claimed) {
      base::MutexLock lock(&mutex_);
      wake_at_ms_ = owner_->NowMs() + kClaimPauseMs;
      return;
    }
    claimed_ = uuid;
  }
  const bool was_greeted = session_.greeted();
  const absl::Status status = session_.OnMessage(std::move(inbound_), owner_->NowMs());
  if (!was_greeted && session_.greeted()) owner_->OnGreeted(*this);
  inbound_.Clear();
  {
    base::MutexLock lock(&mutex_);
    message_is_here_ = false;
    if (!status.ok() && !closing_.has_value()) closing_ = ToGrpc(status);
    if (closing_.has_value()) return;
  }
  StartRead(&inbound_);
}

void PushStream::StartJobs() {
  const int64_t now_ms = owner_->NowMs();
  while (!closing()) {
    auto job = session_.NextJob(now_ms);
    if (!job.has_value()) break;
    // Extras go first, so that frames that are acknowledged have theirs; when the store cannot take
    // them now, both are sent again. What it refuses of them for good it counts itself.
    const auto extras_status = std::make_shared<absl::Status>();
    if (!job->extras.histograms.empty() || !job->extras.exemplars.empty()) {
      store_->Append(std::move(job->extras), [extras_status](const tsdb::AppendResult& result) {
        *extras_status = result.status;
      });
    }
    // `done` may run at once, or after this stream is closed; always behind that of the extras.
    store_->Append(std::move(job->batch), [self = shared_from_this(), chain = job->chain,
                                           extras_status](const tsdb::AppendResult& result) {
      base::MutexLock lock(&self->mutex_);
      self->results_.push_back({.chain = chain, .append = result});
      absl::Status& status = self->results_.back().append.status;
      const bool again =
          absl::IsUnavailable(*extras_status) || absl::IsResourceExhausted(*extras_status);
      if (status.ok() && again) status = *extras_status;
      self->Wake();
    });
  }
  const int64_t retry_at_ms = session_.RetryAtMs();
  base::MutexLock lock(&mutex_);
  wake_at_ms_ = std::min(wake_at_ms_, retry_at_ms);
}

void PushStream::StartWriting() {
  {
    base::MutexLock lock(&mutex_);
    more_to_write_ = session_.HasMessage();
    if (writing_ || closing_.has_value() || !session_.NextMessage(&outbound_)) return;
    writing_ = true;
    more_to_write_ = session_.HasMessage();
  }
  StartWrite(&outbound_);
}

void PushStream::EndIfDone() {
  grpc::Status status;
  bool results_wait = false;
  bool writing = false;
  {
    base::MutexLock lock(&mutex_);
    if (!closing_.has_value()) return;
    status = *closing_;
    writing = writing_;
    results_wait = !results_.empty();
  }
  if (!writing && !finished_) {
    finished_ = true;
    Finish(status);
  }
  if (results_wait) return;  // Run() comes again
  if (retired_ || session_.jobs_under_way() > 0) return;
  retired_ = true;
  owner_->OnRetired(*this, status.error_message());
}

}  // namespace baro::collector
