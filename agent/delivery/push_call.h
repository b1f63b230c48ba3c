// PushCall: one gRPC stream to the collector; hands over what happens and nothing else.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "baro/base/mutex.h"
#include "baro/v1/ingest.grpc.pb.h"

namespace baro::agent {

// What gRPC's threads tell the delivery thread.
struct CallEvents {
  bool message = false;              // PushCall::inbound() is filled; Read() asks for the next
  bool written = false;              // Write() may be called again
  bool broken = false;               // no more reads; Hang up
  std::optional<grpc::Status> done;  // the call may be destroyed
};

// Where events gather; wakes the delivery thread. Thread-safe.
class CallMailbox {
 public:
  CallEvents Take() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns when something has happened, or at the timeout.
  void Wait(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class PushCall;
  base::Mutex mutex_;
  base::CondVar changed_;
  CallEvents events_ ABSL_GUARDED_BY(mutex_);
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;
};

// The methods are the delivery thread's. Destroyed only after `done`.
class PushCall final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::CollectorMessage> {
 public:
  PushCall(v1::Ingest::Stub* stub, CallMailbox* mailbox);

  v1::AgentMessage* outbound() { return &outbound_; }
  const v1::CollectorMessage& inbound() const { return inbound_; }
  void Read() { StartRead(&inbound_); }
  void Write() { StartWrite(&outbound_); }
  // Ends the call: `done` follows. May be called twice.
  void HangUp();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  CallMailbox* const mailbox_;
  grpc::ClientContext context_;
  v1::AgentMessage outbound_;
  v1::CollectorMessage inbound_;
  bool holding_ = true;
};

}  // namespace baro::agent
