#include "http_sender.h"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace baro::notify {

namespace asio = boost::asio;

struct HttpSender::Impl {
  asio::io_context io{1};
  net::HttpClient client{io.get_executor()};
  std::atomic<bool> cancelled = false;
};

HttpSender::HttpSender() : impl_(std::make_unique<Impl>()) {}
HttpSender::~HttpSender() = default;

absl::StatusOr<net::HttpResponse> HttpSender::Send(net::HttpRequest request) {
  absl::StatusOr<net::HttpResponse> result = absl::CancelledError("cannot send: shutting down");
  if (impl_->cancelled) return result;
  asio::co_spawn(
      impl_->io, impl_->client.Send(std::move(request)),
      [&result](const std::exception_ptr& thrown, absl::StatusOr<net::HttpResponse> response) {
        if (!thrown) result = std::move(response);
      });
  // A Cancel() just before was too early for the client, which had nothing to close yet.
  if (impl_->cancelled) asio::post(impl_->io, [this] { impl_->client.Close(); });
  impl_->io.restart();
  impl_->io.run();
  return result;
}

void HttpSender::Cancel() {
  impl_->cancelled = true;
  asio::post(impl_->io, [impl = impl_.get()] { impl->client.Close(); });
}

}  // namespace baro::notify
