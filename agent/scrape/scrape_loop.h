// ScrapeLoop: one target, scraped again and again.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/agent/row_sink.h"
#include "baro/agent/scrape_manager.h"
#include "baro/base/clock.h"
#include "baro/base/mutex.h"
#include "baro/exposition/layout_cache.h"
#include "baro/exposition/protobuf.h"
#include "baro/net/http_client.h"
#include "counters.h"
#include "target.h"
#include "target_rows.h"

namespace baro::agent {

// What all loops share. Must outlive them.
struct ScrapeContext {
  RowSink* sink = nullptr;
  const base::Clock* clock = nullptr;
  ScrapeOptions options;
  ScrapeCounters counters;
  // Of the CPU governor; the scrape thread's alone.
  double stretch = 1;
  // About how many there are: as many moments they are spread over.
  size_t targets = 0;
};

// What a loop tells of itself to other threads, and of its target after its end. Thread-safe.
class TargetBoard {
 public:
  explicit TargetBoard(TargetStatus status) : status_(std::move(status)) {}

  // `update` gets the status and the template's size; it is short.
  template <typename Fn>
  void Update(const Fn& update) ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    update(&status_, &template_bytes_);
  }
  TargetStatus status() const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    return status_;
  }
  size_t template_bytes() const ABSL_LOCKS_EXCLUDED(mutex_) {
    base::MutexLock lock(&mutex_);
    return template_bytes_;
  }

 private:
  mutable base::Mutex mutex_;
  TargetStatus status_ ABSL_GUARDED_BY(mutex_);
  size_t template_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Strand-bound.
class ScrapeLoop {
 public:
  ScrapeLoop(boost::asio::any_io_executor executor, Target target, ScrapeContext* context);

  // Ends after Stop(). The loop must outlive it.
  boost::asio::awaitable<void> Run();
  // `gone`: the target exists no more, so its series get a stale marker.
  void Stop(bool gone);
  // When not empty, the target is not asked: every scrape fails with this.
  void Force(std::string error) { forced_error_ = std::move(error); }

  const Target& target() const { return target_; }
  const std::shared_ptr<TargetBoard>& board() const { return board_; }

 private:
  int64_t PhaseMs() const;
  int64_t IntervalMs() const;
  int64_t NextTimeMs(int64_t now_ms) const;
  void LogFailure(const absl::Status& status) const;
  boost::asio::awaitable<void> WaitUntil(int64_t time_ms);
  boost::asio::awaitable<void> ScrapeOnce(int64_t due_ms);
  boost::asio::awaitable<absl::StatusOr<net::HttpResponse>> Fetch();
  absl::StatusOr<net::HttpRequest> BuildRequest();
  absl::Status CheckResponse(const net::HttpResponse& response);
  absl::Status Take(const net::HttpResponse& response, int64_t time_ms, double seconds);
  exposition::Limits CacheLimits() const;
  absl::StatusOr<std::string_view> TextOf(std::string_view body,
                                          std::vector<exposition::NativeSample>* natives);
  absl::Status Fail(ScrapeFailure reason, absl::Status status);
  void WarnOnce();
  void Publish(int64_t time_ms, double seconds, const ScrapeReport& report,
               const absl::Status& status);

  const Target target_;
  ScrapeContext* const context_;
  const int64_t phase_ms_;
  boost::asio::steady_timer timer_;
  net::HttpClient client_;
  const std::shared_ptr<const net::TlsOptions> tls_;
  TargetRows rows_;
  std::optional<exposition::LayoutCache> cache_;
  exposition::Format format_ = exposition::Format::kText;
  exposition::ProtobufBody protobuf_;
  std::string forced_error_;
  std::string warned_;  // said last in the log
  bool stopping_ = false;
  bool gone_ = false;
  ScrapeReport report_;
  // The same for every scrape.
  const std::vector<net::HttpHeader> headers_;
  const std::shared_ptr<TargetBoard> board_;
};

}  // namespace baro::agent
