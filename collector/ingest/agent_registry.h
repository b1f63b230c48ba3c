// AgentRegistry: who is and was connected.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "baro/base/mutex.h"
#include "baro/collector/ingest_service.h"

namespace baro::collector {

// Hexadecimal, 8-4-4-4-12.
std::string UuidText(const std::array<uint8_t, 16>& uuid);

// Thread-safe. Keeps at most kAgentsMax; the one that has been away longest goes first.
class AgentRegistry {
 public:
  static constexpr size_t kAgentsMax = 100'000;

  void OnGreeted(const IngestPosition& position, const std::string& address)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Of a connected agent, now and then.
  void OnProgress(const IngestPosition& position, const IngestStats& stats)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void OnGone(const IngestPosition& position, const IngestStats& stats, std::string_view reason,
              int64_t now_ms) ABSL_LOCKS_EXCLUDED(mutex_);
  // Streams that never said Hello count as well.
  void OnStranger(const IngestStats& stats) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<AgentFacts> Agents() const ABSL_LOCKS_EXCLUDED(mutex_);
  void FillStats(IngestServiceStats* stats) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Uuid = std::array<uint8_t, 16>;
  struct Entry {
    AgentFacts facts;
    IngestStats finished;  // of earlier streams
    IngestStats current;
  };

  void Evict() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  std::map<Uuid, Entry> agents_ ABSL_GUARDED_BY(mutex_);
  IngestStats strangers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace baro::collector
