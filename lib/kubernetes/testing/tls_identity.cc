#include "baro/kubernetes/testing/tls_identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <functional>

#include "baro/base/check.h"

namespace baro::kubernetes::testing {
namespace {

std::string Pem(const std::function<int(BIO*)>& write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  BARO_CHECK(bio != nullptr && write(bio) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

void AddExtension(X509* cert, int id, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
  BARO_CHECK(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TlsIdentity MakeTlsIdentity() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("kubernetes"), -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  AddExtension(cert, NID_subject_alt_name, "IP:127.0.0.1");
  BARO_CHECK(X509_sign(cert, key, EVP_sha256()) > 0);
  TlsIdentity identity;
  identity.cert = Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, cert); });
  identity.key = Pem([&](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(cert);
  EVP_PKEY_free(key);
  return identity;
}

}  // namespace baro::kubernetes::testing
