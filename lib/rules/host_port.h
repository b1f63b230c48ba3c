// host:port as Go's net package takes it apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baro::rules {

struct HostPort {
  std::string host;
  std::string port;
};

// net.SplitHostPort; empty where that is an error.
std::optional<HostPort> SplitHostPort(std::string_view text);
// net.JoinHostPort.
std::string JoinHostPort(const HostPort& parts);
bool IsIpAddress(const std::string& host);

// Prometheus' functions over them.
std::string StripPort(const std::string& host_port);
std::string StripDomain(const std::string& host_port);

}  // namespace baro::rules
