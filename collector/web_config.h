// The web configuration file: TLS, basic authentication and headers, with Prometheus' keys
// (--web.config.file).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baro/base/mutex.h"
#include "baro/net/http_message.h"
#include "baro/net/tls_server.h"

namespace baro::collector {

struct WebConfig {
  std::optional<net::TlsServerOptions> tls;
  net::HttpHeaders headers;
  std::map<std::string, std::string> users;  // bcrypt hashes by name
};

// Paths in the file are relative to it. Errors: InvalidArgument with file:line:column; also
// NotFound and PermissionDenied for the files it names.
absl::StatusOr<WebConfig> ReadWebConfig(const std::string& path);

// What the file in force asks of every connection and request. Thread-safe.
class WebSecurity {
 public:
  // Reads the file again; on errors what was in force stays. An empty path asks nothing.
  absl::Status Load(const std::string& path) ABSL_LOCKS_EXCLUDED(mutex_);

  // Null when connections are plain.
  std::shared_ptr<boost::asio::ssl::context> Tls() const ABSL_LOCKS_EXCLUDED(mutex_);
  // 401, or nothing when the request may pass. A password seen for the first time costs a bcrypt
  // (0.1 s), one at a time.
  std::optional<net::ServerResponse> Guard(const net::ServerRequest& request)
      ABSL_LOCKS_EXCLUDED(mutex_, bcrypt_mutex_);
  void Decorate(net::ServerResponse* response) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::shared_ptr<const WebConfig> config() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsRight(const std::string& hash, const std::string& password)
      ABSL_LOCKS_EXCLUDED(mutex_, bcrypt_mutex_);

  mutable base::Mutex mutex_;
  std::shared_ptr<const WebConfig> config_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<const WebConfig>();
  std::shared_ptr<boost::asio::ssl::context> tls_ ABSL_GUARDED_BY(mutex_);
  // Digests of hashes with passwords that are right; bounded, emptied when full and at Load().
  std::set<std::string> right_ ABSL_GUARDED_BY(mutex_);
  base::Mutex bcrypt_mutex_;
};

}  // namespace baro::collector
