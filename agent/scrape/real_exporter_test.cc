// A real node_exporter is scraped whole: every series that it exposes arrives, under its own name.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "baro/agent/scrape_manager.h"
#include "baro/base/strings.h"
#include "baro/exposition/parser.h"
#include "baro/net/http_client.h"
#include "recording_sink.h"

extern char** environ;

namespace baro::agent {
namespace {

constexpr char kExporter[] = "/usr/bin/prometheus-node-exporter";

// node_exporter on a free port, which it tells on stderr.
class Exporter {
 public:
  Exporter() {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
    posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::string program = kExporter;
    std::string listen = "--web.listen-address=127.0.0.1:0";
    char* arguments[] = {program.data(), listen.data(), nullptr};
    if (posix_spawn(&pid_, kExporter, &actions, nullptr, arguments, environ) != 0) pid_ = 0;
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    log_ = pipe_ends[0];
    ReadAddress();
  }
  ~Exporter() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (log_ >= 0) close(log_);
  }
  const std::string& address() const { return address_; }

 private:
  void ReadAddress() {
    std::string log;
    char piece[512];
    while (log.find("Listening on") == std::string::npos || log.back() != '\n') {
      const ssize_t got = read(log_, piece, sizeof piece);
      if (got <= 0) return;
      log.append(piece, static_cast<size_t>(got));
    }
    const std::string key = "address=";
    const size_t begin = log.find(key, log.find("Listening on")) + key.size();
    address_ = log.substr(begin, log.find_first_of(" \n", begin) - begin);
  }

  pid_t pid_ = 0;
  int log_ = -1;
  std::string address_;
};

// The names of all that the exporter exposes, as the agent would name them.
std::set<std::string> Expected(const std::string& address) {
  const auto response = net::HttpGet(base::StrCat("http://", address, "/metrics"));
  EXPECT_TRUE(response.ok()) << response.status();
  const auto samples = exposition::ParseExposition(response->body, exposition::Format::kText);
  EXPECT_TRUE(samples.ok()) << samples.status();
  std::set<std::string> names;
  for (const exposition::ParsedSample& sample : *samples) {
    model::Labels labels = sample.labels;
    labels.Set("instance", address);
    labels.Set("job", "node");
    names.insert(labels.ToString());
  }
  return names;
}

TEST(RealExporter, ArrivesWhole) {
  if (access(kExporter, X_OK) != 0) GTEST_SKIP() << kExporter << " is not installed";
  const Exporter exporter;
  ASSERT_FALSE(exporter.address().empty());
  const auto config = ParseScrapeConfig(
      base::StrCat("scrape_configs:\n- {job_name: node, scrape_interval: 300ms, static_configs: "
                   "[{targets: [\"",
                   exporter.address(), "\"]}]}\n"),
      "a.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  RecordingSink sink;
  ScrapeManager manager(&sink, base::RealClock());
  manager.ApplyConfig(*config);
  manager.Start();
  ASSERT_TRUE(Eventually([&] { return sink.rows() >= 4; }));
  const auto targets = manager.Targets();
  ASSERT_EQ(targets.size(), 1u);
  EXPECT_EQ(targets[0].health, "up") << targets[0].last_error;
  const std::vector<std::string> got = sink.Names();
  const std::set<std::string> names(got.begin(), got.end());
  size_t missing = 0;
  for (const std::string& name : Expected(exporter.address())) {
    if (!names.contains(name)) ADD_FAILURE() << "missing (" << ++missing << "): " << name;
  }
  EXPECT_GT(names.size(), 400u);
}

}  // namespace
}  // namespace baro::agent
