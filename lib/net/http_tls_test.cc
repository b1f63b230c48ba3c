// The same server over TLS.
// Method: a certificate made on the spot, and OpenSSL's own blocking client.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include "baro/base/eventually.h"
#include "baro/net/http_server.h"
#include "baro/net/testing/raw_client.h"
#include "baro/net/tls_server.h"
#include "gtest/gtest.h"

namespace baro::net {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using testing::RawClient;

struct Certificate {
  std::string pem;
  std::string key;
};

std::string Text(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// Self-signed, for localhost, good for an hour.
Certificate MakeCertificate() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -60);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3'600);
  X509_set_pubkey(x509, key);
  X509_NAME* const name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509_sign(x509, key, EVP_sha256());
  Certificate made;
  BIO* const pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, x509);
  made.pem = Text(pem);
  BIO* const key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  made.key = Text(key_pem);
  X509_free(x509);
  EVP_PKEY_free(key);
  return made;
}

std::unique_ptr<HttpServer> StartTls(const TlsServerOptions& tls) {
  auto context = MakeTlsServerContext(tls);
  EXPECT_TRUE(context.ok()) << context.status();
  HttpRouter router;
  router.Handle({"GET", "POST"}, "/echo", HttpLane::kQuick, [](const ServerRequest& request) {
    ServerResponse response = ServerResponse::Text(200, request.body);
    if (request.body.empty()) response.body.emplace_back(3'000'000, 'x');
    return response;
  });
  HttpServerOptions options;
  options.tls = [context = *context] { return context; };
  options.head_timeout_ms = 5'000;
  auto server = HttpServer::Start(std::move(options), std::move(router));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

// Status line and body of one request; what went wrong instead.
std::string Ask(uint16_t port, const Certificate& trusted, const std::string& request,
                const Certificate* own = nullptr) {
  asio::io_context io;
  ssl::context context(ssl::context::tls_client);
  boost::system::error_code error;
  context.add_certificate_authority(asio::buffer(trusted.pem), error);
  context.set_verify_mode(ssl::verify_peer, error);
  if (own != nullptr) {
    context.use_certificate_chain(asio::buffer(own->pem), error);
    context.use_private_key(asio::buffer(own->key), ssl::context::pem, error);
  }
  ssl::stream<tcp::socket> stream(io, context);
  stream.lowest_layer().connect({asio::ip::address_v4::loopback(), port}, error);
  stream.handshake(ssl::stream_base::client, error);
  if (!error) asio::write(stream, asio::buffer(request), error);
  if (error) return error.message();
  std::string answer;
  asio::read(stream, asio::dynamic_buffer(answer), error);
  return answer.empty() ? error.message() : answer;
}

constexpr char kLarge[] = "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST(HttpTls, AnswersOverTlsAndSaysGoodbye) {
  const Certificate certificate = MakeCertificate();
  const auto server = StartTls({.certificate_pem = certificate.pem, .key_pem = certificate.key});
  const std::string answer = Ask(server->port(), certificate, kLarge);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer.substr(0, 100);
  EXPECT_GT(answer.size(), 3'000'000u);
  const std::string body(400'000, 'b');
  const std::string posted =
      Ask(server->port(), certificate,
          "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n" +
              body);
  EXPECT_TRUE(posted.ends_with(body)) << posted.substr(0, 200);
}

TEST(HttpTls, EndsConnectionsThatDoNotSpeakIt) {
  const Certificate certificate = MakeCertificate();
  const auto server = StartTls({.certificate_pem = certificate.pem, .key_pem = certificate.key});
  RawClient client(server->port());
  ASSERT_TRUE(client.Send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(client.ReadAll().find("200 OK"), std::string::npos);
  EXPECT_TRUE(base::Eventually([&] { return server->GetStats().requests_broken_total == 1; }));
}

TEST(HttpTls, VerifiesClientsWhenToldTo) {
  const Certificate certificate = MakeCertificate();
  const Certificate friendly = MakeCertificate();
  const Certificate stranger = MakeCertificate();
  const auto server = StartTls({.certificate_pem = certificate.pem,
                                .key_pem = certificate.key,
                                .client_ca_pem = friendly.pem,
                                .client_auth = ClientAuth::kRequireAndVerify});
  EXPECT_EQ(Ask(server->port(), certificate, kLarge).find("200 OK"), std::string::npos);
  EXPECT_EQ(Ask(server->port(), certificate, kLarge, &stranger).find("200 OK"), std::string::npos);
  EXPECT_TRUE(Ask(server->port(), certificate, kLarge, &friendly).starts_with("HTTP/1.1 200 OK"));
}

TEST(HttpTls, SaysWhatCannotBeUsed) {
  const Certificate certificate = MakeCertificate();
  const Certificate other = MakeCertificate();
  const auto why = [](const TlsServerOptions& options) {
    return std::string(MakeTlsServerContext(options).status().message());
  };
  EXPECT_TRUE(why({.certificate_pem = "x", .key_pem = "y"}).starts_with("cannot use the cert"));
  EXPECT_TRUE(why({.certificate_pem = certificate.pem, .key_pem = "y"})
                  .starts_with("cannot use the private key"));
  EXPECT_NE(why({.certificate_pem = certificate.pem, .key_pem = other.key}), "");
  EXPECT_EQ(why({.certificate_pem = certificate.pem,
                 .key_pem = certificate.key,
                 .client_auth = ClientAuth::kRequireAndVerify}),
            "clients cannot be verified without their CA");
  EXPECT_EQ(why({.certificate_pem = certificate.pem,
                 .key_pem = certificate.key,
                 .ciphers = {"NO-SUCH-CIPHER"}}),
            "cannot use the cipher suites: OpenSSL knows none of them");
}

}  // namespace
}  // namespace baro::net
