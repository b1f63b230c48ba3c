// ScrapeCounters: why scrapes failed and where samples went.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baro::agent {

enum class ScrapeFailure : uint8_t {
  kConnection,  // cannot resolve, connect, write or read
  kTimeout,
  kHttpStatus,  // not 200
  kBodyLimit,
  kContentType,
  kParse,
  kSampleLimit,
  kLabelLimit,
  kTargetLimit,
  kCredentials,  // a file that cannot be read
  kSink,         // the row could not be declared
};
inline constexpr std::array<std::string_view, 11> kScrapeFailureNames = {
    "connection",   "timeout",     "http_status",  "body_limit",  "content_type", "parse",
    "sample_limit", "label_limit", "target_limit", "credentials", "sink"};

enum class SampleDrop : uint8_t {
  kDuplicate,    // a series told twice in one scrape
  kOutOfOrder,   // a timestamp of its own before the last one
  kRelabelled,   // dropped by metric_relabel_configs
  kSinkRefused,  // the row did not get through
  kSampleLimit,  // beyond sample_limit, in the mode truncate
  kExtras,       // exemplars and histograms that the sink did not take
  kLabelLength,  // of a series whose labels are too many or too long for the collector
};
inline constexpr std::array<std::string_view, 7> kSampleDropNames = {
    "duplicate",    "out_of_order", "relabelled",  "sink_refused",
    "sample_limit", "extras",       "label_length"};

// Thread-safe.
class ScrapeCounters {
 public:
  void Count(ScrapeFailure reason) { ++failures_[static_cast<size_t>(reason)]; }
  void Count(SampleDrop reason, size_t count) {
    if (count > 0) drops_[static_cast<size_t>(reason)] += count;
  }
  std::vector<std::pair<std::string, uint64_t>> Failures() const {
    return Named(kScrapeFailureNames, failures_);
  }
  std::vector<std::pair<std::string, uint64_t>> Drops() const {
    return Named(kSampleDropNames, drops_);
  }

  std::atomic<uint64_t> scrapes = 0;
  std::atomic<uint64_t> samples = 0;
  std::atomic<uint64_t> body_bytes = 0;

 private:
  template <size_t N>
  static std::vector<std::pair<std::string, uint64_t>> Named(
      const std::array<std::string_view, N>& names,
      const std::array<std::atomic<uint64_t>, N>& counts) {
    std::vector<std::pair<std::string, uint64_t>> named;
    for (size_t i = 0; i < N; ++i) named.emplace_back(names[i], counts[i].load());
    return named;
  }

  std::array<std::atomic<uint64_t>, kScrapeFailureNames.size()> failures_{};
  std::array<std::atomic<uint64_t>, kSampleDropNames.size()> drops_{};
};

}  // namespace baro::agent
