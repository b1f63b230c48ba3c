#include "push_call.h"

#include <utility>

namespace baro::agent {

CallEvents CallMailbox::Take() {
  base::MutexLock lock(&mutex_);
  awake_ = false;
  return std::exchange(events_, CallEvents());
}

void CallMailbox::Wait(absl::Duration timeout) {
  base::MutexLock lock(&mutex_);
  if (!awake_) changed_.WaitWithTimeout(&mutex_, timeout);
}

void CallMailbox::Wake() {
  base::MutexLock lock(&mutex_);
  awake_ = true;
  changed_.Signal();
}

PushCall::PushCall(v1::Ingest::Stub* stub, CallMailbox* mailbox) : mailbox_(mailbox) {
  stub->async()->Push(&context_, this);
  AddHold();  // we start operations from our own thread
  StartRead(&inbound_);
  StartCall();
}

void PushCall::HangUp() {
  if (!std::exchange(holding_, false)) return;
  context_.TryCancel();
  RemoveHold();
}

void PushCall::OnReadDone(bool ok) {
  {
    base::MutexLock lock(&mailbox_->mutex_);
    (ok ? mailbox_->events_.message : mailbox_->events_.broken) = true;
  }
  mailbox_->Wake();
}

void PushCall::OnWriteDone(bool ok) {
  {
    base::MutexLock lock(&mailbox_->mutex_);
    (ok ? mailbox_->events_.written : mailbox_->events_.broken) = true;
  }
  mailbox_->Wake();
}

void PushCall::OnDone(const grpc::Status& status) {
  // The delivery thread may destroy this as soon as it sees `done`.
  CallMailbox* const mailbox = mailbox_;
  base::MutexLock lock(&mailbox->mutex_);
  mailbox->events_.done = status;
  mailbox->awake_ = true;
  mailbox->changed_.Signal();
}

}  // namespace baro::agent
