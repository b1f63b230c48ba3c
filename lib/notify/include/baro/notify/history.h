// History: what became of every alert: when it fired and ended, each attempt to tell somebody, and
// what Alertmanager said of it. JSON lines in a few files, bounded in bytes and age; people may
// read them with any tool (docs/notifications.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/disk.h"
#include "baro/base/mutex.h"
#include "baro/model/alert.h"
#include "baro/model/matcher.h"
#include "baro/notify/response.h"

namespace baro::notify {

struct HistoryOptions {
  std::string folder;
  base::Disk* disk = base::RealDisk();
  uint64_t bytes_max = uint64_t{64} << 20;
  int64_t age_ms_max = int64_t{90} * 24 * 3'600'000;
};

struct HistoryQuery {
  int64_t since_ms = INT64_MIN;
  int64_t until_ms = INT64_MAX;
  // All of them, of an alert's labels; deliveries belong to their alerts. Empty: everything.
  std::vector<model::Matcher> matchers{};
  size_t limit = 1'000;
};

// One attempt to tell a receiver.
struct DeliveryRecord {
  int64_t time_ms = 0;
  std::string_view receiver;
  size_t firing = 0;
  size_t resolved = 0;
  int status = 0;            // of HTTP; 0: no answer
  std::string_view outcome;  // delivered, failed, refused
  std::string_view error;    // empty: none
  double seconds = 0;
  std::vector<uint64_t> fingerprints;
};

// Alertmanager's word that it has told one of its receivers.
struct NotifiedRecord {
  int64_t time_ms = 0;
  std::string_view receiver;
  std::string_view status;  // firing, resolved
  std::string_view external_url;
  std::string_view group_key;
  std::vector<uint64_t> fingerprints;
};

// Thread-safe.
class History {
 public:
  // Errors: the disk's.
  static absl::StatusOr<std::unique_ptr<History>> Open(HistoryOptions options);

  // `state`: firing, changed, resolved. What the disk refuses is counted and otherwise lost.
  void AddAlert(int64_t time_ms, std::string_view state, const model::Alert& alert,
                uint64_t fingerprint);
  void AddDelivery(const DeliveryRecord& delivery);
  void AddNotified(const NotifiedRecord& notified);
  void AddAcknowledgement(const Acknowledgement& acknowledgement, uint64_t fingerprint);

  // Records, each a JSON object as text, newest first. Errors: the disk's.
  absl::StatusOr<std::vector<std::string>> Query(const HistoryQuery& query) const;
  // Every record, oldest first.
  absl::Status ForEach(const std::function<void(std::string_view json)>& visit) const;

  void SetBounds(uint64_t bytes_max, int64_t age_ms_max) ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t errors_total() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Segment {
    int64_t first_ms = 0;  // in its name
    std::string path;
    uint64_t bytes = 0;
  };

  explicit History(HistoryOptions options) : options_(std::move(options)) {}
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);
  void Append(int64_t time_ms, const std::string& json) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(int64_t time_ms, const std::string& json)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StartSegment(int64_t time_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Prune(int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Segment> Segments() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> ReadSegment(const Segment& segment) const;

  HistoryOptions options_;
  mutable base::Mutex mutex_;
  std::vector<Segment> segments_ ABSL_GUARDED_BY(mutex_);  // oldest first
  std::unique_ptr<base::AppendFile> file_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_max_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t age_ms_max_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t synced_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace baro::notify
