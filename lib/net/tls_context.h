// TlsContext: OpenSSL's side of a TlsOptions.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "baro/net/tls.h"

namespace baro::net {

// Reads the files. Errors: InvalidArgument, with the file and what is wrong with it.
absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(
    const TlsOptions& options);

// Differs once one of the files has changed.
std::string TlsFilesStamp(const TlsOptions& options);

}  // namespace baro::net
