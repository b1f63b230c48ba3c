// The statfs helper: a process whose only work is to make statfs() calls for the agent, so that one
// that never returns (a dead NFS server, a hung FUSE daemon) hangs nobody else.
#pragma once

#include <sys/vfs.h>

#include <functional>

namespace baro::agent {

// Calls that may hang at the same time without holding up the others.
inline constexpr int kStatfsThreads = 32;

// As ::statfs(); another in tests.
using StatfsCall = std::function<int(const char* path, struct statfs* result)>;

// Serves requests on `socket` until its other end closes, then ends the process: threads that hang
// in a call cannot be joined. The main() of "--statfs-helper".
[[noreturn]] void RunStatfsHelper(int socket, const StatfsCall& call);

}  // namespace baro::agent
