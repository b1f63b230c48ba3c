// Receiver: one Alertmanager instance or webhook, with its outbox, a thread and a connection of its
// own: a receiver that does not answer delays no other.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/base/task_group.h"
#include "baro/net/http_client_config.h"
#include "baro/notify/history.h"
#include "http_sender.h"
#include "outbox.h"

namespace baro::notify {

// How to reach it.
struct Endpoint {
  std::string url;
  int64_t timeout_ms = 10'000;
  net::HttpClientConfig http;
  std::map<std::string, std::string> headers;
};

// What came of one request.
enum class Verdict : uint8_t {
  kDelivered,
  kRetry,    // later, all of it
  kRefused,  // the same will never be taken; a part of it may
};

struct Attempt {
  Verdict verdict = Verdict::kRetry;
  int status = 0;  // of HTTP; 0: no answer
  std::string error;
  int64_t retry_after_ms = 0;
  double seconds = 0;
};

// Posts a body once. Used by receivers and by tests of the way.
Attempt PostOnce(const Endpoint& endpoint, std::string body, const base::Clock* clock,
                 HttpSender* sender);

inline constexpr std::array<double, 9> kLatencyBounds = {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

struct ReceiverStats {
  OutboxStats outbox;
  uint64_t sent_total = 0;    // alerts
  uint64_t errors_total = 0;  // alerts in attempts that failed
  uint64_t attempts_total = 0;
  int failures = 0;  // in a row
  int64_t last_success_ms = 0;
  int64_t last_error_ms = 0;
  std::string last_error;
  int64_t retry_at_ms = 0;  // 0: not waiting
  std::array<uint64_t, kLatencyBounds.size() + 1> latency_counts{};
  double latency_seconds_sum = 0;
};

struct ReceiverOptions {
  std::string name;
  const base::Clock* clock = base::RealClock();
  History* history = nullptr;
  int64_t retry_min_ms = 1'000;
  int64_t retry_max_ms = 30'000;
  int64_t drain_ms = 5'000;
  // The longest sleep: how late a clock that jumps or is not real is noticed.
  int64_t poll_ms = 1'000;
  uint64_t seed = 0;
  std::function<void(const std::string&)> on_trouble;  // for the log
};

// Thread-safe. The destructor stops.
class Receiver {
 public:
  Receiver(ReceiverOptions options, Endpoint endpoint, std::unique_ptr<Outbox> outbox);
  ~Receiver();

  void Start();
  // Durable when OK; see Outbox::Put(). Never waits for the network.
  absl::Status Put(const std::vector<model::Alert>& alerts) ABSL_LOCKS_EXCLUDED(mutex_);
  void Configure(Endpoint endpoint) ABSL_LOCKS_EXCLUDED(mutex_);
  void Regroup(const GroupOptions& groups) ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells what is due, once, for drain_ms at most; what is left stays in the outbox. Two steps, so
  // that many receivers drain at once.
  void BeginStop(int64_t drain_ms) ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string& name() const { return options_.name; }
  Endpoint endpoint() const ABSL_LOCKS_EXCLUDED(mutex_);
  ReceiverStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Parcel> AwaitParcel() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<int64_t> SleepMs(int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False when the rest has to wait.
  bool Deliver(const Parcel& parcel) ABSL_LOCKS_EXCLUDED(mutex_);
  bool DeliverHalves(const Parcel& parcel) ABSL_LOCKS_EXCLUDED(mutex_);
  void Settle(const Parcel& parcel, const Attempt& attempt) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetBack(const Attempt& attempt, int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Record(const Parcel& parcel, const Attempt& attempt) const;

  const ReceiverOptions options_;
  HttpSender sender_;
  mutable base::Mutex mutex_;
  base::CondVar wake_;
  Endpoint endpoint_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<Outbox> outbox_ ABSL_PT_GUARDED_BY(mutex_);
  ReceiverStats stats_ ABSL_GUARDED_BY(mutex_);  // without the outbox's
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool drain_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t drain_until_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ = false;
  base::TaskGroup tasks_;
};

}  // namespace baro::notify
