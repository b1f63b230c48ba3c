// QueryLog: which queries run, which were slow, and which cost most; who asked them.
//
// The HTTP handlers start an entry when a worker takes a query up and finish it when the answer is
// written. Nothing here grows with time: the newest slow queries are kept, costs are summed up in
// buckets of five minutes for an hour, and each bucket has room for kQueriesPerBucket texts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/promql/engine.h"

namespace baro::collector {

// What somebody asks. Times in milliseconds; an instant query has step 0 and one time.
struct AskedQuery {
  std::string expression;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  std::string client;         // "127.0.0.1:50412"
  std::string dashboard_uid;  // Grafana's headers X-Dashboard-Uid, X-Panel-Id, X-Grafana-User
  std::string panel_id;
  std::string user;
  std::string method;
  std::string path;
};

struct ActiveQuery {
  uint64_t id = 0;
  AskedQuery asked;
  double since_seconds = 0;
  promql::QueryPhase phase = promql::QueryPhase::kQueued;
  int64_t samples = 0;
};

// How a query ended.
struct QueryOutcome {
  absl::Status status;
  promql::QueryStats stats;
  double queue_seconds = 0;  // waited for a worker
  double write_seconds = 0;  // made the answer's text
  uint64_t answer_bytes = 0;
};

struct FinishedQuery {
  uint64_t id = 0;
  AskedQuery asked;
  int64_t finished_ms = 0;
  double seconds = 0;  // from the request to the answer
  int64_t samples = 0;
  uint64_t memory_bytes = 0;  // at most at once, about
  std::string error;          // empty: none
};

// All runs of one query text, but for times in it and the length of its windows.
struct QueryCost {
  struct Source {
    std::string dashboard_uid;
    std::string panel_id;
    uint64_t count = 0;
  };
  std::string query;  // normalised
  std::string example;
  uint64_t count = 0;
  uint64_t errors = 0;
  double seconds = 0;
  double seconds_max = 0;
  int64_t samples = 0;
  uint64_t memory_bytes_max = 0;
  std::vector<Source> dashboards;  // most first
};

enum class CostOrder : uint8_t { kSeconds, kSamples, kCount, kMemory };

enum class QueryStage : uint8_t { kQueue, kPrepare, kEvaluate, kSort, kWrite, kTotal };
inline constexpr size_t kQueryStages = 6;

// Seconds, as a histogram with fixed buckets.
struct StageSeconds {
  static constexpr std::array<double, 12> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                     0.05,   0.1,   0.25,   1,     5,    30};
  std::array<uint64_t, 13> buckets{};  // not cumulative; the last one is beyond all bounds
  double sum = 0;
  uint64_t count = 0;
};

struct QueryLogStats {
  uint64_t active = 0;
  uint64_t finished_total = 0;
  uint64_t failed_total = 0;
  uint64_t cancelled_total = 0;
  uint64_t timeouts_total = 0;
  uint64_t refused_total = 0;  // by a limit
  uint64_t slow_total = 0;
  uint64_t samples_total = 0;
  uint64_t unlisted_total = 0;    // not in the costs: a bucket was full
  uint64_t lines_lost_total = 0;  // of the log file
  std::array<StageSeconds, kQueryStages> seconds;
};

struct QueryLogOptions {
  double slow_seconds = 1;
  size_t slow_max = 100;  // the newest of them
  // Called with each slow query; must be quick.
  std::function<void(const FinishedQuery&)> on_slow;
  // Takes one line of JSON a query, in the manner of Prometheus' query_log_file; false: lost.
  // Empty: no such log.
  std::function<bool(std::string_view line)> write_line;
  const base::Clock* clock = base::RealClock();
};

// Thread-safe.
class QueryLog {
 public:
  static constexpr int64_t kBucketMs = 5 * 60 * 1000;
  static constexpr size_t kBuckets = 12;
  static constexpr size_t kQueriesPerBucket = 1'000;
  static constexpr size_t kSourcesPerQuery = 16;

  explicit QueryLog(QueryLogOptions options) : options_(std::move(options)) {}

  // One running query; finishes as cancelled when it is dropped. Thread-compatible; must not
  // outlive the log.
  class Entry {
   public:
    Entry(QueryLog* log, uint64_t id, std::shared_ptr<promql::QueryProgress> progress)
        : log_(log), id_(id), progress_(std::move(progress)) {}
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    const std::shared_ptr<promql::QueryProgress>& progress() const { return progress_; }
    void Finish(const QueryOutcome& outcome);

   private:
    QueryLog* const log_;
    const uint64_t id_;
    const std::shared_ptr<promql::QueryProgress> progress_;
    bool finished_ = false;
  };

  // `begun_ns`: when the request was there, on the log's clock. `cancelled` is what Cancel() sets.
  std::unique_ptr<Entry> Start(AskedQuery asked, int64_t begun_ns,
                               std::shared_ptr<std::atomic<bool>> cancelled)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // False: there is no such query any more.
  bool Cancel(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<ActiveQuery> Active() const ABSL_LOCKS_EXCLUDED(mutex_);  // the longest first
  std::vector<FinishedQuery> Slow() const ABSL_LOCKS_EXCLUDED(mutex_);  // the newest first
  // Of the last `since_ms`, to the length of a bucket.
  std::vector<QueryCost> Top(CostOrder order, size_t limit, int64_t since_ms) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  QueryLogStats GetStats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Running {
    AskedQuery asked;
    int64_t begun_ns = 0;
    std::shared_ptr<std::atomic<bool>> cancelled;
    std::shared_ptr<promql::QueryProgress> progress;
  };
  using Sources = std::map<std::pair<std::string, std::string>, uint64_t>;
  struct Cost {
    QueryCost sum;
    Sources sources;
  };
  struct Bucket {
    int64_t begin_ms = 0;  // on the monotonic clock
    absl::flat_hash_map<std::string, Cost> costs;
  };

  void Finish(uint64_t id, const QueryOutcome& outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  void Count(const FinishedQuery& query, const QueryOutcome& outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddCost(const FinishedQuery& query, int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const QueryLogOptions options_;
  mutable base::Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Running> running_ ABSL_GUARDED_BY(mutex_);
  std::deque<FinishedQuery> slow_ ABSL_GUARDED_BY(mutex_);  // the newest last
  std::deque<Bucket> buckets_ ABSL_GUARDED_BY(mutex_);      // the newest last
  QueryLogStats stats_ ABSL_GUARDED_BY(mutex_);
};

// The text without what differs from one refresh to the next: times after @, durations in brackets
// and after offset become "_".
std::string NormaliseQuery(std::string_view text);

// One line for the log file: {"ts":…,"msg":"promql query logged","params":{…},"stats":{…},…}.
std::string QueryLogLine(const FinishedQuery& query, const QueryOutcome& outcome);

}  // namespace baro::collector
