#include "baro/net/tls_server.h"

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <string_view>

#include "baro/base/status.h"
#include "baro/base/strings.h"

namespace baro::net {
namespace {

namespace ssl = boost::asio::ssl;

absl::Status Cannot(std::string_view what, const boost::system::error_code& error) {
  if (!error) return absl::OkStatus();
  return absl::InvalidArgumentError(base::StrCat("cannot use ", what, ": ", error.message()));
}

// Offered to clients that negotiate: this server speaks HTTP/1.1 only.
constexpr unsigned char kProtocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int ChooseProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* in, unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kProtocols, sizeof(kProtocols), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status UseVersions(const TlsServerOptions& options, SSL_CTX* native) {
  if (SSL_CTX_set_min_proto_version(native, options.version_min) != 1 ||
      SSL_CTX_set_max_proto_version(native, options.version_max) != 1) {
    return absl::InvalidArgumentError("cannot use the TLS versions: this OpenSSL has them not");
  }
  return absl::OkStatus();
}

absl::Status UseCiphers(const TlsServerOptions& options, SSL_CTX* native) {
  if (options.ciphers.empty()) return absl::OkStatus();
  std::string list;
  for (const std::string& cipher : options.ciphers) base::StrAppend(&list, cipher, ":");
  if (SSL_CTX_set_cipher_list(native, list.c_str()) == 1) return absl::OkStatus();
  return absl::InvalidArgumentError("cannot use the cipher suites: OpenSSL knows none of them");
}

// Of certificates that nobody verifies.
int TakeAny(int, X509_STORE_CTX*) { return 1; }

absl::Status UseClientAuth(const TlsServerOptions& options, ssl::context* context) {
  boost::system::error_code error;
  int mode = SSL_VERIFY_NONE;
  switch (options.client_auth) {
    case ClientAuth::kNone:
      break;
    case ClientAuth::kRequest:
    case ClientAuth::kVerifyIfGiven:
      mode = SSL_VERIFY_PEER;
      break;
    case ClientAuth::kRequireAny:
    case ClientAuth::kRequireAndVerify:
      mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
      break;
  }
  const bool verified = options.client_auth == ClientAuth::kVerifyIfGiven ||
                        options.client_auth == ClientAuth::kRequireAndVerify;
  SSL_CTX_set_verify(context->native_handle(), mode, verified ? nullptr : TakeAny);
  if (!verified) return absl::OkStatus();
  if (options.client_ca_pem.empty()) {
    return absl::InvalidArgumentError("clients cannot be verified without their CA");
  }
  context->add_certificate_authority(boost::asio::buffer(options.client_ca_pem), error);
  return Cannot("the clients' CA", error);
}

}  // namespace

absl::StatusOr<std::shared_ptr<ssl::context>> MakeTlsServerContext(
    const TlsServerOptions& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  boost::system::error_code error;
  context->use_certificate_chain(boost::asio::buffer(options.certificate_pem), error);
  BARO_TRY(Cannot("the certificate", error));
  context->use_private_key(boost::asio::buffer(options.key_pem), ssl::context::pem, error);
  BARO_TRY(Cannot("the private key", error));
  if (SSL_CTX_check_private_key(native) != 1) {
    return absl::InvalidArgumentError("the private key does not belong to the certificate");
  }
  BARO_TRY(UseVersions(options, native));
  BARO_TRY(UseCiphers(options, native));
  BARO_TRY(UseClientAuth(options, context.get()));
  SSL_CTX_set_alpn_select_cb(native, ChooseProtocol, nullptr);
  // Sessions are resumed only by a server that gives them a name; ours need no resumption.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  return context;
}

}  // namespace baro::net
