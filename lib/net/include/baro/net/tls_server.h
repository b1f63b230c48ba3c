// TLS for servers: certificates and what clients must prove, as Prometheus' web configuration files
// name them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace boost::asio::ssl {
class context;
}

namespace baro::net {

// What a client must show of itself; names of Go's, which configuration files use.
enum class ClientAuth {
  kNone,              // NoClientCert
  kRequest,           // RequestClientCert: asked for, whatever comes is taken
  kRequireAny,        // RequireAnyClientCert: one must come, not verified
  kVerifyIfGiven,     // VerifyClientCertIfGiven
  kRequireAndVerify,  // RequireAndVerifyClientCert
};

struct TlsServerOptions {
  std::string certificate_pem{};  // the chain, the server's own first
  std::string key_pem{};
  std::string client_ca_pem{};  // needed by the two that verify
  ClientAuth client_auth = ClientAuth::kNone;
  int version_min = 0x0303;  // TLS 1.2, on the wire
  int version_max = 0;       // 0: the newest
  // OpenSSL's names of TLS 1.2 suites, best first; empty: OpenSSL's own choice. TLS 1.3 has none to
  // choose.
  std::vector<std::string> ciphers{};
};

// A context for HttpServerOptions::tls; immutable afterwards, thread-safe.
// Errors: InvalidArgument, naming what cannot be used and OpenSSL's reason.
absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsServerContext(
    const TlsServerOptions& options);

}  // namespace baro::net
