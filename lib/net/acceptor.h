// The listening socket behind an address as it stands on a command line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace baro::net {

// "HOST:PORT"; an empty host is every IPv4 address of the machine.
// Errors: InvalidArgument (address), Unavailable (cannot listen, with the system's reason).
absl::StatusOr<boost::asio::ip::tcp::acceptor> ListenOn(boost::asio::io_context* io,
                                                        std::string_view address);

}  // namespace baro::net
