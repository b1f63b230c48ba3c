// HttpStream: a server's end of a connection, plain or TLS, with one face for both.
//
// Plain connections pay one branch an operation. TLS lies over the same tcp_stream, whose timeouts
// therefore bound it, too.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace baro::net {

// Strand-bound, as its connection.
class HttpStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;
  using TlsStream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  // `tls` is null for plain connections; kept until the connection ends.
  HttpStream(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls)
      : plain_(std::move(socket)), context_(std::move(tls)) {
    if (context_ != nullptr) tls_.emplace(plain_, *context_);
  }

  executor_type get_executor() { return plain_.get_executor(); }
  boost::asio::ip::tcp::socket& socket() { return plain_.socket(); }
  template <typename Duration>
  void expires_after(Duration duration) {
    plain_.expires_after(duration);
  }
  void expires_never() { plain_.expires_never(); }
  void close() { plain_.close(); }
  // Null when plain.
  TlsStream* tls() { return tls_ ? &*tls_ : nullptr; }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
    return plain_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
    return plain_.async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  boost::beast::tcp_stream plain_;
  const std::shared_ptr<boost::asio::ssl::context> context_;
  std::optional<TlsStream> tls_;
};

}  // namespace baro::net
