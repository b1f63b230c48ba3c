// Logs of the agent: spdlog to stderr, as lines for people or as JSON; each call site may be
// limited, so that a target that fails every second cannot fill a disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "baro/base/clock.h"
#include "spdlog/spdlog.h"

namespace baro::agent {

// `level` is debug, info, warn or error; `format` console or json.
void SetUpLog(const std::string& level, const std::string& format);

// One call site's allowance: a burst, then one message a period. Thread-safe.
class LogLimiter {
 public:
  static constexpr int64_t kPeriodNs = 10'000'000'000;
  static constexpr int64_t kBurst = 5;

  // True when the message may be written; `suppressed` then tells how many were not since the last.
  bool Allow(uint64_t* suppressed);

 private:
  std::atomic<int64_t> start_ns_{0};
  std::atomic<int64_t> written_{0};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace baro::agent

// BARO_LOG_LIMITED(warn, "cannot read {}", path): spdlog's format, limited at this call site.
#define BARO_LOG_LIMITED(level, ...)                                                 \
  do {                                                                               \
    static ::baro::agent::LogLimiter baro_limiter_;                                  \
    uint64_t baro_suppressed_ = 0;                                                   \
    if (baro_limiter_.Allow(&baro_suppressed_)) {                                    \
      spdlog::level(__VA_ARGS__);                                                    \
      if (baro_suppressed_ > 0) {                                                    \
        spdlog::level("{} more messages like this were left out", baro_suppressed_); \
      }                                                                              \
    }                                                                                \
  } while (false)
