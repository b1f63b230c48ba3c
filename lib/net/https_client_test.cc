// https: certificates are verified, names matched, our own shown, and renewed files used at once.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "baro/base/check.h"
#include "baro/base/strings.h"
#include "baro/base/task_group.h"
#include "baro/net/http_client.h"

namespace baro::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A self-signed certificate and its key, as PEM files.
struct Identity {
  std::string cert_file;
  std::string key_file;
};

void WritePem(const std::string& path, const std::function<int(BIO*)>& write) {
  BIO* const bio = BIO_new_file(path.c_str(), "w");
  BARO_CHECK(bio != nullptr && write(bio) == 1);
  BIO_free(bio);
}

Identity MakeIdentity(const std::string& name, const std::string& alternative) {
  const std::string base = base::StrCat(::testing::TempDir(), "https_", name);
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative.c_str());
  X509_add_ext(cert, names, -1);
  X509_EXTENSION_free(names);
  BARO_CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
  WritePem(base + ".crt", [&](BIO* bio) { return PEM_write_bio_X509(bio, cert); });
  WritePem(base + ".key", [&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(cert);
  EVP_PKEY_free(key);
  return {base + ".crt", base + ".key"};
}

// Says "hello" to each connection, once the handshake is done; ends with its own destruction.
class TlsServer {
 public:
  // `client_ca`: whose certificate clients must show; empty: none.
  TlsServer(const Identity& identity, const std::string& client_ca) {
    context_.use_certificate_chain_file(identity.cert_file);
    context_.use_private_key_file(identity.key_file, asio::ssl::context::pem);
    if (!client_ca.empty()) {
      context_.load_verify_file(client_ca);
      context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    tasks_.Start("tls-server", [this] { Serve(); });
  }
  ~TlsServer() {
    stopping_ = true;
    boost::system::error_code ignored;
    asio::io_context io;
    tcp::socket(io).connect(acceptor_.local_endpoint(), ignored);
    tasks_.Stop();
  }

  std::string Url() const {
    return base::StrCat("https://127.0.0.1:", acceptor_.local_endpoint().port(), "/");
  }

 private:
  void Serve() {
    while (true) {
      boost::system::error_code error;
      tcp::socket socket = acceptor_.accept(error);
      if (error || stopping_) return;
      asio::ssl::stream<tcp::socket> stream(std::move(socket), context_);
      stream.handshake(asio::ssl::stream_base::server, error);
      std::string request;
      if (!error) asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", error);
      if (error) continue;
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
      asio::write(stream, asio::buffer(answer), error);
      stream.shutdown(error);
    }
  }

  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::atomic<bool> stopping_ = false;
  base::TaskGroup tasks_;
};

absl::StatusOr<HttpResponse> Get(const TlsServer& server, const TlsOptions& options) {
  HttpRequest request;
  request.url = server.Url();
  request.timeout_ms = 20'000;
  request.tls = std::make_shared<const TlsOptions>(options);
  return HttpSend(std::move(request));
}

void ExpectHello(const absl::StatusOr<HttpResponse>& response) {
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
}

void ExpectRefused(const absl::StatusOr<HttpResponse>& response, std::string_view words) {
  ASSERT_FALSE(response.ok());
  EXPECT_NE(response.status().message().find(base::ToAbsl(words)), absl::string_view::npos)
      << response.status();
}

TEST(HttpsClient, VerifiesTheCertificateAndItsName) {
  const Identity identity = MakeIdentity("server", "IP:127.0.0.1,DNS:am.example");
  const TlsServer server(identity, "");
  TlsOptions options;
  options.ca_file = identity.cert_file;
  ExpectHello(Get(server, options));
  options.server_name = "am.example";
  ExpectHello(Get(server, options));
  options.server_name = "other.example";
  ExpectRefused(Get(server, options), "certificate is refused");
}

TEST(HttpsClient, TrustsNobodyElsesCertificateUnlessToldTo) {
  const Identity identity = MakeIdentity("unknown", "IP:127.0.0.1");
  const TlsServer server(identity, "");
  TlsOptions options;
  options.ca_file = MakeIdentity("authority", "DNS:ca").cert_file;
  ExpectRefused(Get(server, options), "certificate is refused");
  options.insecure_skip_verify = true;
  ExpectHello(Get(server, options));
}

TEST(HttpsClient, ShowsItsOwnCertificate) {
  const Identity identity = MakeIdentity("mutual", "IP:127.0.0.1");
  const Identity client = MakeIdentity("client", "DNS:client");
  const TlsServer server(identity, client.cert_file);
  TlsOptions options;
  options.ca_file = identity.cert_file;
  EXPECT_FALSE(Get(server, options).ok());
  options.cert_file = client.cert_file;
  options.key_file = client.key_file;
  ExpectHello(Get(server, options));
}

TEST(HttpsClient, NamesAFileItCannotUse) {
  const Identity identity = MakeIdentity("named", "IP:127.0.0.1");
  const TlsServer server(identity, "");
  TlsOptions options;
  options.ca_file = identity.key_file + ".gone";
  ExpectRefused(Get(server, options),
                "cannot use " + options.ca_file + " as certificate authority");
}

// A kept connection would go on with the old files.
TEST(HttpsClient, UsesRenewedFilesForTheNextRequest) {
  const Identity old_ca = MakeIdentity("renewed_before", "DNS:ca");
  const Identity identity = MakeIdentity("renewed", "IP:127.0.0.1");
  const TlsServer server(identity, "");
  TlsOptions options;
  options.ca_file = ::testing::TempDir() + "https_renewed_ca.crt";
  std::filesystem::copy_file(old_ca.cert_file, options.ca_file,
                             std::filesystem::copy_options::overwrite_existing);
  ExpectRefused(Get(server, options), "certificate is refused");
  std::filesystem::copy_file(identity.cert_file, options.ca_file,
                             std::filesystem::copy_options::overwrite_existing);
  ExpectHello(Get(server, options));
}

}  // namespace
}  // namespace baro::net
