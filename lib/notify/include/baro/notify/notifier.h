// Notifier: from the rule engine's alerts to the people's pagers: every Alertmanager instance and
// every webhook has a durable queue, a thread and a connection of its own.
//
//   Send ─► external labels, relabelling ─┬─► outbox (synced) ─► thread ─► POST ─► Alertmanager
//                                         ├─► outbox (synced) ─► thread ─► POST ─► webhook
//                                         └─► history
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/clock.h"
#include "baro/base/disk.h"
#include "baro/model/alert.h"
#include "baro/notify/config.h"
#include "baro/notify/history.h"
#include "baro/notify/response.h"

namespace baro::notify {

struct NotifierOptions {
  std::string folder;  // queues and history live here
  base::Disk* disk = base::RealDisk();
  const base::Clock* clock = base::RealClock();
  std::string external_url;  // where people find us; in webhooks
  uint64_t seed = 0;
  int64_t poll_ms = 1'000;            // the longest sleep of a receiver's thread
  int64_t discovery_poll_ms = 5'000;  // between two looks at file_sd_configs
  std::function<void(const std::string&)> on_trouble = [](const std::string&) {};
};

enum class ReceiverKind : uint8_t { kAlertmanager, kWebhook };

struct ReceiverStatus {
  ReceiverKind kind = ReceiverKind::kAlertmanager;
  std::string name;         // an Alertmanager's URL, a webhook's name
  std::string url;          // without user and password
  size_t queue_alerts = 0;  // that wait to be told
  size_t kept_alerts = 0;   // known, told or not
  uint64_t queue_bytes = 0;
  size_t queue_capacity = 0;
  uint64_t sent_total = 0;
  uint64_t errors_total = 0;
  uint64_t attempts_total = 0;
  std::map<std::string, uint64_t> dropped_total;  // by reason
  uint64_t disk_errors_total = 0;
  int failures = 0;             // in a row
  int64_t last_success_ms = 0;  // 0: never
  int64_t last_error_ms = 0;
  std::string last_error;
  int64_t retry_at_ms = 0;  // 0: not waiting
  // Upper bounds in seconds and how many requests fell between them; the last one has no bound.
  std::vector<double> latency_bounds;
  std::vector<uint64_t> latency_counts;
  double latency_seconds_sum = 0;
};

struct NotifierStatus {
  std::vector<ReceiverStatus> receivers;
  std::vector<std::string> active_alertmanagers;
  std::vector<std::string> dropped_alertmanagers;
  std::vector<std::string> discovery_errors;         // that hold now
  std::map<std::string, uint64_t> suppressed_total;  // alerts for nobody, by reason
  uint64_t queues_removed_total = 0;                 // of receivers that are gone
  uint64_t history_bytes = 0;
  uint64_t history_errors_total = 0;
  uint64_t notices_total = 0;  // of Alertmanager's webhooks
  ResponseStats responses;
};

struct TestOutcome {
  std::string receiver;
  bool delivered = false;
  int status = 0;  // of HTTP; 0: no answer
  std::string error;
  double seconds = 0;
};

// Thread-safe. The destructor stops.
class Notifier {
 public:
  // No receiver yet: see Apply(). Errors: the disk's.
  static absl::StatusOr<std::unique_ptr<Notifier>> Open(NotifierOptions options);
  virtual ~Notifier() = default;

  // The configuration in force from now on. Receivers that stay keep their queues; those that are
  // gone stop at once, and their queues are removed an hour later unless they come back.
  // Errors: the disk's; what could be applied is.
  virtual absl::Status Apply(AlertingConfig config,
                             std::map<std::string, std::string> external_labels) = 0;

  // Takes over alerts, firing or resolved (model::IsResolved). Never waits for a receiver. When it
  // returns OK, each receiver's queue holds them on disk, and they will be told even after a crash.
  // Errors:
  //   ResourceExhausted  a queue is full, an alert is too large, or the disk is full
  //   Unavailable        the disk fails
  // Then some alerts are not in, or would be lost by a crash; telling them again later is right and
  // costs nobody anything.
  virtual absl::Status Send(const std::vector<model::Alert>& alerts) = 0;

  // Posts one alert to each receiver (or to the one named), past the queues, all at once. Blocks
  // for the longest timeout. Errors: NotFound (no such receiver).
  virtual absl::StatusOr<std::vector<TestOutcome>> Test(const model::Alert& alert,
                                                        std::string_view receiver) = 0;

  // Takes an Alertmanager's webhook. Errors: as ParseWebhookNotice().
  virtual absl::Status TakeNotice(std::string_view body) = 0;

  // What receivers know an alert by: its labels with the external ones, relabelled. 0: relabelling
  // drops it.
  virtual uint64_t IdentityOf(model::Labels labels) const = 0;
  // Somebody looks after an alert; it goes into the history. Errors: NotFound (it does not fire).
  virtual absl::Status Acknowledge(uint64_t fingerprint, Acknowledgement acknowledgement) = 0;
  // Of alerts that fire, by identity.
  virtual std::map<uint64_t, Acknowledgement> Acknowledgements() const = 0;

  virtual NotifierStatus GetStatus() const = 0;
  virtual const History& history() const = 0;

  // Tells what is due for queue.drain_timeout at most; the rest waits on disk for the next start.
  // May be called twice.
  virtual void Stop() = 0;
};

}  // namespace baro::notify
