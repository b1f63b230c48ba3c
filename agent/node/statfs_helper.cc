#include "statfs_helper.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "baro/base/task_group.h"
#include "statfs_protocol.h"

namespace baro::agent {
namespace {

StatfsReply Answer(const StatfsRequest& request, const char* path, const StatfsCall& call) {
  StatfsReply reply{};
  reply.id = request.id;
  struct statfs result{};
  if (call(path, &result) != 0) {
    reply.error = static_cast<uint64_t>(errno);
    return reply;
  }
  reply.block_bytes = static_cast<uint64_t>(result.f_bsize);
  reply.blocks = result.f_blocks;
  reply.blocks_free = result.f_bfree;
  reply.blocks_available = result.f_bavail;
  reply.files = result.f_files;
  reply.files_free = result.f_ffree;
  return reply;
}

// One worker. All of them wait on the one socket; the kernel gives each packet to one of them.
void Serve(int socket, const StatfsCall& call) {
  std::array<char, sizeof(StatfsRequest) + kStatfsPathBytesMax + 1> packet;
  while (true) {
    const ssize_t got = recv(socket, packet.data(), packet.size() - 1, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= static_cast<ssize_t>(sizeof(StatfsRequest))) _exit(0);  // the agent is gone
    packet[static_cast<size_t>(got)] = '\0';
    StatfsRequest request;
    std::memcpy(&request, packet.data(), sizeof request);
    const StatfsReply reply = Answer(request, packet.data() + sizeof request, call);
    if (send(socket, &reply, sizeof reply, MSG_NOSIGNAL) < 0) _exit(0);
  }
}

}  // namespace

void RunStatfsHelper(int socket, const StatfsCall& call) {
  base::TaskGroup threads;
  for (int i = 1; i < kStatfsThreads; ++i) {
    if (!threads.Start("statfs", [socket, &call] { Serve(socket, call); })) break;
  }
  Serve(socket, call);
  _exit(0);  // not reached: Serve() ends the process
}

}  // namespace baro::agent
