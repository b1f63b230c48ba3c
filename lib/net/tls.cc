#include "baro/net/tls.h"

#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <iterator>
#include <optional>
#include <utility>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "tls_context.h"

namespace baro::net {

namespace ssl = boost::asio::ssl;

namespace {

constexpr std::pair<std::string_view, int> kVersions[] = {{"TLS10", TLS1_VERSION},
                                                          {"TLS11", TLS1_1_VERSION},
                                                          {"TLS12", TLS1_2_VERSION},
                                                          {"TLS13", TLS1_3_VERSION}};

std::optional<int> VersionOf(std::string_view name) {
  for (const auto& [word, version] : kVersions) {
    if (word == name) return version;
  }
  return std::nullopt;
}

void CheckPair(std::string_view file_key, bool text_given, bool file_given, base::YamlMap* map) {
  if (!text_given || !file_given) return;
  map->Fail(file_key, base::StrCat(file_key.substr(0, file_key.find('_')), " and ", file_key,
                                   " exclude each other"));
}

// "cannot use FILE as …: what OpenSSL says"
absl::Status Refuse(std::string_view what, const std::string& file,
                    const boost::system::error_code& error) {
  return absl::InvalidArgumentError(base::StrCat("cannot use ", file.empty() ? "tls_config" : file,
                                                 " as ", what, ": ", error.message()));
}

absl::Status LoadAuthorities(const TlsOptions& options, ssl::context* context) {
  boost::system::error_code error;
  if (!options.ca.empty()) {
    context->add_certificate_authority(boost::asio::buffer(options.ca), error);
  } else if (!options.ca_file.empty()) {
    context->load_verify_file(options.ca_file, error);
  } else {
    context->set_default_verify_paths(error);
  }
  return error ? Refuse("certificate authority", options.ca_file, error) : absl::OkStatus();
}

absl::Status LoadIdentity(const TlsOptions& options, ssl::context* context) {
  boost::system::error_code error;
  if (!options.cert.empty()) {
    context->use_certificate_chain(boost::asio::buffer(options.cert), error);
  } else if (!options.cert_file.empty()) {
    context->use_certificate_chain_file(options.cert_file, error);
  }
  if (error) return Refuse("client certificate", options.cert_file, error);
  if (!options.key.empty()) {
    context->use_private_key(boost::asio::buffer(options.key), ssl::context::pem, error);
  } else if (!options.key_file.empty()) {
    context->use_private_key_file(options.key_file, ssl::context::pem, error);
  }
  return error ? Refuse("client key", options.key_file, error) : absl::OkStatus();
}

}  // namespace

absl::Status ReadYaml(const base::YamlNode& node, TlsOptions* tls) {
  base::YamlMap map(node);
  map.Optional("ca_file", &tls->ca_file);
  map.Optional("ca", &tls->ca);
  map.Optional("cert_file", &tls->cert_file);
  map.Optional("cert", &tls->cert);
  map.Optional("key_file", &tls->key_file);
  map.Optional("key", &tls->key);
  map.Optional("server_name", &tls->server_name);
  map.Optional("insecure_skip_verify", &tls->insecure_skip_verify);
  map.Optional("min_version", &tls->min_version);
  map.Optional("max_version", &tls->max_version);
  CheckPair("ca_file", !tls->ca.empty(), !tls->ca_file.empty(), &map);
  CheckPair("cert_file", !tls->cert.empty(), !tls->cert_file.empty(), &map);
  CheckPair("key_file", !tls->key.empty(), !tls->key_file.empty(), &map);
  const bool has_cert = !tls->cert.empty() || !tls->cert_file.empty();
  const bool has_key = !tls->key.empty() || !tls->key_file.empty();
  if (has_cert != has_key) {
    map.Fail(has_cert ? "cert_file" : "key_file", "a client certificate needs both cert and key");
  }
  for (const char* key : {"min_version", "max_version"}) {
    const std::string& version = key[1] == 'i' ? tls->min_version : tls->max_version;
    if (version.empty() || VersionOf(version)) continue;
    map.Fail(key, base::StrCat("\"", version, "\" is none of TLS10, TLS11, TLS12, TLS13"));
  }
  return map.Finish();
}

absl::StatusOr<std::shared_ptr<ssl::context>> MakeTlsContext(const TlsOptions& options) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(),
                                VersionOf(options.min_version).value_or(TLS1_2_VERSION));
  SSL_CTX_set_max_proto_version(context->native_handle(),
                                VersionOf(options.max_version).value_or(0));
  BARO_TRY(LoadAuthorities(options, context.get()));
  BARO_TRY(LoadIdentity(options, context.get()));
  return context;
}

std::string TlsFilesStamp(const TlsOptions& options) {
  std::string stamp;
  for (const std::string* file : {&options.ca_file, &options.cert_file, &options.key_file}) {
    struct stat status = {};
    if (file->empty() || stat(file->c_str(), &status) != 0) continue;
    base::StrAppend(&stamp, *file, ":", status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec, ":",
                    status.st_size, ":", status.st_ino, ";");
  }
  return stamp;
}

}  // namespace baro::net
