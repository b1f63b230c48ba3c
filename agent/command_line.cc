#include "agent/command_line.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>

#include "absl/strings/ascii.h"
#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::agent {
namespace {

void Declare(CLI::App* app, AgentFlags* flags) {
  app->set_version_flag("--version", AgentVersionText());
  app->add_option("--config.file", flags->config_file,
                  "Configuration file (YAML); without one, this node is collected")
      ->type_name("FILE");
  app->add_option("--mode", flags->mode, "node: this node and its targets; cluster: kube_* series")
      ->transform(CLI::CheckedTransformer(std::map<std::string, AgentMode>{
          {"node", AgentMode::kNode}, {"cluster", AgentMode::kCluster}}))
      ->type_name("MODE");
  app->add_option("--collector.address", flags->collector_address, "Collector to push to (gRPC)")
      ->type_name("HOST:PORT");
  app->add_option("--spool.path", flags->spool_path,
                  "Folder for what is not delivered yet; by default /var/lib/baro-agent where that "
                  "is writable, else ./baro-agent-spool")
      ->type_name("DIR");
  app->add_option("--http.listen-address", flags->http_address,
                  "Where health, metrics and targets are answered")
      ->type_name("HOST:PORT");
  app->add_option("--path.procfs", flags->paths.procfs, "Where procfs is mounted")
      ->type_name("DIR");
  app->add_option("--path.sysfs", flags->paths.sysfs, "Where sysfs is mounted")->type_name("DIR");
  app->add_option("--path.rootfs", flags->paths.rootfs, "Where the node's root is mounted")
      ->type_name("DIR");
  app->add_option("--path.udev.data", flags->paths.udev_data, "udev's database")->type_name("DIR");
  DeclareCollectorFlags(app, &flags->collectors);
  app->add_flag("--check-config", flags->check_config,
                "Read the configuration, say what is wrong with it, and end");
  app->add_option("--log.level", flags->log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app->add_option("--log.format", flags->log_format, "console or json")
      ->check(CLI::IsMember({"console", "json"}));
}

// A name, an IPv4 address, or an IPv6 address in brackets.
bool IsHost(const std::string& host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const std::string plain = host.substr(1, host.find_first_of("%]") - 1);  // fe80::1%eth0
    in6_addr address{};
    return inet_pton(AF_INET6, plain.c_str(), &address) == 1;
  }
  if (host.empty() || host.find_first_not_of("0123456789.") == std::string::npos) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
}

struct AddressRule {
  bool host_required = false;  // without one: all interfaces
  int port_min = 0;
};

absl::Status CheckAddress(std::string_view flag, const std::string& address, AddressRule rule) {
  const int port_min = rule.port_min;
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* begin = address.data() + colon + 1;
    const char* end = address.data() + address.size();
    const auto [parsed, error] = std::from_chars(begin, end, port);
    if (error != std::errc() || parsed != end) port = -1;
  }
  if (port < port_min || port > 65'535) {
    return absl::InvalidArgumentError(base::StrCat("cannot read ", flag, " \"", address,
                                                   "\": expected HOST:PORT with a port from ",
                                                   port_min, " to 65535"));
  }
  const std::string host = address.substr(0, colon);
  if (host.empty() ? rule.host_required : !IsHost(host)) {
    return absl::InvalidArgumentError(
        base::StrCat("cannot read ", flag, " \"", address, "\": expected HOST:PORT, and \"", host,
                     "\" is neither a host name nor an IPv4 address nor an IPv6 address in []"));
  }
  return absl::OkStatus();
}

std::string DefaultSpoolPath() {
  const std::string system = "/var/lib/baro-agent";
  std::error_code error;
  std::filesystem::create_directories(system, error);
  return access(system.c_str(), W_OK) == 0 ? system : "./baro-agent-spool";
}

void TrimSlashes(std::string* path) {
  while (path->size() > 1 && path->ends_with('/')) path->pop_back();
}

}  // namespace

std::string AgentVersion() { return BARO_VERSION; }

std::string AgentVersionText() {
  return base::StrCat("baro-agent ", AgentVersion(), " (", __VERSION__, ")");
}

absl::StatusOr<std::optional<AgentFlags>> ParseAgentFlags(int argc, const char* const* argv) {
  AgentFlags flags;
  CLI::App app("Collects this node and its targets and pushes them to a baro-collector.",
               "baro-agent");
  Declare(&app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version come this way, too, with exit code 0.
    if (error.get_exit_code() == 0) {
      app.exit(error, std::cout, std::cerr);
      return std::nullopt;
    }
    return absl::InvalidArgumentError(error.what());
  }
  BARO_TRY(CheckAddress("--collector.address", flags.collector_address,
                        {.host_required = true, .port_min = 1}));
  BARO_TRY(CheckAddress("--http.listen-address", flags.http_address, {}));
  NodeOptions unused;
  BARO_TRY(ApplyCollectorFlags(flags.collectors, &unused));
  for (std::string* path :
       {&flags.paths.procfs, &flags.paths.sysfs, &flags.paths.rootfs, &flags.paths.udev_data}) {
    TrimSlashes(path);
  }
  if (flags.spool_path.empty() && !flags.check_config) flags.spool_path = DefaultSpoolPath();
  return flags;
}

}  // namespace baro::agent
