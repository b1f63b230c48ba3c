// Outbox: what one receiver has yet to hear, durable, and what goes into its next request.
//
// Two kinds: AlertmanagerQueue (every state of every alert, in batches) and GroupQueue (for
// webhooks: alerts grouped and repeated as Alertmanager itself would do it).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/model/alert.h"

namespace baro::notify {

struct GroupOptions;

// One alert in a request, as it was when the request was made.
struct ParcelItem {
  uint64_t fingerprint = 0;
  uint64_t version = 0;  // of the alert in the outbox; a newer one is not settled by this parcel
  bool resolved = false;
  // The resolve is known already, but the receiver has to hear of the firing first.
  bool owed = false;
  // Not a repetition of what the receiver has heard.
  bool news = true;
  model::Alert alert;
};

struct Parcel {
  std::string group;  // GroupQueue's key; empty for Alertmanagers
  int64_t now_ms = 0;
  std::vector<ParcelItem> items;
};

struct OutboxStats {
  size_t pending = 0;  // alerts that wait to be told
  size_t kept = 0;     // alerts remembered, pending or not
  uint64_t bytes = 0;
  uint64_t disk_errors_total = 0;
  std::map<std::string, uint64_t> dropped_total;  // alert states nobody will hear, by reason
};

struct OutboxLimits {
  size_t alerts_max = 50'000;
  uint64_t bytes_max = uint64_t{64} << 20;
};

// Thread-compatible: its receiver guards it.
class Outbox {
 public:
  virtual ~Outbox() = default;

  // Takes over the newest state of alerts. Durable when it returns OK. Errors:
  //   ResourceExhausted  full; some of the alerts (counted as "queue_full") are not in
  //   others             the disk's: everything is in, but a crash would lose it
  virtual absl::Status Put(const std::vector<model::Alert>& alerts, int64_t now_ms) = 0;

  // When there will be something to send; at once when it lies in the past. None: nothing is known.
  virtual std::optional<int64_t> NextDueMs() = 0;
  // What to send now; nothing when it was not due after all.
  virtual std::optional<Parcel> Take(int64_t now_ms) = 0;

  // What came of a parcel, or of a part of it.
  virtual void Delivered(const Parcel& parcel, int64_t now_ms) = 0;
  virtual void Failed(const Parcel& parcel, int64_t now_ms) = 0;
  virtual void Refused(const Parcel& parcel, int64_t now_ms) = 0;

  // The request's body.
  virtual std::string Body(const Parcel& parcel) const = 0;
  // True when a refused parcel is to be tried again in halves.
  virtual bool MaySplit() const = 0;

  // For those that have groups.
  virtual void Regroup(const GroupOptions& /*groups*/, int64_t /*now_ms*/) {}

  virtual OutboxStats GetStats() const = 0;
};

}  // namespace baro::notify
