// DNS messages (RFC 1035, 2782): one question written, the records of one answer read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "baro/discovery/configs.h"

namespace baro::discovery {

struct DnsRecord {
  DnsType type = DnsType::kA;
  std::string host;   // of MX, NS and SRV with its last dot; of A and AAAA the address
  uint16_t port = 0;  // of SRV
  auto operator<=>(const DnsRecord&) const = default;
};

struct DnsAnswer {
  bool truncated = false;  // ask again over TCP
  bool no_name = false;    // there is no such name
  std::vector<DnsRecord> records;
};

// Errors: InvalidArgument, a name that cannot be asked for.
absl::StatusOr<std::string> WriteDnsQuestion(uint16_t id, std::string_view name, DnsType type);

// The records of `type` in the answer to question `id`; others (CNAME) are left out. Errors:
// InvalidArgument, bytes that are no answer to it; Unavailable, the server could not answer.
absl::StatusOr<DnsAnswer> ReadDnsAnswer(std::string_view bytes, uint16_t id, DnsType type);

// What a resolver needs of resolv.conf.
struct ResolverConfig {
  std::vector<std::string> servers;
  std::vector<std::string> search;
  int dots_min = 1;  // a name with fewer is looked for in `search` first
};
ResolverConfig ReadResolverConfig(std::string_view resolv_conf);
// The names to try, each with its last dot.
std::vector<std::string> NamesToTry(const ResolverConfig& config, std::string_view name);

}  // namespace baro::discovery
