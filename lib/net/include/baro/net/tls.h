// TlsOptions: how a client speaks TLS: Prometheus' tls_config.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "baro/base/yaml.h"

namespace baro::net {

// Value type. Files are read when a connection is made, and a kept connection is given up when one
// of them has changed since: renewed certificates need no reload.
struct TlsOptions {
  std::string ca_file;  // authorities in PEM; empty, and `ca` too: the system's
  std::string ca;       // the same as text
  std::string cert_file;
  std::string cert;
  std::string key_file;
  std::string key;
  std::string server_name;  // the name a certificate must bear; empty: the URL's host
  std::string min_version;  // TLS10 … TLS13; empty: TLS12
  std::string max_version;  // empty: the newest
  bool insecure_skip_verify = false;
  bool operator==(const TlsOptions&) const = default;
};
// Errors: InvalidArgument with file:line:column; keys that exclude each other or need each other.
absl::Status ReadYaml(const base::YamlNode& node, TlsOptions* tls);

}  // namespace baro::net
