#include "web_config.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/base/yaml.h"

namespace baro::collector {
namespace {

constexpr size_t kRightMax = 100;
// Compared against when there is no such user, so that the answer takes as long. No password gives
// this hash.
constexpr char kNobody[] = "$2y$10$......................6O0uVVc4uQ1eRR2YyXk9o2FWZ3BzE7W";
constexpr size_t kPemBytesMax = size_t{1} << 20;

template <typename T>
struct Word {
  const char* word;
  T value;
};

constexpr Word<net::ClientAuth> kClientAuths[] = {
    {"NoClientCert", net::ClientAuth::kNone},
    {"RequestClientCert", net::ClientAuth::kRequest},
    {"RequireClientCert", net::ClientAuth::kRequireAny},
    {"RequireAnyClientCert", net::ClientAuth::kRequireAny},
    {"VerifyClientCertIfGiven", net::ClientAuth::kVerifyIfGiven},
    {"RequireAndVerifyClientCert", net::ClientAuth::kRequireAndVerify},
};
constexpr Word<int> kVersions[] = {{"TLS13", TLS1_3_VERSION},
                                   {"TLS12", TLS1_2_VERSION},
                                   {"TLS11", TLS1_1_VERSION},
                                   {"TLS10", TLS1_VERSION}};
constexpr const char* kHeaders[] = {"Content-Security-Policy", "X-Frame-Options",
                                    "X-Content-Type-Options", "X-XSS-Protection",
                                    "Strict-Transport-Security"};

template <typename T, size_t n>
void TakeWord(base::YamlMap* map, const char* key, const Word<T> (&words)[n], T* value) {
  std::string text;
  map->Optional(key, &text);
  if (text.empty()) return;
  for (const auto& word : words) {
    if (text == word.word) {
      *value = word.value;
      return;
    }
  }
  map->Fail(key, base::StrCat("unknown value \"", text, "\""));
}

absl::StatusOr<std::string> ReadPem(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(base::StrCat("cannot read ", path.string()));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (text.size() > kPemBytesMax) {
    return absl::InvalidArgumentError(base::StrCat(path.string(), " is larger than 1 MiB"));
  }
  return text;
}

// The text under `key`, or what the file named under `key_file` holds.
void TakePem(base::YamlMap* map, const char* key, const char* file_key,
             const std::filesystem::path& folder, std::string* pem) {
  std::string path;
  map->Optional(key, pem);
  map->Optional(file_key, &path);
  if (path.empty()) return;
  if (!pem->empty()) return map->Fail(file_key, base::StrCat("given beside ", key));
  auto text = ReadPem(folder / path);
  if (!text.ok()) return map->Fail(file_key, base::FromAbsl(text.status().message()));
  *pem = *std::move(text);
}

absl::Status ReadTls(const base::YamlNode& node, const std::filesystem::path& folder,
                     net::TlsServerOptions* tls) {
  base::YamlMap map(node);
  TakePem(&map, "cert", "cert_file", folder, &tls->certificate_pem);
  TakePem(&map, "key", "key_file", folder, &tls->key_pem);
  TakePem(&map, "client_ca", "client_ca_file", folder, &tls->client_ca_pem);
  TakeWord(&map, "client_auth_type", kClientAuths, &tls->client_auth);
  TakeWord(&map, "min_version", kVersions, &tls->version_min);
  TakeWord(&map, "max_version", kVersions, &tls->version_max);
  std::vector<std::string> suites;
  map.Optional("cipher_suites", &suites);
  for (const std::string& suite : suites) {
    const char* const name = OPENSSL_cipher_name(suite.c_str());
    if (name == nullptr || std::string_view(name) == "(NONE)") {
      map.Fail("cipher_suites", base::StrCat("unknown cipher suite \"", suite, "\""));
    } else if (!suite.starts_with("TLS_AES_") && !suite.starts_with("TLS_CHACHA20_")) {
      tls->ciphers.emplace_back(name);
    }
  }
  map.Ignore("prefer_server_cipher_suites");  // without effect in Prometheus, too
  if (tls->certificate_pem.empty()) map.Fail("cert_file", "missing: a server needs a certificate");
  if (tls->key_pem.empty()) map.Fail("key_file", "missing: a server needs its private key");
  return map.Finish();
}

absl::Status ReadHttp(const base::YamlNode& node, net::HttpHeaders* headers) {
  base::YamlMap map(node);
  map.Ignore("http2");  // HTTP/1.1 is what there is, and what clients then take
  std::map<std::string, std::string> given;
  map.Optional("headers", &given);
  for (const auto& [name, value] : given) {
    if (std::find(std::begin(kHeaders), std::end(kHeaders), name) == std::end(kHeaders)) {
      map.Fail("headers", base::StrCat("header \"", name, "\" can not be configured"));
    }
    if (value.find_first_of("\r\n") != std::string::npos) {
      map.Fail("headers", base::StrCat("header \"", name, "\" has a line break"));
    }
    headers->emplace_back(name, value);
  }
  return map.Finish();
}

std::string DecodeBase64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

// User and password of an Authorization header.
std::optional<std::pair<std::string, std::string>> BasicCredentials(std::string_view header) {
  constexpr size_t kHeaderBytesMax = 4'096;
  if (header.size() > kHeaderBytesMax || header.size() < 6) return std::nullopt;
  if (header.substr(0, 6) != "Basic " && header.substr(0, 6) != "basic ") return std::nullopt;
  const std::string text = DecodeBase64(header.substr(6));
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

std::string Digest(const std::string& hash, const std::string& password) {
  const std::string text = base::StrCat(hash, std::string_view("\0", 1), password);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

bool SameBytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

absl::StatusOr<WebConfig> ReadWebConfig(const std::string& path) {
  BARO_TRY_ASSIGN(const base::YamlNode document, base::ReadYamlFile(path));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  WebConfig config;
  base::YamlMap map(document);
  if (const base::YamlNode* node = map.Take("tls_server_config"); node && !node->IsNull()) {
    config.tls.emplace();
    map.Keep(ReadTls(*node, folder, &*config.tls));
  }
  if (const base::YamlNode* node = map.Take("http_server_config")) {
    map.Keep(ReadHttp(*node, &config.headers));
  }
  map.Optional("basic_auth_users", &config.users);
  for (const auto& [user, hash] : config.users) {
    if (!hash.starts_with("$2") || hash.size() != 60) {
      map.Fail("basic_auth_users",
               base::StrCat("the password of \"", user, "\" is not a bcrypt hash"));
    }
  }
  BARO_TRY(map.Finish());
  return config;
}

absl::Status WebSecurity::Load(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  BARO_TRY_ASSIGN(WebConfig config, ReadWebConfig(path));
  std::shared_ptr<boost::asio::ssl::context> tls;
  if (config.tls) {
    auto made = net::MakeTlsServerContext(*config.tls);
    if (!made.ok()) {
      return absl::InvalidArgumentError(
          base::StrCat(path, ": tls_server_config: ", base::FromAbsl(made.status().message())));
    }
    tls = *std::move(made);
  }
  base::MutexLock lock(&mutex_);
  config_ = std::make_shared<const WebConfig>(std::move(config));
  tls_ = std::move(tls);
  right_.clear();
  return absl::OkStatus();
}

std::shared_ptr<boost::asio::ssl::context> WebSecurity::Tls() const {
  base::MutexLock lock(&mutex_);
  return tls_;
}

std::shared_ptr<const WebConfig> WebSecurity::config() const {
  base::MutexLock lock(&mutex_);
  return config_;
}

void WebSecurity::Decorate(net::ServerResponse* response) const {
  for (const auto& header : config()->headers) response->headers.push_back(header);
}

std::optional<net::ServerResponse> WebSecurity::Guard(const net::ServerRequest& request) {
  const std::shared_ptr<const WebConfig> config = this->config();
  if (config->users.empty()) return std::nullopt;
  if (const auto given = BasicCredentials(request.Header("Authorization"))) {
    const auto user = config->users.find(given->first);
    const bool known = user != config->users.end();
    if (IsRight(known ? user->second : kNobody, given->second) && known) return std::nullopt;
  }
  net::ServerResponse response = net::ServerResponse::Text(401, "Unauthorized\n");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

bool WebSecurity::IsRight(const std::string& hash, const std::string& password) {
  const std::string digest = Digest(hash, password);
  {
    base::MutexLock lock(&mutex_);
    if (right_.contains(digest)) return true;
  }
  base::MutexLock one_at_a_time(&bcrypt_mutex_);
  const auto work = std::make_unique<crypt_data>();  // 32 KiB
  const char* const made = crypt_r(password.c_str(), hash.c_str(), work.get());
  if (made == nullptr || !SameBytes(made, hash)) return false;
  base::MutexLock lock(&mutex_);
  if (right_.size() >= kRightMax) right_.clear();
  right_.insert(digest);
  return true;
}

}  // namespace baro::collector
