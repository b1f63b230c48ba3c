#include <boost/asio.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replay_verbs.h"
#include "request_stream.h"

namespace baro::bench {
namespace {

namespace asio = boost::asio;

constexpr int kTriesMax = 200;
constexpr std::chrono::milliseconds kRetryDelay{50};

struct Request {
  RequestHead head;
  std::string body;
};

// The requests of a stream, a row at a time.
class RequestReader {
 public:
  explicit RequestReader(std::FILE* in) : in_(in) { ReadHead(); }
  // False at the end.
  bool ReadRow(std::vector<Request>* requests) {
    requests->clear();
    for (const uint32_t row = next_.row; more_ && next_.row == row; ReadHead()) {
      Request request{next_, std::string(next_.bytes, '\0')};
      if (std::fread(request.body.data(), 1, request.body.size(), in_) != request.body.size()) {
        std::fprintf(stderr, "remote_write_replay: the stream ends within a request\n");
        std::exit(1);
      }
      requests->push_back(std::move(request));
    }
    return !requests->empty();
  }

 private:
  void ReadHead() {
    more_ = std::fread(&next_, sizeof(next_), 1, in_) == 1;
    if (more_ && next_.mark != kRequestMark) {
      std::fprintf(stderr, "remote_write_replay: not a stream of requests\n");
      std::exit(1);
    }
  }
  std::FILE* in_;
  RequestHead next_;
  bool more_ = false;
};

struct Totals {
  uint64_t samples = 0, requests = 0, retried = 0, refused = 0, reconnected = 0, bytes = 0;
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& byte : lower) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return lower;
}

// One kept-alive connection. Some servers end connections of some age; then there is a new one.
class Sender {
 public:
  Sender(asio::io_context* io, const SendOptions& options, Totals* totals)
      : socket_(*io), timer_(*io), totals_(totals) {
    const size_t colon = options.address.rfind(':');
    endpoints_ = asio::ip::tcp::resolver(*io).resolve(options.address.substr(0, colon),
                                                      options.address.substr(colon + 1));
    head_ = "POST " + options.path + " HTTP/1.1\r\nHost: " + options.address +
            "\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
            "User-Agent: barograph-bench\r\n"
            "X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: ";
    Connect();
  }

  // Every `step`-th request, from the `first`.
  asio::awaitable<void> SendAll(const std::vector<Request>* requests, size_t first, size_t step) {
    for (size_t i = first; i < requests->size(); i += step) co_await SendUntilTaken((*requests)[i]);
  }

 private:
  void Connect() {
    if (socket_.is_open()) socket_.close();
    answer_.clear();
    asio::connect(socket_, endpoints_);
    socket_.set_option(asio::ip::tcp::no_delay(true));
  }

  asio::awaitable<void> SendUntilTaken(const Request& request) {
    int status = co_await SendOrReconnect(request.body);
    for (int tries = 1; (status == 429 || status >= 500) && tries < kTriesMax; ++tries) {
      ++totals_->retried;
      timer_.expires_after(kRetryDelay);
      co_await timer_.async_wait(asio::use_awaitable);
      status = co_await SendOrReconnect(request.body);
    }
    ++totals_->requests;
    totals_->bytes += request.body.size();
    if (status < 300) {
      totals_->samples += request.head.samples;
    } else {
      ++totals_->refused;
    }
  }

  // A connection that the server closed between two requests is no failure of the second one.
  asio::awaitable<int> SendOrReconnect(const std::string& body) {
    try {
      co_return co_await SendOnce(body);
    } catch (const boost::system::system_error&) {
      ++totals_->reconnected;
    }
    Connect();
    co_return co_await SendOnce(body);
  }

  asio::awaitable<int> SendOnce(const std::string& body) {
    const std::string head = head_ + std::to_string(body.size()) + "\r\n\r\n";
    const std::vector<asio::const_buffer> buffers{asio::buffer(head), asio::buffer(body)};
    co_await asio::async_write(socket_, buffers, asio::use_awaitable);
    const size_t size = co_await asio::async_read_until(socket_, asio::dynamic_buffer(answer_),
                                                        "\r\n\r\n", asio::use_awaitable);
    const int status = std::atoi(answer_.c_str() + 9);
    const std::string fields = Lower(std::string_view(answer_).substr(0, size));
    const size_t length = BodyLength(fields);
    if (answer_.size() < size + length) {
      const size_t missing = size + length - answer_.size();
      co_await asio::async_read(socket_, asio::dynamic_buffer(answer_),
                                asio::transfer_exactly(missing), asio::use_awaitable);
    }
    if (status >= 300)
      std::fprintf(stderr, "%d %s\n", status, answer_.substr(size, length).c_str());
    answer_.erase(0, size + length);
    if (fields.find("\r\nconnection: close") != std::string::npos) {
      ++totals_->reconnected;
      Connect();
    }
    co_return status;
  }

  static size_t BodyLength(const std::string& fields) {
    const size_t at = fields.find("\r\ncontent-length:");
    return at == std::string::npos ? 0 : static_cast<size_t>(std::atoll(fields.c_str() + at + 17));
  }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  asio::ip::tcp::resolver::results_type endpoints_;
  Totals* totals_;
  std::string head_;
  std::string answer_;
};

void Report(const Totals& totals, uint32_t row, std::chrono::steady_clock::time_point begin) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf(
      "{\"row\": %u, \"samples\": %llu, \"requests\": %llu, \"retried\": %llu, \"refused\": %llu, "
      "\"reconnected\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n",
      row, static_cast<unsigned long long>(totals.samples),
      static_cast<unsigned long long>(totals.requests),
      static_cast<unsigned long long>(totals.retried),
      static_cast<unsigned long long>(totals.refused),
      static_cast<unsigned long long>(totals.reconnected),
      static_cast<unsigned long long>(totals.bytes), seconds.count());
  std::fflush(stdout);
}

// Returns when every request of the row was answered; throws what a connection threw.
void SendRow(asio::io_context* io, const std::vector<Request>& requests,
             const std::vector<std::unique_ptr<Sender>>& senders) {
  std::exception_ptr failure;
  for (size_t i = 0; i < senders.size(); ++i) {
    asio::co_spawn(*io, senders[i]->SendAll(&requests, i, senders.size()),
                   [&failure](std::exception_ptr thrown) {
                     if (thrown) failure = thrown;
                   });
  }
  io->restart();
  io->run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int Send(const SendOptions& options) {
  std::FILE* const in = options.in == "-" ? stdin : std::fopen(options.in.c_str(), "rb");
  if (in == nullptr) {
    std::fprintf(stderr, "remote_write_replay: cannot read %s\n", options.in.c_str());
    return 1;
  }
  asio::io_context io(1);
  Totals totals;
  uint32_t row = 0;
  const auto begin = std::chrono::steady_clock::now();
  try {
    std::vector<std::unique_ptr<Sender>> senders;
    for (size_t i = 0; i < options.connections; ++i)
      senders.push_back(std::make_unique<Sender>(&io, options, &totals));
    RequestReader reader(in);
    std::vector<Request> requests;
    for (size_t rows = 1; reader.ReadRow(&requests); ++rows) {
      SendRow(&io, requests, senders);
      row = requests.front().head.row;
      if (options.report_rows != 0 && rows % options.report_rows == 0) Report(totals, row, begin);
    }
  } catch (const boost::system::system_error& error) {
    std::fprintf(stderr, "remote_write_replay: after row %u: %s\n", row, error.what());
    return 1;
  }
  Report(totals, row, begin);
  return totals.refused == 0 ? 0 : 1;
}

}  // namespace baro::bench
