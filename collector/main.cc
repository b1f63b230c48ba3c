// baro-collector: stores what agents and remote write send, and answers PromQL.

#include <sys/random.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "baro/base/clock.h"
#include "baro/base/process.h"
#include "command_line.h"
#include "offline.h"
#include "server.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"
#include "version.h"

namespace baro::collector {
namespace {

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

// Everything goes to stderr; JSON lines are for log collectors. spdlog puts the message into the
// line unescaped, so that our messages must not hold quotes: a formatter of our own escapes them.
class JsonEscaped final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') line.push_back('\\');
      if (byte >= 0x20) {
        line.push_back(c);
      } else {
        line.append(std::string_view(c == '\n' ? "\\n" : " "));
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonEscaped>();
  }
};

void StartLog(const CollectorOptions& options) {
  auto log = spdlog::stderr_color_mt("collector");
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (options.log_format == "json") {
    formatter->add_flag<JsonEscaped>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%*"})");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v");
  }
  log->set_formatter(std::move(formatter));
  log->set_level(spdlog::level::from_str(options.log_level));
  log->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(log));
}

// Blocked in every thread, as it is before the first one starts; Serve() takes them one by one.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Returns when the process shall end.
void Serve(Server* server, const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) {
      spdlog::info("draining: signal={}", strsignal(signal));
      return;
    }
    (void)server->Reload();  // says itself what is wrong
  }
}

// 0, which is a seed like any other, when the system has none to give.
uint64_t SystemSeed() {
  uint64_t seed = 0;
  return getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? seed : 0;
}

int Main(int argc, const char* const* argv) {
  auto options = ParseCommandLine(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "baro-collector: %s\nRun with --help for more.\n",
                 std::string(options.status().message()).c_str());
    return kExitUsage;
  }
  if (!*options) return 0;
  (*options)->hash_seed = SystemSeed();
  (*options)->quit = [] { kill(getpid(), SIGTERM); };
  StartLog(**options);
  if ((*options)->check_config) return CheckConfig(**options);
  if ((*options)->verify || !(*options)->restore_from.empty()) return RunOffline(**options);
  const sigset_t signals = BlockSignals();
  spdlog::info("starting: {}", VersionText());
  auto server = Server::Start(**options, base::RealClock());
  if (!server.ok()) {
    spdlog::critical("cannot start: {}", std::string(server.status().message()));
    return kExitError;
  }
  Serve(server->get(), signals);
  (*server)->Stop();
  spdlog::info("stopped");
  return 0;
}

}  // namespace
}  // namespace baro::collector

int main(int argc, char** argv) {
  baro::base::DisableDeadlockDetection();
  return baro::collector::Main(argc, argv);
}
