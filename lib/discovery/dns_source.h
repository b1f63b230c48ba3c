// DnsSource: the targets that the records of DNS names tell, as Prometheus' dns_sd_configs has
// them.
#pragma once

#include <memory>
#include <string>

#include "baro/discovery/source.h"
#include "dns_message.h"

namespace baro::discovery {

struct DnsOptions {
  std::string resolv_conf = "/etc/resolv.conf";  // read for each look-up
  uint16_t server_port = 53;
  int64_t timeout_ms = 5'000;  // of one question to one server
};

// One group of one target for each record. `name` is the one that was configured.
std::vector<TargetGroup> GroupsOfRecords(const std::string& name, uint16_t port,
                                         const std::vector<DnsRecord>& records);

std::unique_ptr<Source> MakeDnsSource(DnsDiscovery discovery, const SourceContext& context,
                                      DnsOptions options = {});

}  // namespace baro::discovery
