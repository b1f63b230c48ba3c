// TakeoverWatch: notices two agents that speak with one identity because a spool was copied.
//
// An agent that connects again ends its older stream. Two agents with one identity would do that to
// each other for ever; from the fourth time within a minute on, the older one stays.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace baro::collector {

// Thread-compatible. Times are of one clock, in ms.
class TakeoverWatch {
 public:
  using Uuid = std::array<uint8_t, 16>;
  static constexpr size_t kTakeoversMax = 3;
  static constexpr int64_t kWindowMs = 60'000;
  // More agents than this that are taken over within a minute are not told apart: all are
  // forgotten.
  static constexpr size_t kAgentsMax = 10'000;

  // A new stream has ended an older one that was alive.
  void OnTakeover(const Uuid& uuid, int64_t now_ms);
  // Whether a newcomer must be refused while the older stream lives. Being asked keeps it so for
  // another minute: who was refused comes again.
  bool Refuses(const Uuid& uuid, int64_t now_ms);
  // True once a minute for a contested agent.
  bool ShallWarn(const Uuid& uuid, int64_t now_ms);

 private:
  struct Entry {
    std::array<int64_t, kTakeoversMax> takeovers_ms{};  // the last ones, oldest first
    size_t count = 0;
    int64_t contested_until_ms = 0;
    int64_t warn_at_ms = 0;
  };

  void Forget(int64_t now_ms);

  std::map<Uuid, Entry> entries_;
};

}  // namespace baro::collector
