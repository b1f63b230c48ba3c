// StatfsClient: asks the helper process for the numbers of mounts and never waits for a dead one.
//
// At most one call a mount is under way. A call that takes longer than the timeout makes its mount
// stuck: the helper is killed (SIGKILL; a new one starts at the next question), the mount is told
// as such and asked again only after kRetryTimeouts timeouts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "baro/base/clock.h"
#include "statfs_protocol.h"

namespace baro::agent {

// What is known of one mount.
struct MountNumbers {
  enum class State : uint8_t { kUnknown, kGood, kError, kStuck };
  State state = State::kUnknown;
  StatfsReply reply{};  // of the last answer, for kGood and kError
};

// Thread-compatible. The destructor ends the helper.
class StatfsClient {
 public:
  struct Options {
    std::vector<std::string> program;  // path and arguments
    std::chrono::milliseconds timeout{5'000};
  };
  // Timeouts between two questions for a stuck mount: one a minute for 5 s.
  static constexpr int kRetryTimeouts = 12;
  // Killed helpers that the kernel has not let go yet (a call that not even SIGKILL ends). With so
  // many no new one is started.
  static constexpr size_t kLingeringMax = 8;

  StatfsClient(Options options, const base::Clock* clock);
  ~StatfsClient();
  StatfsClient(const StatfsClient&) = delete;
  StatfsClient& operator=(const StatfsClient&) = delete;

  // Sends a question for each mount that has none under way and is not to be left alone; forgets
  // mounts that are not named. Errors: Unavailable (no helper can be started).
  absl::Status Ask(const std::vector<std::string>& paths);
  // Takes the answers that are there, waiting for missing ones (of mounts that answered last time)
  // no longer than `patience`.
  void Receive(std::chrono::milliseconds patience);
  const MountNumbers& Get(const std::string& path) const;
  // True while a call for this mount is under way.
  bool IsAsked(const std::string& path) const;

  uint64_t kills() const { return kills_; }
  pid_t helper() const { return helper_; }

 private:
  struct Mount {
    MountNumbers numbers;
    uint64_t asked_id = 0;  // 0: no question under way
    int64_t asked_ns = 0;
    int64_t retry_ns = 0;  // not asked before
    bool named = false;
  };

  absl::Status Start();
  void Kill();
  void Reap();
  void KillWhenStuck();
  bool Send(const std::string& path, Mount* mount);
  bool ReceiveOne();
  bool AwaitsAnswer() const;

  const Options options_;
  const base::Clock* const clock_;
  pid_t helper_ = -1;
  int socket_ = -1;
  uint64_t next_id_ = 1;
  std::map<std::string, Mount> mounts_;
  std::vector<pid_t> lingering_;
  uint64_t kills_ = 0;
};

}  // namespace baro::agent
