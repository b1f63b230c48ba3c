// baro-agent: collects this node and its targets and pushes them to a baro-collector.

#include <pthread.h>
#include <signal.h>
#include <sys/vfs.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "agent/agent.h"
#include "agent/command_line.h"
#include "agent/config.h"
#include "agent/log.h"
#include "agent/node/statfs_helper.h"
#include "agent/node/statfs_protocol.h"
#include "baro/base/process.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "baro-agent: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

int CheckConfig(const AgentFlags& flags) {
  const auto config = ReadAgentConfig(flags.config_file);
  if (!config.ok()) return Fail(config.status(), kExitFailure);
  std::printf("%s: configuration is valid\n",
              flags.config_file.empty() ? "(no file)" : flags.config_file.c_str());
  return 0;
}

// The signals that main() waits for; blocked before any thread starts, so that all threads block
// them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Run(const AgentFlags& flags) {
  const sigset_t signals = BlockSignals();
  SetUpLog(flags.log_level, flags.log_format);
  auto agent = Agent::Start(flags, base::RealClock());
  if (!agent.ok()) return Fail(agent.status(), kExitFailure);
  spdlog::info("{} pushes to {}, spools in {}, answers on http://{}", AgentVersionText(),
               flags.collector_address, flags.spool_path, (*agent)->http_address());
  int number = 0;
  while (sigwait(&signals, &number) == 0 && number == SIGHUP) (void)(*agent)->Reload();
  spdlog::info("{}: draining", strsignal(number));
  (*agent)->Stop();
  spdlog::info("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  // The agent starts itself in this mode; people never do.
  if (argc == 2 && std::strcmp(argv[1], "--statfs-helper") == 0) {
    RunStatfsHelper(kStatfsDescriptor, ::statfs);
  }
  const auto flags = ParseAgentFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), kExitUsage);
  if (!flags->has_value()) return 0;
  return (*flags)->check_config ? CheckConfig(**flags) : Run(**flags);
}

}  // namespace
}  // namespace baro::agent

int main(int argc, char** argv) {
  baro::base::DisableDeadlockDetection();
  return baro::agent::Main(argc, argv);
}
