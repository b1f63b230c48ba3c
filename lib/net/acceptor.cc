#include "acceptor.h"

#include <string>

#include "baro/base/status.h"
#include "baro/base/strings.h"
#include "baro/net/form.h"
#include "baro/net/listen.h"

namespace baro::net {

namespace asio = boost::asio;
using asio::ip::tcp;

absl::StatusOr<tcp::acceptor> ListenOn(asio::io_context* io, std::string_view address) {
  BARO_TRY_ASSIGN(const HostPort where, ParseHostPort(address));
  const auto cannot = [address](const boost::system::error_code& error) {
    return absl::UnavailableError(
        base::StrCat("cannot listen on ", address, ": ", error.message()));
  };
  boost::system::error_code error;
  tcp::resolver resolver(*io);
  const std::string host = where.host.empty() ? "0.0.0.0" : where.host;
  const auto found =
      resolver.resolve(host, std::to_string(where.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return cannot(error);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor acceptor(*io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot(error);
  return acceptor;
}

absl::Status ProbeListen(std::string_view address) {
  asio::io_context io;
  return ListenOn(&io, address).status();
}

}  // namespace baro::net
