#include "statfs_client.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

// Starts `program` with `socket` as descriptor kStatfsDescriptor, in a process group of its own so
// that a terminal's Ctrl-C leaves the agent time to drain. Returns errno.
int Spawn(const std::vector<std::string>& program, int socket, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, kStatfsDescriptor);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& argument : program) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // execve's interface; not written to
  }
  arguments.push_back(nullptr);
  const int error =
      posix_spawn(pid, program[0].c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

constexpr int kEndPatienceMs = 200;

void AwaitEnd(pid_t pid, int patience_ms) {
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) return;
  pollfd event{.fd = descriptor, .events = POLLIN, .revents = 0};
  poll(&event, 1, patience_ms);
  close(descriptor);
}

int64_t Nanoseconds(std::chrono::milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

}  // namespace

StatfsClient::StatfsClient(Options options, const base::Clock* clock)
    : options_(std::move(options)), clock_(clock) {}

StatfsClient::~StatfsClient() {
  if (helper_ > 0) Kill();
  // A killed helper is gone within milliseconds but for a call that nothing ends; that one is
  // init's once the agent ends.
  for (const pid_t pid : lingering_) AwaitEnd(pid, kEndPatienceMs);
  Reap();
}

absl::Status StatfsClient::Start() {
  Reap();
  if (lingering_.size() >= kLingeringMax) {
    return absl::UnavailableError(
        base::StrCat("cannot start statfs helper: ", lingering_.size(), " killed ones linger"));
  }
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return absl::UnavailableError(
        base::StrCat("cannot make socket pair for statfs helper: ", std::strerror(errno)));
  }
  const int error = Spawn(options_.program, sockets[1], &helper_);
  close(sockets[1]);
  if (error != 0) {
    close(sockets[0]);
    helper_ = -1;
    return absl::UnavailableError(base::StrCat("cannot start statfs helper ", options_.program[0],
                                               ": ", std::strerror(error)));
  }
  socket_ = sockets[0];
  return absl::OkStatus();
}

void StatfsClient::Kill() {
  kill(helper_, SIGKILL);
  lingering_.push_back(helper_);
  close(socket_);
  helper_ = -1;
  socket_ = -1;
  for (auto& [path, mount] : mounts_) mount.asked_id = 0;
}

void StatfsClient::Reap() {
  std::erase_if(lingering_, [](pid_t pid) {
    const pid_t reaped = waitpid(pid, nullptr, WNOHANG);
    return reaped == pid || (reaped < 0 && errno == ECHILD);
  });
}

void StatfsClient::KillWhenStuck() {
  const int64_t now_ns = clock_->MonotonicNs();
  const int64_t timeout_ns = Nanoseconds(options_.timeout);
  bool stuck = false;
  for (auto& [path, mount] : mounts_) {
    if (mount.asked_id == 0 || now_ns - mount.asked_ns < timeout_ns) continue;
    mount.numbers.state = MountNumbers::State::kStuck;
    mount.retry_ns = now_ns + kRetryTimeouts * timeout_ns;
    stuck = true;
  }
  if (!stuck) return;
  ++kills_;
  Kill();
}

absl::Status StatfsClient::Ask(const std::vector<std::string>& paths) {
  Receive(std::chrono::milliseconds(0));
  if (helper_ > 0) KillWhenStuck();
  Reap();
  for (auto& [path, mount] : mounts_) mount.named = false;
  const int64_t now_ns = clock_->MonotonicNs();
  absl::Status status;
  for (const std::string& path : paths) {
    Mount& mount = mounts_[path];
    mount.named = true;
    if (mount.asked_id != 0 || now_ns < mount.retry_ns || !status.ok()) continue;
    if (helper_ < 0) status = Start();
    if (status.ok()) Send(path, &mount);
  }
  std::erase_if(mounts_, [](const auto& entry) { return !entry.second.named; });
  return status;
}

bool StatfsClient::Send(const std::string& path, Mount* mount) {
  if (path.size() > kStatfsPathBytesMax) return false;
  const StatfsRequest request{next_id_++};
  std::string packet(reinterpret_cast<const char*>(&request), sizeof request);
  packet += path;
  const ssize_t sent = send(socket_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    Kill();  // it died; the next pass starts another
    return false;
  }
  // With a full socket the question counts as asked: if no answer comes the helper hangs.
  mount->asked_id = request.id;
  mount->asked_ns = clock_->MonotonicNs();
  return true;
}

bool StatfsClient::AwaitsAnswer() const {
  for (const auto& [path, mount] : mounts_) {
    if (mount.asked_id != 0 && mount.numbers.state != MountNumbers::State::kStuck) return true;
  }
  return false;
}

bool StatfsClient::ReceiveOne() {
  StatfsReply reply{};
  const ssize_t got = recv(socket_, &reply, sizeof reply, MSG_DONTWAIT);
  if (got < 0) return false;
  if (got != static_cast<ssize_t>(sizeof reply)) {  // end of file: the helper died
    Kill();
    return false;
  }
  for (auto& [path, mount] : mounts_) {
    if (mount.asked_id != reply.id) continue;
    mount.asked_id = 0;
    mount.retry_ns = 0;
    mount.numbers.state =
        reply.error == 0 ? MountNumbers::State::kGood : MountNumbers::State::kError;
    mount.numbers.reply = reply;
    break;
  }
  return true;
}

void StatfsClient::Receive(std::chrono::milliseconds patience) {
  const int64_t end_ns = clock_->MonotonicNs() + Nanoseconds(patience);
  while (socket_ >= 0) {
    while (socket_ >= 0 && ReceiveOne()) {
    }
    const int64_t left_ms = (end_ns - clock_->MonotonicNs()) / 1'000'000;
    if (socket_ < 0 || left_ms <= 0 || !AwaitsAnswer()) return;
    pollfd event{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&event, 1, static_cast<int>(left_ms)) <= 0) return;
  }
}

bool StatfsClient::IsAsked(const std::string& path) const {
  const auto found = mounts_.find(path);
  return found != mounts_.end() && found->second.asked_id != 0;
}

const MountNumbers& StatfsClient::Get(const std::string& path) const {
  static const MountNumbers unknown;
  const auto found = mounts_.find(path);
  return found == mounts_.end() ? unknown : found->second.numbers;
}

}  // namespace baro::agent
